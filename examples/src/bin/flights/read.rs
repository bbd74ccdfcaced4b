//! Reads the rows of a table kept as zstd-compressed CSV.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::str::FromStr;

use ruzstd::decoding::StreamingDecoder;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// The rows of the table in `path`, each made from one line of the file.
pub(crate) fn rows<Line, Row>(path: &Path) -> Result<Vec<Row>, csv::Error>
where
    Line: DeserializeOwned,
    Row: TryFrom<Line, Error: Display>,
{
    let file = io::BufReader::new(std::fs::File::open(path)?);
    let text = StreamingDecoder::new(file).map_err(io::Error::other)?;
    parse(text)
}

/// The rows of a table in plain CSV with a header line.
pub(crate) fn parse<Line, Row>(text: impl io::Read) -> Result<Vec<Row>, csv::Error>
where
    Line: DeserializeOwned,
    Row: TryFrom<Line, Error: Display>,
{
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(text);
    let headers = reader.headers()?.clone();
    let mut record = csv::StringRecord::new();
    let mut rows = Vec::new();
    while reader.read_record(&mut record)? {
        let line: Line = record.deserialize(Some(&headers))?;
        let row = Row::try_from(line).map_err(|error| {
            let at = record.position().map_or(0, csv::Position::line);
            io::Error::other(format!("line {at}: {error}"))
        })?;
        rows.push(row);
    }
    Ok(rows)
}

/// A field that holds a number, or `NA` where nothing was recorded. Anything else is an error.
pub(crate) fn number_or_na<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: FromStr<Err: Display>,
{
    match <&str>::deserialize(deserializer)? {
        "NA" => Ok(None),
        text => {
            text.parse().map(Some).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
        }
    }
}

/// A moment such as `2013-01-01T10:00:00Z`, in whole hours since 2013 began in UTC.
pub(crate) fn hours_of_2013<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    const START: i64 = 1_356_998_400;
    let text = <&str>::deserialize(deserializer)?;
    let moment = chrono::DateTime::parse_from_rfc3339(text)
        .map_err(|error| D::Error::custom(format!("`{text}`: {error}")))?;
    u32::try_from((moment.timestamp() - START).div_euclid(3600))
        .map_err(|_| D::Error::custom(format!("`{text}` is before 2013")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Line {
        #[serde(deserialize_with = "number_or_na")]
        delay: Option<i16>,
        #[serde(deserialize_with = "hours_of_2013")]
        time: u32,
    }

    fn read(text: &str) -> Result<Vec<(Option<i16>, u32)>, csv::Error> {
        let lines = parse::<Line, Line>(text.as_bytes())?;
        Ok(lines.iter().map(|line| (line.delay, line.time)).collect())
    }

    #[test]
    fn na_is_none_and_columns_are_found_by_name() {
        let text = "time,unused,delay\n2013-01-01T00:00:00Z,x,NA\n2013-01-02T01:00:00Z,y,-7\n";
        assert_eq!(read(text).unwrap(), [(None, 0), (Some(-7), 25)]);
    }

    #[test]
    fn the_new_year_eve_of_new_york_ends_in_2014() {
        let text = "delay,time\n1,2014-01-01T04:00:00Z\n";
        assert_eq!(read(text).unwrap(), [(Some(1), 365 * 24 + 4)]);
    }

    #[test]
    fn a_field_that_is_neither_a_number_nor_na_is_an_error_with_its_line() {
        let text = "delay,time\n1,2013-01-01T00:00:00Z\nlate,2013-01-01T00:00:00Z\n";
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains("line: 3") && message.contains("`late`"), "{message}");
    }

    #[test]
    fn a_missing_column_is_an_error_that_names_it() {
        let message = read("delay\n1\n").unwrap_err().to_string();
        assert!(message.contains("time"), "{message}");
    }

    #[test]
    fn a_time_before_2013_is_an_error() {
        let message = read("delay,time\n1,2012-12-31T23:00:00Z\n").unwrap_err().to_string();
        assert!(message.contains("before 2013"), "{message}");
    }
}
