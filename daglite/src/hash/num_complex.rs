//! Content of `num_complex` numbers: both parts by their bits; many of them as bulk.

use bytemuck::Pod;
use num_complex::Complex;

use super::{Apart, ContentHash, ContentHasher, Element};

/// What every node of complex numbers begins with.
const NAME: &str = "num_complex::Complex";

/// Complex numbers of `$part`: their slices are those of twice as many parts.
macro_rules! complex {
    ($($part:ty as $element:ident;)*) => {$(
        impl ContentHash for Complex<$part> {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                hasher.begin_builtin(NAME);
                (self.re, self.im).content_hash(hasher);
            }

            fn content_hash_slices(pieces: [&[Self]; 2], hasher: &mut ContentHasher) {
                hasher.begin_builtin(NAME);
                <$part>::content_hash_slices(pieces.map(bytemuck::cast_slice), hasher);
            }

            fn content_hash_apart(elements: &impl Apart<Self>, hasher: &mut ContentHasher) {
                hasher.begin_builtin(NAME);
                let (count, row) = (elements.count() * 2, elements.row() * 2);
                hasher.bulk_rows_from(Element::$element, count, row, &|first, into| {
                    const SIZE: usize = size_of::<$part>();
                    let mut pairs = |first, into: &mut [[[u8; SIZE]; 2]]| {
                        elements.fill(first, into, |x| [x.re, x.im].map(<$part>::to_le_bytes));
                    };
                    fill_parts(first, into.as_chunks_mut().0, &mut pairs);
                });
            }
        }
    )*};
}

complex! {
    f32 as F32;
    f64 as F64;
}

/// Fills `into` with parts, from number `first` on, which may begin or end in the middle of a complex number, by `pairs`, which
/// fills in whole ones.
fn fill_parts<P: Pod>(first: usize, into: &mut [P], pairs: &mut impl FnMut(usize, &mut [[P; 2]])) {
    let mut half = |number, part: usize| {
        let mut pair = [[P::zeroed(); 2]];
        pairs(number, &mut pair);
        pair[0][part]
    };
    let (head, into) = into.split_at_mut((first % 2).min(into.len()));
    head.iter_mut().for_each(|part| *part = half(first / 2, 1));
    let (whole, tail) = into.as_chunks_mut();
    let number = first.div_ceil(2);
    tail.iter_mut().for_each(|part| *part = half(number + whole.len(), 0));
    pairs(number, whole);
}
