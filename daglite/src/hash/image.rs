//! Content of images: colour model, size, colour space and every sample, where they lie.

use std::ops::Deref;

use image::{ColorType, DynamicImage, ImageBuffer, Luma, LumaA, Pixel, Rgb, Rgba};

use super::{ContentHash, ContentHasher};

/// Does the same with the buffer of every kind of [`DynamicImage`]; kinds that came later are the last arm's.
macro_rules! each_kind {
    ($image:expr, $buffer:ident => $known:expr, _ => $unknown:expr) => {
        match $image {
            image::DynamicImage::ImageLuma8($buffer) => $known,
            image::DynamicImage::ImageLumaA8($buffer) => $known,
            image::DynamicImage::ImageRgb8($buffer) => $known,
            image::DynamicImage::ImageRgba8($buffer) => $known,
            image::DynamicImage::ImageLuma16($buffer) => $known,
            image::DynamicImage::ImageLumaA16($buffer) => $known,
            image::DynamicImage::ImageRgb16($buffer) => $known,
            image::DynamicImage::ImageRgba16($buffer) => $known,
            image::DynamicImage::ImageRgb32F($buffer) => $known,
            image::DynamicImage::ImageRgba32F($buffer) => $known,
            _ => $unknown,
        }
    };
}

pub(crate) use each_kind;

impl<P, Container> ContentHash for ImageBuffer<P, Container>
where
    P: Pixel<Subpixel: ContentHash>,
    Container: Deref<Target = [P::Subpixel]>,
{
    fn content_hash(&self, hasher: &mut ContentHasher) {
        let space = self.color_space();
        hasher.begin_builtin("Image");
        hasher.begin_tuple(5);
        hasher.str(P::COLOR_MODEL);
        hasher.u32(self.width());
        hasher.u32(self.height());
        hasher.bytes(&[
            space.primaries as u8,
            space.transfer as u8,
            space.matrix as u8,
            space.full_range as u8,
        ]);
        // All that the container holds: it may be more than the image needs, and a task sees that too.
        self.as_raw().content_hash(hasher);
    }
}

impl ContentHash for DynamicImage {
    /// The same as the buffer that it holds.
    fn content_hash(&self, hasher: &mut ContentHasher) {
        each_kind!(self, buffer => buffer.content_hash(hasher), _ => hasher.fail(unknown_kind(self.color())));
    }
}

/// What is said of a kind of image that came after this version of daglite.
pub(crate) fn unknown_kind(color: ColorType) -> String {
    format!(
        "this version of daglite does not know images of {color:?}: convert them to a kind that it knows"
    )
}

/// A pixel alone: its channels.
macro_rules! pixels {
    ($($pixel:ident)*) => {$(
        impl<S: ContentHash> ContentHash for $pixel<S> {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                hasher.begin_builtin(stringify!($pixel));
                self.0.content_hash(hasher);
            }
        }
    )*};
}

pixels! { Luma LumaA Rgb Rgba }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_a_later_kind_is_named_with_what_to_do() {
        let text = unknown_kind(ColorType::Rgb16);
        assert!(
            text.ends_with("know images of Rgb16: convert them to a kind that it knows"),
            "{text}"
        );
    }
}
