//! The digest of an image: frozen, and another one for whatever a task can see of it.

use daglite::{ContentHash, ContentHasher, Digest, Strategy, content_digest};
use image::metadata::Cicp;
use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};
use proptest::prelude::*;

use crate::samples::{Numbers, any, every_kind};

fn of(image: &(impl ContentHash + ?Sized)) -> Digest {
    content_digest(image).unwrap()
}

/// Images no two of which are the same to a task.
fn different() -> Vec<(String, Digest)> {
    let mut digests: Vec<(String, Digest)> = Vec::new();
    for (width, height) in [(0, 0), (0, 3), (3, 0), (1, 5), (5, 1), (4, 3)] {
        for image in every_kind(width, height, 7) {
            digests.push((format!("{:?} {width}x{height}", image.color()), of(&image)));
        }
    }
    macro_rules! buffers {
        ($($pixel:ident<$sample:ident>)*) => {$(
            let name = concat!(stringify!($pixel), "<", stringify!($sample), "> 2x3").to_owned();
            digests.push((name, of(&any::<$pixel<$sample>>(2, 3, 8))));
        )*};
    }
    buffers! {
        Luma<u8> LumaA<u8> Rgb<u8> Rgba<u8> Luma<i8> Rgb<i8> Luma<u16> Rgb<i16> Luma<u32> Rgba<i32> Luma<u64> Rgb<i64>
        Luma<f32> LumaA<f32> Rgb<f32> Rgba<f32> Luma<f64> Rgba<f64>
    }
    let empty = ImageBuffer::<Rgb<usize>, _>::from_raw(1, 1, vec![1_usize, 2, 3]).unwrap();
    digests.push(("Rgb<usize> 1x1".into(), of(&empty)));
    let signed = ImageBuffer::<Rgb<isize>, _>::from_raw(1, 1, vec![1_isize, 2, 3]).unwrap();
    digests.push(("Rgb<isize> 1x1".into(), of(&signed)));

    let plain = any::<Rgb<u8>>(2, 2, 9);
    digests.push(("sRGB".into(), of(&plain)));
    for (name, space) in [("linear", Cicp::SRGB_LINEAR), ("Display P3", Cicp::DISPLAY_P3)] {
        let mut image = plain.clone();
        image.set_color_space(space).unwrap();
        digests.push((name.into(), of(&image)));
    }
    let mut larger = plain.clone().into_raw();
    larger.push(0);
    let surplus = RgbImage::from_raw(2, 2, larger).unwrap();
    digests.push(("a sample more than it needs".into(), of(&surplus)));
    digests.push(("[Luma<u8>]".into(), of(&[Luma([1_u8])])));
    digests.push(("[Rgb<u8>]".into(), of(&[Rgb([1_u8, 2, 3])])));
    digests.push(("[Rgba<f32>]".into(), of(&[Rgba([1_f32, 2.0, 3.0, -0.0])])));
    digests.push(("[LumaA<u16>]".into(), of(&[LumaA([1_u16, 2])])));
    digests
}

#[test]
fn digests_never_change() {
    let now: String =
        different().iter().map(|(name, digest)| format!("{digest} {name}\n")).collect();
    assert_eq!(now, include_str!("golden.txt"), "a digest changed: every cache of images is lost");
}

#[test]
fn different_images_have_different_digests() {
    let images = different();
    for (index, (name, digest)) in images.iter().enumerate() {
        for (other_name, other) in &images[..index] {
            assert_ne!(digest, other, "`{name}` and `{other_name}` share a digest");
        }
    }
}

#[test]
fn an_image_hashes_alike_whoever_holds_it() {
    let image = any::<Rgb<u8>>(3, 2, 1);
    let samples: &[u8] = image.as_raw();
    assert_eq!(of(&image), of(&DynamicImage::ImageRgb8(image.clone())));
    let lent = ImageBuffer::<Rgb<u8>, &[u8]>::from_raw(3, 2, samples).unwrap();
    assert_eq!(of(&image), of(&lent));
    let boxed = ImageBuffer::<Rgb<u8>, Box<[u8]>>::from_raw(3, 2, samples.into()).unwrap();
    assert_eq!(of(&image), of(&boxed));
}

#[test]
fn none_of_10_000_changes_of_one_pixel_is_missed() {
    let mut image = any::<Rgb<u8>>(640, 480, 2);
    let mut deep = any::<Rgba<f32>>(64, 48, 2);
    let mut numbers = Numbers(3);
    for strategy in [Strategy::Exact, Strategy::Fast] {
        let digest = |image: &dyn Fn(&mut ContentHasher)| {
            let mut hasher = ContentHasher::new(strategy);
            image(&mut hasher);
            hasher.finish().unwrap()
        };
        let before = digest(&|hasher| image.content_hash(hasher));
        let mut missed = 0;
        for _ in 0..2_500 {
            let at = numbers.below(image.as_raw().len());
            let bit = 1 << numbers.below(8);
            image.as_mut()[at] ^= bit;
            missed += usize::from(digest(&|hasher| image.content_hash(hasher)) == before);
            image.as_mut()[at] ^= bit;
        }
        let before = digest(&|hasher| deep.content_hash(hasher));
        for _ in 0..2_500 {
            let at = numbers.below(deep.as_raw().len());
            let bit = 1 << numbers.below(32);
            let sample = deep.as_raw()[at];
            deep.as_mut()[at] = f32::from_bits(sample.to_bits() ^ bit);
            missed += usize::from(digest(&|hasher| deep.content_hash(hasher)) == before);
            deep.as_mut()[at] = sample;
        }
        assert_eq!(missed, 0, "{strategy:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn images_share_a_digest_if_they_are_the_same(
        size in (0_u32..6, 0_u32..6),
        other in (0_u32..6, 0_u32..6),
        seeds in (0_u64..2, 0_u64..2),
        kinds in (0_usize..10, 0_usize..10),
    ) {
        let left = &every_kind(size.0, size.1, seeds.0)[kinds.0];
        let right = &every_kind(other.0, other.1, seeds.1)[kinds.1];
        prop_assert_eq!(of(left) == of(right), crate::samples::same(left, right));
    }
}
