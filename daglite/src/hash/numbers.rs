//! Content of numbers, `bool` and `char`: tagged one by one, by bulk in slices.

use std::borrow::Cow;
use std::num::{NonZero, Saturating, Wrapping};

use super::{Apart, ContentHash, ContentHasher, Element};

/// A type that hashes itself by a writer of its name, slices of itself by their bytes, and what lies apart by the bytes of
/// one after the other.
macro_rules! by_bulk {
    ($($type:ident as $element:ident, |$one:ident| $own:expr, |$slice:ident| $bytes:expr;)*) => {$(
        impl ContentHash for $type {
            #[inline]
            fn content_hash(&self, hasher: &mut ContentHasher) {
                hasher.$type(*self);
            }

            fn content_hash_slices(pieces: [&[Self]; 2], hasher: &mut ContentHasher) {
                let count = pieces[0].len() + pieces[1].len();
                let [first, second] = pieces.map(|$slice| $bytes);
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

/// The little-endian bytes of a slice: where it lies, if the machine is little-endian.
macro_rules! little_endian {
    ($slice:ident, $element:ident => $convert:expr, in_place = $in_place:expr) => {
        if $in_place {
            Cow::Borrowed(bytemuck::cast_slice::<_, u8>($slice))
        } else {
            Cow::<[u8]>::Owned($slice.iter().flat_map(|$element| $convert).collect())
        }
    };
    ($slice:ident) => {
        little_endian!($slice, x => x.to_le_bytes(), in_place = cfg!(target_endian = "little"))
    };
}

/// Whether `usize` lies in memory as a little-endian `u64`.
const WORD_IS_U64: bool = cfg!(all(target_endian = "little", target_pointer_width = "64"));

by_bulk! {
    u8 as U8, |x| [x], |slice| Cow::Borrowed(slice);
    u16 as U16, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    u32 as U32, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    u64 as U64, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    u128 as U128, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    usize as Usize, |x| (x as u64).to_le_bytes(), |slice| little_endian!(slice, x => (*x as u64).to_le_bytes(), in_place = WORD_IS_U64);
    i8 as I8, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    i16 as I16, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    i32 as I32, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    i64 as I64, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    i128 as I128, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    isize as Isize, |x| (x as i64).to_le_bytes(), |slice| little_endian!(slice, x => (*x as i64).to_le_bytes(), in_place = WORD_IS_U64);
    f32 as F32, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    f64 as F64, |x| x.to_le_bytes(), |slice| little_endian!(slice);
    bool as Bool, |x| [u8::from(x)], |slice| Cow::Borrowed(bytemuck::cast_slice(slice));
    char as Char, |x| u32::from(x).to_le_bytes(), |slice| little_endian!(slice, x => u32::from(*x).to_le_bytes(), in_place = cfg!(target_endian = "little"));
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
