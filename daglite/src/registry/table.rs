//! Tables of text as CSV: a missing value is nothing, and text of no letters is `""`, so that each comes back as it was.

use crate::error::BoxError;

/// The cells of a table, by columns.
pub(super) struct Table {
    /// One text a column.
    pub(super) header: Vec<String>,
    /// The values of each, `None` where one is missing.
    pub(super) columns: Vec<Vec<Option<String>>>,
    /// How many rows there are: of no columns, too.
    pub(super) rows: usize,
}

/// Writes a line for the header and one for each row; `cell` has the text of a column's row.
pub(super) fn write<'a>(
    header: &[String],
    rows: usize,
    cell: impl Fn(usize, usize) -> Option<&'a str>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut line = |cells: &mut dyn Iterator<Item = Option<&str>>| {
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                bytes.push(b',');
            }
            write_cell(cell, &mut bytes);
        }
        bytes.push(b'\n');
    };
    line(&mut header.iter().map(|cell| Some(cell.as_str())));
    for row in 0..rows {
        line(&mut (0..header.len()).map(|column| cell(column, row)));
    }
    bytes
}

fn write_cell(cell: Option<&str>, bytes: &mut Vec<u8>) {
    let Some(text) = cell else { return };
    // Spaces at the ends are quoted because some readers take them away.
    let plain = |letter: char| !matches!(letter, ',' | '"' | '\n' | '\r');
    if !text.is_empty() && text.chars().all(plain) && text.trim().len() == text.len() {
        return bytes.extend_from_slice(text.as_bytes());
    }
    bytes.push(b'"');
    bytes.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    bytes.push(b'"');
}

/// Reads what [`write`] wrote, and any CSV whose first line is a header.
pub(super) fn read(bytes: &[u8]) -> Result<Table, BoxError> {
    let text = std::str::from_utf8(bytes)?;
    let mut reader = Reader { text, at: 0, line: 1 };
    let header = reader.record()?.ok_or("there is no header")?;
    // A line without a letter is a header of no columns: a column has at least a name or `""`.
    let header: Vec<String> = match &header[..] {
        [None] => Vec::new(),
        _ => header.into_iter().map(Option::unwrap_or_default).collect(),
    };
    let mut columns = vec![Vec::new(); header.len()];
    let mut rows = 0;
    loop {
        let line = reader.line;
        let Some(record) = reader.record()? else { break };
        rows += 1;
        if header.is_empty() && record == [None] {
            continue;
        }
        if record.len() != header.len() {
            let (found, wanted) = (record.len(), header.len());
            return Err(format!("line {line} has {found} cells, and the header {wanted}").into());
        }
        columns.iter_mut().zip(record).for_each(|(column, cell)| column.push(cell));
    }
    Ok(Table { header, columns, rows })
}

/// A place in a text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Reader<'_> {
    /// The cells of the next line, if there is one.
    fn record(&mut self) -> Result<Option<Vec<Option<String>>>, BoxError> {
        if self.at == self.text.len() {
            return Ok(None);
        }
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell()?);
            let rest = &self.text[self.at..];
            if rest.starts_with(',') {
                self.at += 1;
                continue;
            }
            self.at += match rest {
                rest if rest.starts_with('\n') => 1,
                rest if rest.starts_with("\r\n") => 2,
                "" => return Err(format!("line {} has no end: the text is cut", self.line).into()),
                _ => {
                    let line = self.line;
                    return Err(
                        format!("line {line} goes on behind a closing quotation mark").into()
                    );
                }
            };
            self.line += 1;
            return Ok(Some(cells));
        }
    }

    /// The next cell of a line.
    fn cell(&mut self) -> Result<Option<String>, BoxError> {
        let rest = &self.text[self.at..];
        let Some(quoted) = rest.strip_prefix('"') else {
            let end = rest.find([',', '\n']).unwrap_or(rest.len());
            let cell = rest[..end].strip_suffix('\r').unwrap_or(&rest[..end]);
            self.at += cell.len();
            return Ok((!cell.is_empty()).then(|| cell.to_owned()));
        };
        let mut text = String::new();
        let mut from = 0;
        loop {
            let Some(end) = quoted[from..].find('"') else {
                let line = self.line;
                return Err(format!("a quotation mark is not closed from line {line} on").into());
            };
            text.push_str(&quoted[from..from + end]);
            from += end + 1;
            if !quoted[from..].starts_with('"') {
                break;
            }
            text.push('"');
            from += 1;
        }
        self.at += 1 + from;
        self.line += text.matches('\n').count();
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was() {
        let texts = [
            None,
            Some(""),
            Some(" a"),
            Some("a,b"),
            Some("say \"hi\""),
            Some("x\r\ny"),
            Some("ü"),
        ];
        let header = ["a".to_owned(), "b,\"c\"".to_owned()];
        let cell = |column: usize, row: usize| texts[(row + column * 3) % texts.len()];
        let bytes = write(&header, 7, cell);
        let table = read(&bytes).unwrap();
        assert_eq!((table.header, table.rows), (header.to_vec(), 7));
        for (column, cells) in table.columns.iter().enumerate() {
            let expected: Vec<Option<&str>> = (0..7).map(|row| cell(column, row)).collect();
            assert_eq!(cells.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn rows_without_columns_are_counted_and_one_missing_value_is_a_row() {
        assert_eq!(write(&[], 2, |_, _| None), b"\n\n\n");
        let table = read(b"\n\n\n").unwrap();
        assert_eq!((table.header.len(), table.rows), (0, 2));
        let table = read(b"a\n\n1\n").unwrap();
        assert_eq!(table.columns, [[None, Some("1".to_owned())]]);
    }

    #[test]
    fn what_is_no_table_is_told_with_its_line() {
        for (text, why) in [
            ("", "no header"),
            ("a,b\n1,2\n3\n", "line 3 has 1 cells, and the header 2"),
            ("a\n\"x\ny\"\n1,2\n", "line 4 has 2 cells"),
            ("a\n1", "line 2 has no end"),
            ("a\n\"1", "not closed from line 2 on"),
            ("a\n\"1\"2\n", "line 2 goes on behind"),
        ] {
            let error = read(text.as_bytes()).err().unwrap().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
        assert!(read(&[b'a', 0xff, b'\n']).is_err());
        assert_eq!(read(b"a,b\r\n1,2\r\n").unwrap().rows, 1);
    }
}
