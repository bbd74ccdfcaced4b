//! The format `png` of images: 8 and 16 bits a sample, nothing lost; the colour space goes along in the chunk `cICP`.

use std::io::Cursor;

use image::metadata::Cicp;
use png::{BitDepth, ColorType, DecodeOptions, Decoder, Encoder, Reader, Transformations};

use super::{Color, Head, Opened, space};
use crate::error::BoxError;
use crate::registry::RawNumber;

pub(super) const NAME: &str = "png";

/// The samples that PNG holds.
pub(super) const DEPTHS: [&str; 2] = ["u8", "u16"];

/// No stream of deflate's becomes more than so many times as long: 258 bytes for two bits.
const MOST_INFLATED: usize = 1032;

/// So much may the pixels of a file take that do not lie in it as they are: those of a palette, those of less than a byte.
const MOST_EXPANDED: usize = 512 << 20;

/// Why PNG does not hold the image, if it does not.
pub(super) fn refusal(head: &Head) -> Option<String> {
    if !DEPTHS.contains(&head.sample) {
        return Some(format!("PNG holds no samples of `{}`", head.sample));
    }
    if head.width == 0 || head.height == 0 {
        return Some("PNG holds no image without pixels".into());
    }
    if i32::try_from(head.width.max(head.height)).is_err() {
        return Some("PNG holds no image of more than 2147483647 pixels a side".into());
    }
    let surplus = head.needed() != Some(head.samples);
    surplus.then(|| "the buffer is larger than the image, and PNG holds the image alone".into())
}

/// The bytes of an image.
pub(super) fn encode<S: RawNumber>(head: &Head, samples: &[S]) -> Result<Vec<u8>, BoxError> {
    if let Some(why) = refusal(head) {
        return Err(format!("{why}: use the format `raw`").into());
    }
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, head.width, head.height);
    encoder.set_color(match head.color {
        Color::Luma => ColorType::Grayscale,
        Color::LumaA => ColorType::GrayscaleAlpha,
        Color::Rgb => ColorType::Rgb,
        Color::Rgba => ColorType::Rgba,
    });
    let deep = size_of::<S>() == 2;
    encoder.set_depth(if deep { BitDepth::Sixteen } else { BitDepth::Eight });
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    // Of a file that says nothing, the space is sRGB.
    if head.space != Cicp::SRGB {
        writer.write_chunk(png::chunk::cICP, &space::code_points(head.space))?;
    }
    let native: &[u8] = bytemuck::cast_slice(samples);
    if deep && cfg!(target_endian = "little") {
        let mut turned = native.to_vec();
        turn(&mut turned);
        writer.write_image_data(&turned)?;
    } else {
        writer.write_image_data(native)?;
    }
    writer.finish()?;
    Ok(bytes)
}

/// Samples of two bytes, from one order of their bytes to the other.
fn turn(bytes: &mut [u8]) {
    bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample.reverse());
}

/// A file whose head was read.
pub(super) struct Png<'a> {
    head: Head,
    reader: Reader<Cursor<&'a [u8]>>,
}

/// Reads all up to the samples. Palettes and samples of less than a byte become whole samples, as the crate `image` reads them.
pub(super) fn open(bytes: &[u8]) -> Result<Png<'_>, BoxError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    options.set_skip_ancillary_crc_failures(false);
    options.set_ignore_adler32(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_transformations(Transformations::EXPAND);
    let info = decoder.read_header_info()?;
    let (width, height) = info.size();
    let bits =
        u64::from(width) * info.color_type.samples() as u64 * u64::from(info.bit_depth as u8);
    let packed = (1 + bits.div_ceil(8)).checked_mul(height.into());
    // What cannot be in the file is not made room for.
    let possible = bytes.len().saturating_mul(MOST_INFLATED);
    let packed = packed.and_then(|packed| usize::try_from(packed).ok());
    let Some(packed) = packed.filter(|packed| *packed <= possible) else {
        return Err(format!(
            "it says {width} × {height} pixels, more than {} bytes can hold",
            bytes.len()
        )
        .into());
    };
    decoder.set_limits(png::Limits { bytes: packed.saturating_add(bytes.len()) });
    let reader = decoder.read_info()?;
    let (color, depth) = reader.output_color_type();
    let color = match color {
        ColorType::Grayscale => Color::Luma,
        ColorType::GrayscaleAlpha => Color::LumaA,
        ColorType::Rgb => Color::Rgb,
        ColorType::Rgba => Color::Rgba,
        ColorType::Indexed => unreachable!("the decoder was told to expand palettes"),
    };
    let sample = match depth {
        BitDepth::Eight => "u8",
        BitDepth::Sixteen => "u16",
        _ => unreachable!("the decoder was told to expand what has less than eight bits"),
    };
    let space = match reader.info().coding_independent_code_points {
        None => Cicp::SRGB,
        Some(points) => space::of_code_points([
            points.color_primaries,
            points.transfer_function,
            points.matrix_coefficients,
            u8::from(points.is_video_full_range_image),
        ])?,
    };
    let mut head = Head { color, sample, width, height, space, samples: 0 };
    head.samples = head.needed().ok_or("it has more pixels than memory holds")?;
    let size = head.samples.saturating_mul(if sample == "u8" { 1 } else { 2 });
    if size > packed.max(MOST_EXPANDED) {
        return Err(format!("its pixels would take {size} bytes: the limit is {MOST_EXPANDED} where they are not in the \
                            file as they are").into());
    }
    Ok(Png { head, reader })
}

impl Opened for Png<'_> {
    fn head(&self) -> Head {
        self.head
    }

    fn samples<S: RawNumber>(mut self) -> Result<Vec<S>, BoxError> {
        let count = self.head.samples;
        let mut samples = Vec::<S>::new();
        samples.try_reserve_exact(count)?;
        if self.reader.info().interlaced {
            samples.resize(count, S::zeroed());
            self.reader.next_frame(bytemuck::cast_slice_mut(&mut samples))?;
        } else {
            // Memory is touched only as far as there are samples.
            let row = count / self.head.height as usize;
            for first in (0..count).step_by(row) {
                samples.resize(first + row, S::zeroed());
                let there =
                    self.reader.read_row(bytemuck::cast_slice_mut(&mut samples[first..]))?;
                there.ok_or("it is cut off")?;
            }
        }
        self.reader.finish()?;
        if size_of::<S>() == 2 && cfg!(target_endian = "little") {
            turn(bytemuck::cast_slice_mut(&mut samples));
        }
        Ok(samples)
    }
}
