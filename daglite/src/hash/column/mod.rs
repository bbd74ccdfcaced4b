//! Columns of any library in Arrow's layout, and how their content is hashed: alike wherever the buffers begin, whatever
//! lies under nulls and between the rows, and however a column is cut into chunks.
//!
//! A library's arrays are looked at as [`Column`]s, which lend their buffers. [`write`] hashes them, [`kind`] has their
//! types, [`rows`] says which of their rows count and [`bits`] reads bitmaps.

#![cfg_attr(
    not(all(feature = "arrow", feature = "polars")),
    allow(dead_code, reason = "each library needs the most of it")
)]

mod bits;
mod kind;
mod rows;
mod write;

use std::ops::Range;

pub(super) use bits::Bits;
pub(super) use kind::{FieldOf, Kind, write_fields};
pub(super) use write::write_columns;

use super::Element;

/// An array as its buffers, lent.
pub(super) struct Column<'a> {
    /// How many rows it has.
    pub(super) len: usize,
    /// Which of them are there, if some may not.
    pub(super) validity: Option<Bits<'a>>,
    /// The values.
    pub(super) content: Content<'a>,
}

/// The values of a column.
pub(super) enum Content<'a> {
    /// There are none.
    Null,
    /// Truth values.
    Bits(Bits<'a>),
    /// Values of one width, one after the other.
    Fixed(Fixed<'a>),
    /// Text or bytes that lie where the spans say.
    Text {
        /// Where the values lie.
        spans: Spans<'a>,
        /// The bytes of all.
        bytes: &'a [u8],
    },
    /// Text or bytes that lie anywhere, each shorter than 4 GiB.
    Views(&'a dyn Views),
    /// Lists and maps.
    List {
        /// Where the items of each row lie.
        spans: Spans<'a>,
        /// The items of all.
        items: Box<Column<'a>>,
    },
    /// Lists of one length.
    FixedList {
        /// How many items each has.
        size: usize,
        /// The items of all.
        items: Box<Column<'a>>,
    },
    /// Several values a row.
    Struct(Vec<Column<'a>>),
    /// Rows that stand for rows of another column: a dictionary, or runs.
    Indirect {
        /// Which one a row stands for. Asked of rows that are there only.
        index: Box<dyn Fn(usize) -> usize + Sync + 'a>,
        /// The other column.
        items: Box<Column<'a>>,
    },
    /// Rows of several columns.
    Union {
        /// Which column a row is of.
        tags: &'a [i8],
        /// Which row of it; the same if there is nothing.
        offsets: Option<&'a [i32]>,
        /// The columns and their tags.
        variants: Vec<(i8, Column<'a>)>,
    },
}

/// Text or bytes that lie anywhere.
pub(super) trait Views: Sync {
    /// Those of one row.
    fn bytes(&self, row: usize) -> &[u8];
}

/// Values of one width.
pub(super) struct Fixed<'a> {
    /// What they are hashed as; bytes if there is no such number.
    pub(super) element: Element,
    /// The widths of the numbers that a value is made of, for machines that turn the bytes of numbers around.
    pub(super) parts: &'static [usize],
    /// Bytes of one value.
    pub(super) width: usize,
    /// The bytes of all.
    pub(super) bytes: &'a [u8],
}

/// Where the values of rows lie in what they share.
#[derive(Clone, Copy)]
pub(super) enum Spans<'a> {
    /// From one offset to the next.
    Small(&'a [i32]),
    /// The same, for more.
    Large(&'a [i64]),
    /// From an offset on, so many.
    SmallViews(&'a [i32], &'a [i32]),
    /// The same, for more.
    LargeViews(&'a [i64], &'a [i64]),
}

impl Spans<'_> {
    /// Where the values of a run of rows lie, if nothing lies between them; else those of one row.
    fn places(&self, run: Range<usize>) -> Range<usize> {
        match self {
            Self::Small(offsets) => offsets[run.start] as usize..offsets[run.end] as usize,
            Self::Large(offsets) => offsets[run.start] as usize..offsets[run.end] as usize,
            Self::SmallViews(offsets, sizes) => {
                let start = offsets[run.start] as usize;
                start..start + sizes[run.start] as usize
            }
            Self::LargeViews(offsets, sizes) => {
                let start = offsets[run.start] as usize;
                start..start + sizes[run.start] as usize
            }
        }
    }

    /// Whether nothing lies between the values of rows.
    fn gapless(&self) -> bool {
        matches!(self, Self::Small(_) | Self::Large(_))
    }

    /// What lengths are hashed as.
    fn length_element(&self) -> Element {
        match self {
            Self::Small(_) | Self::SmallViews(..) => Element::U32,
            Self::Large(_) | Self::LargeViews(..) => Element::U64,
        }
    }
}
