//! The formats of images: `png` for people, and `raw`, which every image has.

mod png;
mod raw;
mod space;

use image::metadata::Cicp;
use image::{DynamicImage, ImageBuffer, Luma, LumaA, Pixel, Rgb, Rgba};

use super::raw::sealed::Number;
use super::{Format, HasFormat, RawNumber};
use crate::error::BoxError;
use crate::hash::{each_kind, unknown_kind};

/// All that is to be known of an image but its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    color: Color,
    /// The name of the type of the samples.
    sample: &'static str,
    width: u32,
    height: u32,
    space: Cicp,
    /// How many samples there are: a buffer may hold more than its image needs.
    samples: usize,
}

/// What the channels of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Color {
    Luma,
    LumaA,
    Rgb,
    Rgba,
}

impl Color {
    /// How many channels there are.
    fn channels(self) -> usize {
        match self {
            Self::Luma => 1,
            Self::LumaA => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

impl Head {
    /// How many samples the image needs; `None` if no memory holds so many.
    fn needed(&self) -> Option<usize> {
        let pixels = usize::try_from(self.width).ok()?.checked_mul(self.height.try_into().ok()?)?;
        pixels.checked_mul(self.color.channels())
    }

    /// What kind of image it is, for messages.
    fn kind(&self) -> String {
        format!("{:?} of `{}`", self.color, self.sample)
    }
}

/// A pixel of the crate, with samples that are written as they lie in memory.
trait Stored: Pixel<Subpixel: RawNumber> {
    /// What its channels are.
    const COLOR: Color;
}

/// An image of pixels `P`.
type Buffer<P> = ImageBuffer<P, Vec<<P as Pixel>::Subpixel>>;

/// Bytes of an image whose head was read.
trait Opened {
    /// The head.
    fn head(&self) -> Head;
    /// The samples, which are of the type that the head names.
    fn samples<S: RawNumber>(self) -> Result<Vec<S>, BoxError>;
}

fn head_of<P: Stored>(image: &Buffer<P>) -> Head {
    Head {
        color: P::COLOR,
        sample: <P::Subpixel as Number>::NAME,
        width: image.width(),
        height: image.height(),
        space: image.color_space(),
        samples: image.as_raw().len(),
    }
}

/// The image, if it is one of `P`.
fn buffer<P: Stored>(opened: impl Opened) -> Result<Buffer<P>, BoxError> {
    let head = opened.head();
    let (color, sample) = (P::COLOR, <P::Subpixel as Number>::NAME);
    if (head.color, head.sample) != (color, sample) {
        return Err(format!("it holds {}, and not {color:?} of `{sample}`", head.kind()).into());
    }
    let (Head { width, height, space, .. }, samples) = (head, opened.samples()?);
    let image = ImageBuffer::from_raw(width, height, samples);
    let mut image = image.ok_or_else(|| too_few(&head))?;
    image.set_color_space(space)?;
    Ok(image)
}

fn too_few(head: &Head) -> BoxError {
    let Head { width, height, samples, .. } = head;
    format!("an image of {width} × {height} pixels needs more than {samples} samples").into()
}

/// The image, whatever it is one of.
fn dynamic(opened: impl Opened) -> Result<DynamicImage, BoxError> {
    let head = opened.head();
    Ok(match (head.color, head.sample) {
        (Color::Luma, "u8") => DynamicImage::ImageLuma8(buffer(opened)?),
        (Color::LumaA, "u8") => DynamicImage::ImageLumaA8(buffer(opened)?),
        (Color::Rgb, "u8") => DynamicImage::ImageRgb8(buffer(opened)?),
        (Color::Rgba, "u8") => DynamicImage::ImageRgba8(buffer(opened)?),
        (Color::Luma, "u16") => DynamicImage::ImageLuma16(buffer(opened)?),
        (Color::LumaA, "u16") => DynamicImage::ImageLumaA16(buffer(opened)?),
        (Color::Rgb, "u16") => DynamicImage::ImageRgb16(buffer(opened)?),
        (Color::Rgba, "u16") => DynamicImage::ImageRgba16(buffer(opened)?),
        (Color::Rgb, "f32") => DynamicImage::ImageRgb32F(buffer(opened)?),
        (Color::Rgba, "f32") => DynamicImage::ImageRgba32F(buffer(opened)?),
        _ => return Err(format!("no `DynamicImage` holds {}", head.kind()).into()),
    })
}

/// The name of the format that holds the image, if `png` does not.
fn beyond_png(head: &Head) -> Option<&'static str> {
    png::refusal(head).map(|_| raw::NAME)
}

fn png_of_buffer<P: Stored>() -> Format<Buffer<P>> {
    let encode = |image: &Buffer<P>| png::encode(&head_of(image), image.as_raw());
    Format::new(png::NAME, png::NAME, encode, |bytes| buffer(png::open(bytes)?)).version("1")
}

fn raw_of_buffer<P: Stored>() -> Format<Buffer<P>> {
    let encode = |image: &Buffer<P>| raw::encode(&head_of(image), image.as_raw());
    Format::new(raw::NAME, raw::EXTENSION, encode, |bytes| buffer(raw::open(bytes)?)).version("1")
}

/// `png`, unless it cannot hold the image (no pixels, samples of `f32`, a buffer larger than the image): then `raw`.
impl HasFormat for DynamicImage {
    fn formats() -> Vec<Format<Self>> {
        let png = |image: &Self| each_kind!(image, buffer => png::encode(&head_of(buffer), buffer.as_raw()), _ => Err(unknown_kind(image.color()).into()));
        let raw = |image: &Self| each_kind!(image, buffer => raw::encode(&head_of(buffer), buffer.as_raw()), _ => Err(unknown_kind(image.color()).into()));
        vec![
            Format::new(png::NAME, png::NAME, png, |bytes| dynamic(png::open(bytes)?)).version("1"),
            Format::new(raw::NAME, raw::EXTENSION, raw, |bytes| dynamic(raw::open(bytes)?))
                .version("1"),
        ]
    }

    fn preferred_format(&self) -> Option<&'static str> {
        each_kind!(self, buffer => beyond_png(&head_of(buffer)), _ => None)
    }
}

/// Images of one kind of pixel.
macro_rules! buffers {
    ($($pixel:ident)*) => {$(
        impl<S: RawNumber> Stored for $pixel<S>
        where
            Self: Pixel<Subpixel = S>,
        {
            const COLOR: Color = Color::$pixel;
        }

        /// Of samples `u8` and `u16`: `png`, unless it cannot hold the image (no pixels, a buffer larger than the image);
        /// then, and for all others, `raw`.
        impl<S: RawNumber> HasFormat for ImageBuffer<$pixel<S>, Vec<S>>
        where
            $pixel<S>: Pixel<Subpixel = S>,
        {
            fn formats() -> Vec<Format<Self>> {
                let png = png::DEPTHS.contains(&<S as Number>::NAME);
                let png = png.then(png_of_buffer::<$pixel<S>>);
                png.into_iter().chain([raw_of_buffer::<$pixel<S>>()]).collect()
            }

            fn preferred_format(&self) -> Option<&'static str> {
                beyond_png(&head_of(self))
            }
        }
    )*};
}

buffers! { Luma LumaA Rgb Rgba }
