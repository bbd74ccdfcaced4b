//! Content of numbers, `bool` and `char`: tagged one by one, by bulk in slices.

use std::borrow::Cow;
use std::num::{NonZero, Saturating, Wrapping};

use bytemuck::NoUninit;

use super::{Apart, ContentHash, ContentHasher, Element};

/// A type that hashes itself by a writer of its name, slices of itself by their bytes, and what lies apart by the bytes of
/// one after the other. Where the machine keeps elements as the stream wants them, which is what the word says, a slice is
/// read where it lies.
macro_rules! by_bulk {
    ($($type:ident as $element:ident, $lies_so:ident, |$one:ident| $own:expr;)*) => {$(
        impl ContentHash for $type {
            #[inline]
            fn content_hash(&self, hasher: &mut ContentHasher) {
                hasher.$type(*self);
            }

            fn content_hash_slices(pieces: [&[Self]; 2], hasher: &mut ContentHasher) {
                let count = pieces[0].len() + pieces[1].len();
                let [first, second] =
                    pieces.map(|slice| little_endian(slice, $lies_so, |&$one| $own));
                hasher.bulk_pieces(Element::$element, count, [&first, &second]);
            }

            fn content_hash_apart(elements: &impl Apart<Self>, hasher: &mut ContentHasher) {
                let (count, row) = (elements.count(), elements.row());
                hasher.bulk_rows_from(Element::$element, count, row, &|first, into| {
                    const SIZE: usize = Element::$element.size();
                    let (into, _) = into.as_chunks_mut::<SIZE>();
                    elements.fill(first, into, |&$one| $own);
                });
            }
        }
    )*};
}

/// One byte lies alike everywhere.
const BYTE: bool = true;

/// Whether numbers lie in memory as little-endian ones.
const NUMBER: bool = cfg!(target_endian = "little");

/// Whether `usize` lies in memory as a little-endian `u64`.
const WORD: bool = cfg!(all(target_endian = "little", target_pointer_width = "64"));

by_bulk! {
    u8 as U8, BYTE, |x| [x];
    u16 as U16, NUMBER, |x| x.to_le_bytes();
    u32 as U32, NUMBER, |x| x.to_le_bytes();
    u64 as U64, NUMBER, |x| x.to_le_bytes();
    u128 as U128, NUMBER, |x| x.to_le_bytes();
    usize as Usize, WORD, |x| (x as u64).to_le_bytes();
    i8 as I8, BYTE, |x| x.to_le_bytes();
    i16 as I16, NUMBER, |x| x.to_le_bytes();
    i32 as I32, NUMBER, |x| x.to_le_bytes();
    i64 as I64, NUMBER, |x| x.to_le_bytes();
    i128 as I128, NUMBER, |x| x.to_le_bytes();
    isize as Isize, WORD, |x| (x as i64).to_le_bytes();
    f32 as F32, NUMBER, |x| x.to_le_bytes();
    f64 as F64, NUMBER, |x| x.to_le_bytes();
    bool as Bool, BYTE, |x| [u8::from(x)];
    char as Char, NUMBER, |x| u32::from(x).to_le_bytes();
}

/// The little-endian bytes of a slice: where they lie, if it `lies_so` in memory, else of one element after the other.
#[inline]
fn little_endian<T: NoUninit, const N: usize>(
    slice: &[T],
    lies_so: bool,
    bytes: impl Fn(&T) -> [u8; N],
) -> Cow<'_, [u8]> {
    if lies_so {
        return Cow::Borrowed(bytemuck::cast_slice(slice));
    }
    Cow::Owned(slice.iter().flat_map(bytes).collect())
}

/// `NonZero` of every integer; its parameter cannot be bounded on stable Rust.
macro_rules! non_zero {
    ($($type:ty)*) => {$(
        impl ContentHash for NonZero<$type> {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                hasher.begin_builtin("NonZero");
                self.get().content_hash(hasher);
            }
        }
    )*};
}

non_zero! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

impl<T: ContentHash> ContentHash for Wrapping<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Wrapping");
        self.0.content_hash(hasher);
    }
}

impl<T: ContentHash> ContentHash for Saturating<T> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Saturating");
        self.0.content_hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What other machines run.
    #[test]
    fn elements_that_are_turned_one_by_one_are_as_they_lie_on_a_little_endian_machine() {
        let numbers = [1_u32, 0x0203_0405, u32::MAX];
        let turned = little_endian(&numbers, false, |x| x.to_le_bytes());
        assert_eq!(turned[..8], [1, 0, 0, 0, 5, 4, 3, 2]);
        assert!(!NUMBER || turned == little_endian(&numbers, true, |x| x.to_le_bytes()));
        let letters = ['a', '\u{10ffff}'];
        let turned = little_endian(&letters, false, |&x| u32::from(x).to_le_bytes());
        assert_eq!(turned[..], [b'a', 0, 0, 0, 0xff, 0xff, 0x10, 0]);
        assert!(
            !NUMBER || turned == little_endian(&letters, true, |&x| u32::from(x).to_le_bytes())
        );
    }
}
