//! The formats of images: whatever is written comes back as it was, in the format that its name says.

use daglite::{Encoded, HasFormat, Registry, ValueFormats};
use image::metadata::Cicp;
use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};
use proptest::prelude::*;

use crate::samples::{Sample, any, every_kind, same};

/// Written, in the named format or in the one that is right for the value.
pub(crate) fn encode<T: HasFormat>(value: &T, format: Option<&str>) -> Result<Encoded, String> {
    let encoded = ValueFormats::own::<T>().encode(&Registry::new(), value, format);
    encoded.map_err(|error| error.to_string())
}

/// Read from bytes of the named format.
pub(crate) fn decode<T: HasFormat + Clone>(bytes: &[u8], format: &str) -> Result<T, String> {
    let formats = T::formats();
    let format = formats.iter().find(|known| known.name() == format).expect("the type has it");
    format.decode(bytes).map_err(|error| error.to_string())
}

/// Written and read again.
fn back<T: HasFormat + Clone>(value: &T, format: Option<&str>) -> (String, T) {
    let encoded = encode(value, format).unwrap();
    let read = ValueFormats::own::<T>().decode(
        &Registry::new(),
        &encoded.bytes,
        &encoded.format,
        encoded.shape,
    );
    (encoded.format, read.unwrap().downcast_ref::<T>().unwrap().clone())
}

#[test]
fn every_kind_of_image_comes_back_as_it_was() {
    for (width, height) in [(1, 1), (1, 40), (40, 1), (33, 17)] {
        for image in every_kind(width, height, 1) {
            let (format, read) = back(&image, None);
            assert!(same(&image, &read), "{:?} as {format}", image.color());
            let by_people =
                !matches!(image, DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_));
            assert_eq!(format, if by_people { "png" } else { "raw" }, "{:?}", image.color());
            assert!(same(&image, &back(&image, Some("raw")).1), "{:?} as raw", image.color());
        }
    }
}

#[test]
fn images_without_pixels_come_back_as_they_were() {
    for (width, height) in [(0, 0), (0, 4), (u32::MAX, 0)] {
        for image in every_kind(width, height, 1) {
            let (format, read) = back(&image, None);
            assert_eq!(format, "raw");
            assert!(same(&image, &read), "{:?} of {width} × {height}", image.color());
        }
    }
}

#[test]
fn every_buffer_comes_back_as_it_was() {
    macro_rules! buffers {
        ($($pixel:ident<$sample:ident>)*) => {$(
            let image = any::<$pixel<$sample>>(5, 4, 2);
            let formats: Vec<String> =
                ImageBuffer::<$pixel<$sample>, Vec<$sample>>::formats().iter().map(|f| f.name().to_owned()).collect();
            let png = ["u8", "u16"].contains(&stringify!($sample));
            assert_eq!(formats, if png { vec!["png", "raw"] } else { vec!["raw"] });
            for format in formats.iter().map(|format| Some(format.as_str())).chain([None]) {
                let (_, read) = back(&image, format);
                assert_eq!(read.dimensions(), image.dimensions());
                let bits = |samples: &[$sample]| -> Vec<u64> { samples.iter().map(|sample| sample.bits()).collect() };
                assert_eq!(bits(read.as_raw()), bits(image.as_raw()), "{format:?}");
            }
        )*};
    }
    buffers! {
        Luma<u8> Luma<u16> Luma<u32> Luma<u64> Luma<i8> Luma<i16> Luma<i32> Luma<i64> Luma<f32> Luma<f64>
        LumaA<u8> LumaA<u16> LumaA<f32> Rgb<u8> Rgb<u16> Rgb<u32> Rgb<f32> Rgb<f64> Rgba<u8> Rgba<u16> Rgba<f32> Rgba<i8>
    }
}

#[test]
fn the_colour_space_comes_back_in_both_formats() {
    for space in [Cicp::SRGB, Cicp::SRGB_LINEAR, Cicp::DISPLAY_P3] {
        for mut image in every_kind(3, 2, 4) {
            image.set_color_space(space).unwrap();
            assert_eq!(back(&image, None).1.color_space(), space);
            assert_eq!(back(&image, Some("raw")).1.color_space(), space);
        }
    }
}

#[test]
fn a_buffer_larger_than_its_image_keeps_all_its_samples() {
    let image = RgbImage::from_raw(1, 1, (0..8).collect()).unwrap();
    let (format, read) = back(&image, None);
    assert_eq!((format.as_str(), read.as_raw()), ("raw", image.as_raw()));
    assert_eq!(read, image);
}

#[test]
fn png_refuses_what_it_cannot_hold_and_names_the_format_that_can() {
    let refused = |image: &DynamicImage| encode(image, Some("png")).unwrap_err();
    for (image, why) in [
        (DynamicImage::new_rgb32f(2, 2), "PNG holds no samples of `f32`: use the format `raw`"),
        (DynamicImage::new_rgb8(0, 2), "PNG holds no image without pixels: use the format `raw`"),
        (
            RgbImage::from_raw(1, 1, vec![0; 4]).unwrap().into(),
            "the buffer is larger than the image, and PNG holds the image alone: use the format `raw`",
        ),
    ] {
        let said = refused(&image);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_default_that_a_user_chose_is_never_put_aside() {
    let registry = Registry::new();
    let format = daglite::Format::new(
        "none",
        "none",
        |_: &DynamicImage| Err("no".into()),
        |_| Err("no".into()),
    );
    registry.register(format).unwrap();
    registry.set_default_format::<DynamicImage>("none").unwrap();
    let image = DynamicImage::new_rgb32f(2, 2);
    let error = ValueFormats::own::<DynamicImage>().encode(&registry, &image, None).unwrap_err();
    assert!(error.to_string().contains("as none"), "{error}");
}

#[test]
fn files_have_the_ending_of_what_they_are() {
    let ending = |image: DynamicImage| encode(&image, None).unwrap().extension;
    assert_eq!(ending(DynamicImage::new_rgb8(1, 1)), "png");
    assert_eq!(ending(DynamicImage::new_rgb32f(1, 1)), "rawimage");
}

#[test]
fn the_raw_layout_never_changes() {
    let mut image = ImageBuffer::<Rgb<u16>, _>::from_raw(1, 2, (1..=6).collect()).unwrap();
    image.set_color_space(Cicp::DISPLAY_P3).unwrap();
    let bytes = encode::<ImageBuffer<Rgb<u16>, Vec<u16>>>(&image, Some("raw")).unwrap().bytes;
    let head = b"\x93DAGIMG\x01\x03\x11\0\0\x0c\x0d\0\x01\x01\0\0\0\x02\0\0\0\x06\0\0\0\0\0\0\0";
    assert_eq!(bytes, [&head[..], b"\x01\0\x02\0\x03\0\x04\0\x05\0\x06\0"].concat());
}

#[test]
fn a_kind_that_the_type_is_not_is_refused_by_name() {
    let png = encode(&any::<Rgba<u8>>(2, 2, 1), Some("png")).unwrap().bytes;
    let error = decode::<RgbImage>(&png, "png").unwrap_err();
    assert_eq!(error, "it holds Rgba of `u8`, and not Rgb of `u8`");
    let raw = encode(&any::<Luma<f64>>(2, 2, 1), Some("raw")).unwrap().bytes;
    let error = decode::<DynamicImage>(&raw, "raw").unwrap_err();
    assert_eq!(error, "no `DynamicImage` holds Luma of `f64`");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_image_comes_back_as_it_was(
        size in (0_u32..40, 0_u32..40), seed in 0_u64.., kind in 0_usize..10, raw in proptest::bool::ANY,
    ) {
        let image = &every_kind(size.0, size.1, seed)[kind];
        let (_, read) = back(image, raw.then_some("raw"));
        prop_assert!(same(image, &read));
    }
}
