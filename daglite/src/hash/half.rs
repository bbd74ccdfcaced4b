//! Content of `half` floats: their bits; many of them as bulk.

use half::{bf16, f16};

use super::{Apart, ContentHash, ContentHasher, Element};

/// Floats of two bytes: as `u16`, under their name.
macro_rules! halves {
    ($($type:ident = $name:literal;)*) => {$(
        impl ContentHash for $type {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                hasher.begin_builtin($name);
                hasher.u16(self.to_bits());
            }

            fn content_hash_slices(pieces: [&[Self]; 2], hasher: &mut ContentHasher) {
                hasher.begin_builtin($name);
                u16::content_hash_slices(pieces.map(bytemuck::cast_slice), hasher);
            }

            fn content_hash_apart(elements: &impl Apart<Self>, hasher: &mut ContentHasher) {
                hasher.begin_builtin($name);
                let (count, row) = (elements.count(), elements.row());
                hasher.bulk_rows_from(Element::U16, count, row, &|first, into| {
                    elements.fill(first, into.as_chunks_mut().0, |x| x.to_bits().to_le_bytes());
                });
            }
        }
    )*};
}

halves! {
    f16 = "half::f16";
    bf16 = "half::bf16";
}
