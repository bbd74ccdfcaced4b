//! Hashes columns: which rows are there, and then the values of those, packed.
//!
//! A column of which some rows are missing is `Some` of a tuple: the bitmap of those that are there, and their values. Else it
//! is the values alone; and `()` without any row, so that nobody needs to know of which type chunks that are not there were.
//! Nothing is copied but pieces of what does not lie together, and no element is written by itself.

use std::borrow::Cow;
use std::iter;
use std::ops::Range;

use super::bits::Bits;
use super::rows::{Anchors, Lead, Rows};
use super::{Column, Content, Fixed, Spans, Views};
use crate::hash::deep::deeper;
use crate::hash::{ContentHasher, Element};

/// Hashes a column that lies in chunks, as if it were one.
pub(in crate::hash) fn write_columns(chunks: &[Column<'_>], hasher: &mut ContentHasher) {
    let parts = chunks.iter().map(|column| Part { column, rows: Rows::Run(0..column.len) });
    write_column(&parts.collect::<Vec<_>>(), hasher);
}

/// Rows of one chunk. All parts of a column have content of the same kind.
struct Part<'r> {
    column: &'r Column<'r>,
    rows: Rows<'r>,
}

/// Which rows are there.
enum Mask<'r> {
    All,
    Nothing,
    Ones(Bits<'r>),
    Each(Box<dyn Fn(usize) -> bool + Sync + 'r>),
}

fn write_column(parts: &[Part<'_>], hasher: &mut ContentHasher) {
    let parts: Vec<&Part<'_>> = parts.iter().filter(|part| part.rows.len() > 0).collect();
    let Some(first) = parts.first() else { return hasher.unit() };
    if matches!(first.column.content, Content::Null) {
        return hasher.unit();
    }
    if hasher.has_enough() {
        return;
    }
    let valid: Vec<Part<'_>> = parts.iter().map(|part| part.valid()).collect();
    if parts.iter().zip(&valid).any(|(all, valid)| all.rows.len() != valid.rows.len()) {
        hasher.some();
        hasher.begin_tuple(2);
        write_bits(&parts, |part, run, into, at| part.mask().copy(run, into, at), hasher);
    }
    write_values(&valid.iter().collect::<Vec<_>>(), hasher);
}

/// Hashes the values of rows that are all there.
fn write_values(parts: &[&Part<'_>], hasher: &mut ContentHasher) {
    let parts: Vec<&Part<'_>> = parts.iter().copied().filter(|part| part.rows.len() > 0).collect();
    let Some(first) = parts.first() else { return hasher.unit() };
    match &first.column.content {
        Content::Null => unreachable!("no row of it is there"),
        Content::Bits(_) => write_bits(
            &parts,
            |part, run, into, at| {
                if let Content::Bits(bits) = &part.content {
                    bits.copy(run, into, at);
                }
            },
            hasher,
        ),
        Content::Fixed(fixed) => write_fixed(&parts, fixed, hasher),
        Content::Text { spans, .. } => {
            hasher.begin_tuple(2);
            write_lengths(&parts, spans.length_element(), hasher);
            write_bytes(&parts, hasher);
        }
        Content::Views(_) => {
            hasher.begin_tuple(2);
            write_lengths(&parts, Element::U32, hasher);
            write_bytes(&parts, hasher);
        }
        Content::List { spans, .. } => {
            hasher.begin_tuple(2);
            write_lengths(&parts, spans.length_element(), hasher);
            write_below(&parts, |column| Some((column.items()?, column.lead()?)), hasher);
        }
        Content::FixedList { .. } => {
            write_below(&parts, |column| Some((column.items()?, column.lead()?)), hasher);
        }
        Content::Struct(columns) => {
            hasher.begin_tuple(columns.len());
            for at in 0..columns.len() {
                let child = parts.iter().filter_map(|part| {
                    Some(Part { column: part.column.child(at)?, rows: Rows::Same(&part.rows) })
                });
                let child: Vec<Part<'_>> = child.collect();
                deeper(|| write_column(&child, hasher));
            }
        }
        Content::Indirect { .. } => {
            let below = below(&parts, |column| Some((column.items()?, column.lead()?)));
            deeper(|| write_values(&below.iter().collect::<Vec<_>>(), hasher));
        }
        Content::Union { variants, .. } => {
            hasher.begin_tuple(1 + variants.len());
            write_tags(&parts, hasher);
            for at in 0..variants.len() {
                write_below(&parts, |column| column.variant(at), hasher);
            }
        }
    }
}

/// Hashes a column below the parts, of the rows that theirs lead to.
fn write_below<'r>(
    parts: &[&'r Part<'r>],
    child: impl Fn(&'r Column<'r>) -> Option<(&'r Column<'r>, Lead<'r>)>,
    hasher: &mut ContentHasher,
) {
    let below = below(parts, child);
    deeper(|| write_column(&below, hasher));
}

/// The column below, with the rows that those of the parts lead to.
fn below<'r>(
    parts: &[&'r Part<'r>],
    child: impl Fn(&'r Column<'r>) -> Option<(&'r Column<'r>, Lead<'r>)>,
) -> Vec<Part<'r>> {
    let below = parts.iter().filter_map(|part| {
        let (column, lead) = child(part.column)?;
        Some(Part { column, rows: Rows::below(&part.rows, lead) })
    });
    below.collect()
}

/// Hashes one bit a row. `copy` adds those of a run to the bits of a piece, from a place on.
fn write_bits(
    parts: &[&Part<'_>],
    copy: impl Fn(&Column<'_>, Range<usize>, &mut [u8], usize) + Sync,
    hasher: &mut ContentHasher,
) {
    let len = len(parts);
    hasher.bulk_from(Element::U8, len.div_ceil(8), &|first, into| {
        into.fill(0);
        let (mut at, wanted) = (0, (len - first * 8).min(into.len() * 8));
        walk(parts, first * 8, &mut |column, mut run| {
            run.end = run.end.min(run.start + wanted - at);
            let count = run.len();
            copy(column, run, into, at);
            at += count;
            at < wanted
        });
    });
}

/// Hashes values of one width, that of the `first` part's.
fn write_fixed(parts: &[&Part<'_>], first: &Fixed<'_>, hasher: &mut ContentHasher) {
    let (element, width) = (first.element, first.width);
    let size = element.size();
    let count = len(parts) * width / size;
    if let ([part], true) = (parts, cfg!(target_endian = "little"))
        && let (Some(run), Some(fixed)) = (part.rows.run(), part.column.fixed())
    {
        return hasher.bulk(element, count, &fixed.bytes[run.start * width..run.end * width]);
    }
    hasher.bulk_from(element, count, &|first, into| {
        let from = first * size;
        let (row, mut skip, mut rest) = (from / width.max(1), from % width.max(1), into);
        walk(parts, row, &mut |column, run| {
            if let Some(fixed) = column.fixed() {
                let bytes =
                    fixed.little_endian(run.start * width + skip..run.end * width, rest.len());
                rest = fill(std::mem::take(&mut rest), &bytes);
            }
            skip = 0;
            !rest.is_empty()
        });
    });
}

/// Hashes how long the value of each row is.
fn write_lengths(parts: &[&Part<'_>], element: Element, hasher: &mut ContentHasher) {
    let size = element.size();
    hasher.bulk_from(element, len(parts), &|first, into| {
        let mut lengths = into.chunks_exact_mut(size);
        let mut next = lengths.next();
        walk(parts, first, &mut |column, run| {
            for row in run {
                let Some(length) = next.take() else { return false };
                length.copy_from_slice(&(column.length(row) as u64).to_le_bytes()[..size]);
                next = lengths.next();
            }
            next.is_some()
        });
    });
}

/// Hashes the tags of a union's rows.
fn write_tags(parts: &[&Part<'_>], hasher: &mut ContentHasher) {
    hasher.bulk_from(Element::I8, len(parts), &|first, into| {
        let mut rest = into;
        walk(parts, first, &mut |column, run| {
            if let Content::Union { tags, .. } = &column.content {
                rest = fill(std::mem::take(&mut rest), bytemuck::cast_slice(&tags[run]));
            }
            !rest.is_empty()
        });
    });
}

/// Hashes the bytes of text, one value after the other.
fn write_bytes(parts: &[&Part<'_>], hasher: &mut ContentHasher) {
    let sources: Vec<Bytes<'_>> = parts.iter().filter_map(|part| Bytes::of(part)).collect();
    if let [Bytes::Spans { rows, bytes }] = &sources[..]
        && let Some(run) = rows.run()
    {
        return hasher.bulk(Element::U8, run.len(), &bytes[run]);
    }
    let count = sources.iter().map(Bytes::len).sum();
    hasher.bulk_from(Element::U8, count, &|first, into| {
        let (mut from, mut rest) = (first, into);
        for source in &sources {
            let len = source.len();
            if from < len {
                rest = source.read(from, rest);
            }
            from = from.saturating_sub(len);
            if rest.is_empty() {
                return;
            }
        }
    });
}

/// The bytes of text in one part.
enum Bytes<'r> {
    /// They lie in one piece, at these places.
    Spans { rows: Rows<'r>, bytes: &'r [u8] },
    /// They lie anywhere.
    Views { rows: &'r Rows<'r>, views: &'r dyn Views, anchors: Anchors },
}

impl<'r> Bytes<'r> {
    fn of(part: &'r Part<'r>) -> Option<Self> {
        match &part.column.content {
            Content::Text { bytes, .. } => {
                let rows = Rows::below(&part.rows, part.column.lead()?);
                Some(Self::Spans { rows, bytes })
            }
            Content::Views(views) => {
                let rows = &part.rows;
                let anchors = Anchors::new(rows, |run| run.map(|row| views.bytes(row).len()).sum());
                Some(Self::Views { rows, views: *views, anchors })
            }
            _ => unreachable!("all parts of a column are of one kind"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Spans { rows, .. } => rows.len(),
            Self::Views { anchors, .. } => anchors.len,
        }
    }

    /// Fills in the bytes from number `from` on; what is returned is still to be filled.
    fn read<'i>(&self, from: usize, into: &'i mut [u8]) -> &'i mut [u8] {
        let mut rest = into;
        match self {
            Self::Spans { rows, bytes } => rows.walk(from, &mut |run| {
                rest = fill(std::mem::take(&mut rest), &bytes[run]);
                !rest.is_empty()
            }),
            Self::Views { rows, views, anchors } => {
                let (row, mut skip) = anchors.find(from);
                rows.walk(row, &mut |run| {
                    for row in run {
                        let bytes = views.bytes(row);
                        let left_out = bytes.len().min(skip);
                        skip -= left_out;
                        rest = fill(std::mem::take(&mut rest), &bytes[left_out..]);
                        if rest.is_empty() {
                            return false;
                        }
                    }
                    true
                })
            }
        };
        rest
    }
}

impl<'r> Part<'r> {
    /// The same column, with those of the rows that are there.
    fn valid(&'r self) -> Self {
        let rows = match self.column.mask() {
            Mask::All => Rows::Same(&self.rows),
            Mask::Nothing => Rows::Run(0..0),
            Mask::Ones(bits) => match self.rows.run() {
                Some(run) if bits.count_ones(run.clone()) == run.len() => Rows::Run(run),
                _ => Rows::ones(&self.rows, bits),
            },
            Mask::Each(there) => {
                let places = move |run: Range<usize>| {
                    let there = run.end - run.start == 1 && there(run.start);
                    run.start..run.start + usize::from(there)
                };
                Rows::below(&self.rows, Lead { gapless: false, places: Box::new(places) })
            }
        };
        Self { column: self.column, rows }
    }
}

impl Mask<'_> {
    /// Adds a bit for each row of a run to the bits of `into`, from number `at` on.
    fn copy(&self, run: Range<usize>, into: &mut [u8], at: usize) {
        match self {
            Self::Nothing => {}
            Self::Ones(bits) => bits.copy(run, into, at),
            Self::All => run.zip(at..).for_each(|(_, at)| into[at / 8] |= 1 << (at % 8)),
            Self::Each(there) => {
                for (row, at) in run.zip(at..) {
                    into[at / 8] |= u8::from(there(row)) << (at % 8);
                }
            }
        }
    }
}

impl<'a> Column<'a> {
    /// Which rows are there, those of a dictionary or of runs looked up.
    fn mask(&self) -> Mask<'_> {
        match &self.content {
            Content::Null => Mask::Nothing,
            Content::Union { .. } => Mask::All,
            Content::Indirect { index, items } => match (self.validity, items.mask()) {
                (None, Mask::All) => Mask::All,
                (Some(bits), Mask::All) => Mask::Ones(bits),
                (_, Mask::Nothing) => Mask::Nothing,
                (validity, Mask::Ones(below)) => Mask::Each(Box::new(move |row| {
                    validity.is_none_or(|bits| bits.get(row)) && below.get(index(row))
                })),
                (validity, Mask::Each(below)) => Mask::Each(Box::new(move |row| {
                    validity.is_none_or(|bits| bits.get(row)) && below(index(row))
                })),
            },
            _ => self.validity.map_or(Mask::All, Mask::Ones),
        }
    }

    fn fixed(&self) -> Option<&Fixed<'a>> {
        if let Content::Fixed(fixed) = &self.content { Some(fixed) } else { None }
    }

    /// How long the text or list of a row is.
    fn length(&self, row: usize) -> usize {
        match &self.content {
            Content::Text { spans, .. } | Content::List { spans, .. } => {
                spans.places(row..row + 1).len()
            }
            Content::Views(views) => views.bytes(row).len(),
            _ => unreachable!("only text and lists have lengths"),
        }
    }

    /// The one column below.
    fn items(&self) -> Option<&Column<'a>> {
        match &self.content {
            Content::List { items, .. }
            | Content::FixedList { items, .. }
            | Content::Indirect { items, .. } => Some(items),
            _ => unreachable!("nothing else has one column below"),
        }
    }

    /// Where rows lead to, in the bytes of text or in the one column below.
    fn lead(&self) -> Option<Lead<'_>> {
        match &self.content {
            Content::Text { spans, .. } | Content::List { spans, .. } => {
                let spans: Spans<'_> = *spans;
                Some(Lead {
                    gapless: spans.gapless(),
                    places: Box::new(move |run| spans.places(run)),
                })
            }
            Content::FixedList { size, .. } => {
                let size = *size;
                let places = move |run: Range<usize>| run.start * size..run.end * size;
                Some(Lead { gapless: true, places: Box::new(places) })
            }
            Content::Indirect { index, .. } => {
                let places = move |run: Range<usize>| {
                    let row = index(run.start);
                    row..row + 1
                };
                Some(Lead { gapless: false, places: Box::new(places) })
            }
            _ => unreachable!("nothing else leads anywhere"),
        }
    }

    /// A column of a struct.
    fn child(&self, at: usize) -> Option<&Column<'a>> {
        if let Content::Struct(columns) = &self.content { columns.get(at) } else { None }
    }

    /// A column of a union, and where rows lead to in it.
    fn variant(&self, at: usize) -> Option<(&Column<'a>, Lead<'_>)> {
        let Content::Union { tags, offsets, variants } = &self.content else { return None };
        let (tag, column) = variants.get(at)?;
        let places = move |run: Range<usize>| {
            let row = offsets.map_or(run.start, |offsets| offsets[run.start] as usize);
            row..row + usize::from(tags[run.start] == *tag)
        };
        Some((column, Lead { gapless: false, places: Box::new(places) }))
    }
}

impl Fixed<'_> {
    /// Bytes of the values, at most `wanted`, as a little-endian machine has them.
    fn little_endian(&self, range: Range<usize>, wanted: usize) -> Cow<'_, [u8]> {
        let range = range.start..range.end.min(range.start + wanted);
        if cfg!(target_endian = "little") { self.lying(range) } else { self.turned(range) }
    }

    /// The bytes as they lie.
    fn lying(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes[range])
    }

    /// The bytes of numbers that lie the other way round.
    fn turned(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let (first, last) = (range.start / self.width, range.end.div_ceil(self.width));
        let mut values = self.bytes[first * self.width..last * self.width].to_vec();
        let mut rest = &mut values[..];
        for part in iter::repeat_n(self.parts, last - first).flatten() {
            let (number, behind) = rest.split_at_mut(*part);
            number.reverse();
            rest = behind;
        }
        values.drain(..range.start - first * self.width);
        values.truncate(range.len());
        Cow::Owned(values)
    }
}

/// How many rows there are in all.
fn len(parts: &[&Part<'_>]) -> usize {
    parts.iter().map(|part| part.rows.len()).sum()
}

/// Shows runs of rows, from row number `from` on, until `visit` has seen enough.
fn walk<'r>(
    parts: &[&'r Part<'r>],
    mut from: usize,
    visit: &mut dyn FnMut(&'r Column<'r>, Range<usize>) -> bool,
) {
    for part in parts {
        let len = part.rows.len();
        if from < len && !part.rows.walk(from, &mut |run| visit(part.column, run)) {
            return;
        }
        from = from.saturating_sub(len);
    }
}

/// Copies as much as there is room for; what is returned is still to be filled.
fn fill<'i>(into: &'i mut [u8], bytes: &[u8]) -> &'i mut [u8] {
    let count = into.len().min(bytes.len());
    let (filled, rest) = into.split_at_mut(count);
    filled.copy_from_slice(&bytes[..count]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a big-endian machine runs.
    #[test]
    fn each_part_of_a_value_is_turned_wherever_the_bytes_that_are_asked_for_begin() {
        let bytes: Vec<u8> = (0..48).collect();
        let fixed = Fixed { element: Element::U8, parts: &[4, 4, 8], width: 16, bytes: &bytes };
        let turned = fixed.turned(0..48);
        assert_eq!(turned[..16], [3, 2, 1, 0, 7, 6, 5, 4, 15, 14, 13, 12, 11, 10, 9, 8]);
        assert_eq!(turned[32..36], [35, 34, 33, 32]);
        for (start, end) in [(0, 16), (5, 6), (3, 20), (16, 48), (17, 47), (48, 48)] {
            assert_eq!(fixed.turned(start..end)[..], turned[start..end], "{start}..{end}");
            assert_eq!(fixed.lying(start..end)[..], bytes[start..end], "{start}..{end}");
        }
    }
}
