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
                hasher.bulk_from(Element::$element, elements.count() * 2, &|first, into| {
                    parts(first, into, |first, whole| {
                        elements.fill(first, whole, |x| [x.re, x.im].map(<$part>::to_le_bytes));
                    });
                });
            }
        }
    )*};
}

complex! {
    f32 as F32;
    f64 as F64;
}

/// Writes the bytes of parts, from number `first` on, which may begin or end in the middle of a complex number, by `fill`,
/// which writes whole ones.
fn parts<P: Pod>(first: usize, into: &mut [u8], fill: impl Fn(usize, &mut [[P; 2]])) {
    let size = size_of::<P>();
    let end = first + into.len() / size;
    let whole = first / 2..end.div_ceil(2);
    let mut pairs = vec![[P::zeroed(); 2]; whole.len()];
    fill(whole.start, &mut pairs);
    let bytes: &[u8] = bytemuck::cast_slice(&pairs);
    into.copy_from_slice(&bytes[(first % 2) * size..][..into.len()]);
}
