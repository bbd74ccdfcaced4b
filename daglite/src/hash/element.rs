//! `Element` and `Unordered`: what parts of the stream are.

use super::tag;

/// What the bytes of [`ContentHasher::bulk`] are.
///
/// ```
/// assert_eq!(daglite::Element::F64.size(), 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Element {
    /// `bool`, one byte each, 0 or 1.
    Bool,
    /// `char`, as `u32`.
    Char,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `u128`.
    U128,
    /// `usize`, as `u64`.
    Usize,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `i128`.
    I128,
    /// `isize`, as `i64`.
    Isize,
    /// `f32`, its bits.
    F32,
    /// `f64`, its bits.
    F64,
}

impl Element {
    /// Its tag in the stream, and its width in bytes.
    const fn tag_and_size(self) -> (u8, usize) {
        match self {
            Self::Bool => (tag::BOOL, 1),
            Self::Char => (tag::CHAR, 4),
            Self::U8 => (tag::U8, 1),
            Self::U16 => (tag::U16, 2),
            Self::U32 => (tag::U32, 4),
            Self::U64 => (tag::U64, 8),
            Self::U128 => (tag::U128, 16),
            Self::Usize => (tag::USIZE, 8),
            Self::I8 => (tag::I8, 1),
            Self::I16 => (tag::I16, 2),
            Self::I32 => (tag::I32, 4),
            Self::I64 => (tag::I64, 8),
            Self::I128 => (tag::I128, 16),
            Self::Isize => (tag::ISIZE, 8),
            Self::F32 => (tag::F32, 4),
            Self::F64 => (tag::F64, 8),
        }
    }

    /// Its tag in the stream.
    pub(super) const fn tag(self) -> u8 {
        self.tag_and_size().0
    }

    /// Bytes of one element in the stream.
    pub const fn size(self) -> usize {
        self.tag_and_size().1
    }
}

/// What an [unordered](ContentHasher::unordered) collection is.
///
/// ```
/// assert_ne!(daglite::Unordered::Map, daglite::Unordered::Set);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unordered {
    /// Keys and values; an entry's digest is that of its key and then its value.
    Map = 1,
    /// Elements.
    Set = 2,
}
