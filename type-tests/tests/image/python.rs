//! What daglite writes, Pillow and numpy read; and the other way round.

use std::path::{Path, PathBuf};

use daglite_type_tests::Python;
use image::{DynamicImage, Rgb};

use crate::formats::{decode, encode};
use crate::samples::{any, every_kind};

/// Writes the bytes of a value into `folder`, and its samples as they lie in memory beside it.
fn write(folder: &Path, image: &DynamicImage, format: &str) -> [PathBuf; 2] {
    let name = format!("{:?}.{format}", image.color());
    let [file, samples] = [folder.join(&name), folder.join(name + ".samples")];
    std::fs::write(&file, encode(image, Some(format)).unwrap().bytes).unwrap();
    std::fs::write(&samples, image.as_bytes()).unwrap();
    [file, samples]
}

#[test]
fn pillow_opens_the_png_and_sees_the_same_samples() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = "
import sys, numpy
from PIL import Image
for file, samples in zip(sys.argv[1::2], sys.argv[2::2]):
    image = Image.open(file)
    seen = numpy.asarray(image)
    samples = numpy.fromfile(samples, dtype=seen.dtype)
    print(image.format, image.mode, seen.shape, (seen.ravel() == samples).all())";
    // Pillow has no modes for 16 bits and several channels: it would cut them down.
    let files: Vec<PathBuf> = every_kind(7, 5, 1)[..5]
        .iter()
        .flat_map(|image| write(folder.path(), image, "png"))
        .collect();
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let seen = "PNG L (5, 7) True\nPNG LA (5, 7, 2) True\nPNG RGB (5, 7, 3) True\nPNG RGBA (5, 7, 4) True\nPNG I;16 (5, 7) True";
    assert_eq!(python.run(script, &files), seen);
}

#[test]
fn pillow_opens_a_png_with_a_colour_space() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut image = DynamicImage::ImageRgb8(any::<Rgb<u8>>(3, 3, 1));
    image.set_color_space(image::metadata::Cicp::DISPLAY_P3).unwrap();
    let [file, _] = write(folder.path(), &image, "png");
    let script = "
import sys
from PIL import Image
image = Image.open(sys.argv[1])
image.load()
print(image.size)";
    assert_eq!(python.run(script, &[&file]), "(3, 3)");
}

#[test]
fn numpy_reads_the_raw_format_by_its_documentation() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = "
import sys, struct, numpy
types = {0x10: 'u1', 0x11: '<u2', 0x12: '<u4', 0x13: '<u8', 0x18: 'i1', 0x19: '<i2', 0x1a: '<i4', 0x1b: '<i8', 0x20: '<f4', 0x21: '<f8'}
for file, samples in zip(sys.argv[1::2], sys.argv[2::2]):
    file = open(file, 'rb').read()
    magic, version, channels, sample, space, width, height, count = struct.unpack('<7sBBBxx4sIIQ', file[:32])
    image = numpy.frombuffer(file, types[sample], offset=32).reshape(height, width, channels)
    print(magic, version, image.shape, image.dtype, count == image.size, image.tobytes() == open(samples, 'rb').read())";
    let (mut files, mut seen) = (Vec::new(), Vec::new());
    for image in every_kind(7, 5, 1) {
        files.extend(write(folder.path(), &image, "raw"));
        let color = image.color();
        let channels = color.channel_count();
        let dtype = match color.bytes_per_pixel() / channels {
            1 => "uint8",
            2 => "uint16",
            _ => "float32",
        };
        seen.push(format!("b'\\x93DAGIMG' 1 (5, 7, {channels}) {dtype} True True"));
    }
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    assert_eq!(python.run(script, &files), seen.join("\n"));
}

#[test]
fn a_png_that_pillow_wrote_is_read() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = "
import os, sys, warnings, numpy
from PIL import Image
warnings.simplefilter('ignore')
channels = {'LA': (2,), 'RGB': (3,), 'RGBA': (4,)}
for mode in ['L', 'LA', 'RGB', 'RGBA', 'I;16', '1', 'P']:
    deep = mode == 'I;16'
    pixels = numpy.random.default_rng(1).integers(0, 65536 if deep else 256, (6, 9) + channels.get(mode, ()))
    image = Image.fromarray(pixels.astype('u2' if deep else 'u1'))
    if mode == '1':
        image = image.convert('1')
    elif mode == 'P':
        image = image.convert('RGB').quantize(4)
    assert image.mode == mode, image.mode
    image.save(os.path.join(sys.argv[1], mode + '.png'), dpi=(300, 300), optimize=True)
    seen = image.convert('RGB') if mode == 'P' else image.convert('L') if mode == '1' else image
    numpy.asarray(seen).tofile(os.path.join(sys.argv[1], mode + '.samples'))";
    python.run(script, &[folder.path()]);
    for mode in ["L", "LA", "RGB", "RGBA", "I;16", "1", "P"] {
        let read =
            |ending: &str| std::fs::read(folder.path().join(format!("{mode}.{ending}"))).unwrap();
        let image = decode::<DynamicImage>(&read("png"), "png").unwrap();
        assert_eq!((image.width(), image.height()), (9, 6), "{mode}");
        assert!(image.as_bytes() == read("samples"), "{mode}: {:?}", image.color());
    }
}
