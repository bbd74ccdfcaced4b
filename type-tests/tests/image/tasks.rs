//! Images in whole tasks: as arguments and as results, found again by another session.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use daglite::prelude::*;
use image::{DynamicImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba};

use crate::samples::{any, same};

/// How often a body ran; one test at a time counts.
static BODIES: AtomicUsize = AtomicUsize::new(0);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[task(cache)]
fn inverted(mut image: DynamicImage) -> DynamicImage {
    BODIES.fetch_add(1, Ordering::Relaxed);
    image.invert();
    image
}

#[task(cache)]
fn gray(image: &RgbImage) -> image::GrayImage {
    BODIES.fetch_add(1, Ordering::Relaxed);
    DynamicImage::ImageRgb8(image.clone()).into_luma8()
}

#[task(cache)]
fn halved(
    image: ImageBuffer<Luma<f64>, Vec<f64>>,
    background: Rgba<u8>,
) -> ImageBuffer<Luma<f64>, Vec<f64>> {
    BODIES.fetch_add(1, Ordering::Relaxed);
    let scale = f64::from(background.0[3]) / 510.0;
    ImageBuffer::from_fn(image.width(), image.height(), |x, y| {
        Luma([image.get_pixel(x, y).0[0] * scale])
    })
}

/// What a run of a new session on `folder` gives, and how many bodies ran for it.
fn run<T: Send + Sync + Clone + 'static>(
    folder: &tempfile::TempDir,
    future: TaskFuture<T>,
) -> (T, usize) {
    let session = Session::builder()
        .cache(FileStore::builder(folder.path()).open().unwrap())
        .build()
        .unwrap();
    let before = BODIES.load(Ordering::Relaxed);
    let value = future.run_in(&session).unwrap();
    (value, BODIES.load(Ordering::Relaxed) - before)
}

#[test]
fn an_image_is_found_again_by_another_session() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    for image in [
        DynamicImage::ImageRgb8(any(40, 30, 1)),
        DynamicImage::ImageLuma16(any(40, 30, 1)),
        DynamicImage::new_rgba32f(40, 30),
        DynamicImage::new_rgb8(0, 0),
    ] {
        let (first, bodies) = run(&folder, inverted(image.clone()));
        assert_eq!(bodies, 1);
        let (second, bodies) = run(&folder, inverted(image));
        assert_eq!(bodies, 0);
        assert!(same(&first, &second));
    }
}

#[test]
fn an_image_that_a_task_lends_and_one_that_is_changed_are_told_apart() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut image = any::<Rgb<u8>>(20, 10, 3);
    let (first, bodies) = run(&folder, gray(image.clone()));
    assert_eq!(bodies, 1);
    assert_eq!(run(&folder, gray(image.clone())), (first, 0));
    image.get_pixel_mut(19, 9).0[2] ^= 1;
    assert_eq!(run(&folder, gray(image)).1, 1);
}

#[test]
fn an_image_of_f64_and_a_pixel_are_arguments_too() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let image = ImageBuffer::from_fn(5, 5, |x, y| Luma([f64::from(x * y)]));
    let (first, bodies) = run(&folder, halved(image.clone(), Rgba([0, 0, 0, 255])));
    assert_eq!((bodies, first.get_pixel(4, 4).0), (1, [8.0]));
    assert_eq!(run(&folder, halved(image.clone(), Rgba([0, 0, 0, 255]))), (first, 0));
    assert_eq!(run(&folder, halved(image, Rgba([0, 0, 0, 254]))).1, 1);
}

#[test]
fn a_checkpoint_of_an_image_is_a_file_that_people_open() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = FileCheckpoints::open(folder.path().join("saved")).unwrap();
    let session =
        Session::builder().cache(MemoryStore::new()).checkpoints(checkpoints).build().unwrap();
    let image = DynamicImage::ImageRgb8(any(8, 8, 1));
    inverted(image).checkpoint("inverted").run_in(&session).unwrap();
    inverted(DynamicImage::new_rgb32f(1, 1)).checkpoint("deep").run_in(&session).unwrap();
    let files = |name: &str| -> Vec<String> {
        let versions = std::fs::read_dir(folder.path().join("saved").join(name)).unwrap();
        let version =
            versions.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
        std::fs::read_dir(version)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("value"))
            .collect()
    };
    assert_eq!(files("inverted"), ["value.png"]);
    assert_eq!(files("deep"), ["value.rawimage"]);
}
