//! Bytes that are damaged, cut short or made to harm: an error that says what is wrong, and no memory that they do not fill.

#![expect(clippy::big_endian_bytes, reason = "the numbers of PNG are big-endian")]

use image::{DynamicImage, Luma, Rgb, RgbImage};

use crate::formats::{decode, encode};
use crate::samples::{Numbers, any, every_kind, same};

#[test]
fn an_image_that_is_cut_short_anywhere_is_refused() {
    for image in every_kind(6, 5, 1) {
        for format in ["png", "raw"] {
            let Ok(encoded) = encode(&image, Some(format)) else { continue };
            for end in 0..encoded.bytes.len() {
                let read = decode::<DynamicImage>(&encoded.bytes[..end], format);
                assert!(read.is_err(), "{:?} as {format}, cut at {end}", image.color());
            }
        }
    }
}

#[test]
fn a_damaged_image_is_refused_or_the_same() {
    let mut numbers = Numbers(5);
    for image in every_kind(9, 7, 2) {
        let Ok(encoded) = encode(&image, Some("png")) else { continue };
        for _ in 0..300 {
            let mut bytes = encoded.bytes.clone();
            let at = numbers.below(bytes.len());
            bytes[at] ^= 1 << numbers.below(8);
            if let Ok(read) = decode::<DynamicImage>(&bytes, "png") {
                assert!(same(&image, &read), "{:?} with byte {at} changed", image.color());
            }
        }
    }
}

#[test]
fn a_raw_image_with_a_damaged_head_never_panics() {
    for image in every_kind(3, 2, 2) {
        let encoded = encode(&image, Some("raw")).unwrap();
        for at in 0..32 {
            for byte in 0..=u8::MAX {
                let mut bytes = encoded.bytes.clone();
                bytes[at] = byte;
                let read = decode::<DynamicImage>(&bytes, "raw");
                let intact = bytes[at] == encoded.bytes[at];
                assert!(!intact || read.is_ok());
                // Another colour space, size or type of as many samples is well formed; all else is not.
                let told = matches!(at, 8..=9 | 12..=13 | 16..=23);
                assert!(intact || told || read.is_err(), "byte {at} made {byte:#04x}");
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_raw_image_is_said() {
    let bytes = encode(&any::<Rgb<u8>>(2, 2, 1), Some("raw")).unwrap().bytes;
    let said = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        decode::<RgbImage>(&bytes, "raw").unwrap_err()
    };
    let wrong = [
        (said(&|bytes| bytes.truncate(31)), "it is cut off: 31 bytes, and the head alone has 32"),
        (said(&|bytes| bytes[0] = 0), "it is no raw image: it does not begin like one"),
        (said(&|bytes| bytes[7] = 2), "it has version 2, and daglite knows 1"),
        (said(&|bytes| bytes[8] = 5), "byte 8 says 5 channels: there are 1 to 4"),
        (said(&|bytes| bytes[9] = 0), "byte 9 says 0x00: no type of samples"),
        (said(&|bytes| bytes[12] = 3), "its colour space, primaries 3, transfer 13"),
        (said(&|bytes| bytes[14] = 1), "matrix 1, range 1, is none that images"),
        (
            said(&|bytes| bytes[19] = 255),
            "an image of 4278190082 × 2 pixels needs more than 12 samples",
        ),
        (
            said(&|bytes| bytes[31] = 255),
            "12 bytes follow the head, which says 18374686479671623692 samples",
        ),
        (said(&|bytes| bytes.push(0)), "13 bytes follow the head, which says 12 samples of `u8`"),
    ];
    for (said, why) in wrong {
        assert!(said.contains(why), "{said:?} does not say {why:?}");
    }
}

/// A PNG of chunks, each with its checksum.
fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in chunks {
        bytes.extend_from_slice(&u32::try_from(content.len()).unwrap().to_be_bytes());
        let checked = [&name[..], content].concat();
        bytes.extend_from_slice(&checked);
        bytes.extend_from_slice(&checksum(&checked).to_be_bytes());
    }
    bytes
}

/// The checksum of PNG's chunks.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}

/// The head of a PNG.
fn head(width: u32, height: u32, depth: u8, color: u8, interlaced: u8) -> Vec<u8> {
    let sides = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [&sides[..], &[depth, color, 0, 0, interlaced]].concat()
}

#[test]
fn a_png_that_says_more_pixels_than_it_can_hold_is_refused_before_room_is_made() {
    let side = i32::MAX as u32;
    for (depth, color) in [(1, 0), (8, 2), (16, 6)] {
        for interlaced in [0, 1] {
            for (width, height) in [(side, side), (side, 1), (1, side), (100_000, 100_000)] {
                let head = head(width, height, depth, color, interlaced);
                let bytes = png(&[(b"IHDR", head), (b"IDAT", vec![0; 40]), (b"IEND", vec![])]);
                let error = decode::<DynamicImage>(&bytes, "png").unwrap_err();
                assert!(error.contains("more than 97 bytes can hold"), "{error}");
            }
        }
    }
}

#[test]
fn a_png_without_pixels_or_with_a_strange_head_is_refused() {
    for head in [
        head(0, 0, 8, 2, 0),
        head(0, 4, 8, 2, 0),
        head(4, 0, 8, 2, 1),
        head(2, 2, 3, 2, 0),
        head(2, 2, 8, 5, 0),
        head(u32::MAX, 1, 8, 0, 0),
        vec![],
    ] {
        let bytes = png(&[(b"IHDR", head), (b"IDAT", vec![0; 40]), (b"IEND", vec![])]);
        decode::<DynamicImage>(&bytes, "png").unwrap_err();
        decode::<image::GrayImage>(&bytes, "png").unwrap_err();
    }
}

#[test]
fn a_small_file_of_a_palette_is_not_blown_up_without_a_bound() {
    // 24,000 × 24,000 pixels of one bit are 72 MB, which 100 KB of deflate's can be, and 2.3 GB as colours with alpha.
    let bytes = png(&[
        (b"IHDR", head(24_000, 24_000, 1, 3, 0)),
        (b"PLTE", vec![1, 2, 3, 4, 5, 6]),
        (b"tRNS", vec![7, 8]),
        (b"IDAT", vec![0; 100_000]),
        (b"IEND", vec![]),
    ]);
    let error = decode::<DynamicImage>(&bytes, "png").unwrap_err();
    assert!(error.contains("the limit is 536870912"), "{error}");
}

#[test]
fn an_image_that_is_nearly_nothing_but_one_colour_is_read_again() {
    let image = image::ImageBuffer::<Luma<u8>, _>::from_pixel(9_000, 3_000, Luma([7]));
    let bytes = encode(&image, Some("png")).unwrap().bytes;
    assert!(bytes.len() < 200_000, "{} bytes", bytes.len());
    assert_eq!(decode::<image::GrayImage>(&bytes, "png").unwrap(), image);
}

#[test]
fn a_png_of_a_colour_space_that_no_image_can_have_is_refused() {
    let encoded = encode(&any::<Rgb<u8>>(1, 1, 1), Some("png")).unwrap().bytes;
    let chunk = png(&[(b"cICP", vec![9, 16, 0, 0])]);
    let (before, after) = encoded.split_at(8 + 25);
    let bytes = [before, &chunk[8..], after].concat();
    let error = decode::<RgbImage>(&bytes, "png").unwrap_err();
    assert!(error.contains("primaries 9, transfer 16, matrix 0, range 0"), "{error}");
}

#[test]
fn an_interlaced_png_of_somebody_elses_is_read() {
    // 2 × 2 pixels in three passes: the first one, its neighbour, and the second row; each row begins with its filter.
    let rows = [0, 10, 0, 20, 0, 30, 40];
    let (low, high) = rows.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        ((low + byte) % 65_521, (high + low + byte) % 65_521)
    });
    let rows = rows.map(|byte| byte as u8);
    let length = rows.len() as u8;
    // Not compressed: one last block, its length, and the length turned.
    let mut data = vec![0x78, 0x01, 1, length, 0, !length, 0xff];
    data.extend(rows);
    data.extend((high << 16 | low).to_be_bytes());
    let bytes = png(&[(b"IHDR", head(2, 2, 8, 0, 1)), (b"IDAT", data), (b"IEND", vec![])]);
    let image = decode::<image::GrayImage>(&bytes, "png").unwrap();
    assert_eq!(image.into_raw(), [10, 20, 30, 40]);
}

#[cfg(target_pointer_width = "64")]
#[test]
fn an_image_whose_side_is_too_long_for_png_goes_as_raw() {
    use daglite::HasFormat;

    // Memory that nobody has touched: nothing but the size of the image is looked at.
    let side = 1_u32 << 31;
    let image = image::GrayImage::from_raw(side, 1, vec![0; side as usize]).unwrap();
    assert_eq!(image.preferred_format(), Some("raw"));
}
