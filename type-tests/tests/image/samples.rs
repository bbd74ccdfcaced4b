//! Images of every kind, made from a seed.

use image::metadata::Cicp;
use image::{DynamicImage, ImageBuffer, Pixel, Primitive};

/// The same numbers for the same seed.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// A sample made of any bits.
pub(crate) trait Sample: Primitive + Send + Sync + 'static {
    fn of_bits(bits: u64) -> Self;
    fn bits(self) -> u64;
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl Sample for $integer {
            fn of_bits(bits: u64) -> Self {
                bits as $integer
            }
            fn bits(self) -> u64 {
                self as u64
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 i8 i16 i32 i64 }

impl Sample for f32 {
    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits as u32)
    }
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Sample for f64 {
    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// An image of any samples; of floats, many are no numbers, with any payload.
pub(crate) fn any<P>(width: u32, height: u32, seed: u64) -> ImageBuffer<P, Vec<P::Subpixel>>
where
    P: Pixel<Subpixel: Sample>,
{
    let mut numbers = Numbers(seed);
    let count = width as usize * height as usize * usize::from(P::CHANNEL_COUNT);
    let samples = (0..count).map(|_| P::Subpixel::of_bits(numbers.next())).collect();
    ImageBuffer::from_raw(width, height, samples).unwrap()
}

/// One image of each kind.
pub(crate) fn every_kind(width: u32, height: u32, seed: u64) -> [DynamicImage; 10] {
    [
        DynamicImage::ImageLuma8(any(width, height, seed)),
        DynamicImage::ImageLumaA8(any(width, height, seed)),
        DynamicImage::ImageRgb8(any(width, height, seed)),
        DynamicImage::ImageRgba8(any(width, height, seed)),
        DynamicImage::ImageLuma16(any(width, height, seed)),
        DynamicImage::ImageLumaA16(any(width, height, seed)),
        DynamicImage::ImageRgb16(any(width, height, seed)),
        DynamicImage::ImageRgba16(any(width, height, seed)),
        DynamicImage::ImageRgb32F(any(width, height, seed)),
        DynamicImage::ImageRgba32F(any(width, height, seed)),
    ]
}

/// Whether two images are the same to the last bit, where `==` would say that what is not a number is not itself.
pub(crate) fn same(left: &DynamicImage, right: &DynamicImage) -> bool {
    let head = |image: &DynamicImage| -> (image::ColorType, u32, u32, Cicp) {
        (image.color(), image.width(), image.height(), image.color_space())
    };
    head(left) == head(right) && left.as_bytes() == right.as_bytes()
}
