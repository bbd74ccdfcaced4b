//! The format `raw` of images: a head of 32 bytes, and the samples as they lie in memory, little-endian.

use super::super::raw as numbers;
use super::{Color, Head, Opened, space};
use crate::error::BoxError;
use crate::registry::RawNumber;

pub(super) const NAME: &str = "raw";
/// The ending of files.
pub(super) const EXTENSION: &str = "rawimage";

/// The first bytes: not text, and no other format's.
const MAGIC: [u8; 7] = *b"\x93DAGIMG";
/// The version of the layout.
const VERSION: u8 = 1;
/// How long the head is.
const HEAD: usize = 32;

/// The types of samples and what stands for them; a number is never reused.
const SAMPLES: [(&str, u8); 10] = [
    ("u8", 0x10),
    ("u16", 0x11),
    ("u32", 0x12),
    ("u64", 0x13),
    ("i8", 0x18),
    ("i16", 0x19),
    ("i32", 0x1a),
    ("i64", 0x1b),
    ("f32", 0x20),
    ("f64", 0x21),
];

/// The bytes of an image.
pub(super) fn encode<S: RawNumber>(head: &Head, samples: &[S]) -> Result<Vec<u8>, BoxError> {
    let sample = SAMPLES.into_iter().find(|(name, _)| *name == head.sample);
    let (_, sample) = sample.expect("all that `RawNumber` has are listed");
    let channels = u8::try_from(head.color.channels()).expect("a pixel has four at most");
    let mut bytes = Vec::with_capacity(HEAD + size_of_val(samples));
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, channels, sample, 0, 0]);
    bytes.extend_from_slice(&space::code_points(head.space));
    bytes.extend_from_slice(&head.width.to_le_bytes());
    bytes.extend_from_slice(&head.height.to_le_bytes());
    bytes.extend_from_slice(&(head.samples as u64).to_le_bytes());
    numbers::write(samples, &mut bytes)?;
    Ok(bytes)
}

/// An image whose head was read.
pub(super) struct Raw<'a> {
    head: Head,
    /// As many bytes as the head says.
    samples: &'a [u8],
}

/// Reads the head.
pub(super) fn open(bytes: &[u8]) -> Result<Raw<'_>, BoxError> {
    let (head, samples) = bytes.split_first_chunk::<HEAD>().ok_or_else(|| {
        format!("it is cut off: {} bytes, and the head alone has {HEAD}", bytes.len())
    })?;
    let (magic, head) = head.split_first_chunk().expect("the head is longer");
    if *magic != MAGIC {
        return Err("it is no raw image: it does not begin like one".into());
    }
    let [version, channels, sample, 0, 0, head @ ..] = head else {
        return Err("it has something at byte 10 that this version of daglite does not know".into());
    };
    if *version != VERSION {
        return Err(format!("it has version {version}, and daglite knows {VERSION}").into());
    }
    let (&space, head) = head.split_first_chunk().expect("the head is longer");
    let (&width, head) = head.split_first_chunk().expect("the head is longer");
    let (&height, head) = head.split_first_chunk().expect("the head is longer");
    let (&count, _) = head.split_first_chunk().expect("the head is longer");
    let colors = [Color::Luma, Color::LumaA, Color::Rgb, Color::Rgba];
    let color = colors.into_iter().find(|color| color.channels() == usize::from(*channels));
    let known = SAMPLES.into_iter().find(|(_, number)| number == sample);
    let head = Head {
        color: color.ok_or_else(|| format!("byte 8 says {channels} channels: there are 1 to 4"))?,
        sample: known.ok_or_else(|| format!("byte 9 says {sample:#04x}: no type of samples"))?.0,
        width: u32::from_le_bytes(width),
        height: u32::from_le_bytes(height),
        space: space::of_code_points(space)?,
        samples: usize::try_from(u64::from_le_bytes(count))?,
    };
    let there = samples.len() / width_of(head.sample);
    if there != head.samples || samples.len() % width_of(head.sample) != 0 {
        let (len, Head { samples, sample, .. }) = (samples.len(), head);
        return Err(format!(
            "it is damaged: {len} bytes follow the head, which says {samples} samples of `{sample}`"
        )
        .into());
    }
    Ok(Raw { head, samples })
}

/// Bytes of a sample.
fn width_of(sample: &str) -> usize {
    match sample {
        "u8" | "i8" => 1,
        "u16" | "i16" => 2,
        "u32" | "i32" | "f32" => 4,
        _ => 8,
    }
}

impl Opened for Raw<'_> {
    fn head(&self) -> Head {
        self.head
    }

    fn samples<S: RawNumber>(self) -> Result<Vec<S>, BoxError> {
        let mut samples = self.samples;
        numbers::read(&mut samples, self.samples.len() as u64)
    }
}
