//! The bytes of values: what is decoded, in every format, is an error or a value that comes back from its own bytes.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use daglite::{Digest, Registry, ValueFormats};
use daglite_fuzz::bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Of everything that serde knows.
#[derive(Serialize, Deserialize)]
struct Mixed {
    flag: bool,
    letter: char,
    small: (u8, i8, u16, i16),
    wide: (u128, i128, u64, i64),
    real: (f32, f64),
    text: String,
    maybe: Option<Box<Mixed>>,
    kind: Kind,
    names: BTreeMap<String, Vec<u32>>,
    set: BTreeSet<(u8, char)>,
    array: [u16; 3],
    unit: (),
    took: Duration,
    result: Result<u8, String>,
}

/// Of all kinds of variants.
#[derive(Serialize, Deserialize)]
enum Kind {
    Unit,
    One(u32),
    Two(String, i64),
    Named { left: f64, right: Vec<Kind> },
}

/// A type that contains itself.
#[derive(Serialize, Deserialize)]
struct Tree {
    name: u8,
    below: Vec<Tree>,
}

/// Decodes `bytes` as a `T` in `format`, and what comes of it again.
fn decode<T>(bytes: &[u8], format: &str)
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let registry = Registry::global();
    let formats = ValueFormats::serde::<T>();
    let wrong = Digest::of_bytes(bytes);
    assert!(formats.decode(registry, bytes, format, wrong).is_err(), "of another shape");
    let Ok(value) = registry.deserialize::<T>(bytes, format) else { return };
    // JSON cannot hold every number that it can say.
    let Ok(again) = formats.encode(registry, &value, Some(format)) else {
        assert_eq!(format, "json", "what was decoded can be encoded");
        return;
    };
    let shape = again.shape;
    assert!(formats.decode(registry, bytes, format, shape).is_ok(), "it was decoded before");
    let value = formats.decode(registry, &again.bytes, format, shape).expect("it was encoded");
    let third = formats.encode(registry, &*value, Some(format)).expect("it was encoded");
    assert!(third.bytes == again.bytes, "a value changes on its way");
}

fuzz_target!(|data: &[u8]| {
    let mut story = Bytes::new(data);
    let choice = story.byte();
    let format = ["postcard", "json", "raw"][usize::from(choice % 3)];
    let bytes = story.rest();
    match choice / 3 % 12 {
        0 => decode::<Mixed>(bytes, format),
        1 => decode::<Kind>(bytes, format),
        2 => decode::<Tree>(bytes, format),
        3 => decode::<Vec<f64>>(bytes, format),
        4 => decode::<Vec<u8>>(bytes, format),
        5 => decode::<Vec<i16>>(bytes, format),
        6 => decode::<BTreeMap<String, (f32, Option<String>)>>(bytes, format),
        7 => decode::<Vec<Vec<String>>>(bytes, format),
        8 => decode::<String>(bytes, format),
        9 => decode::<(u64, i128, char)>(bytes, format),
        10 => decode::<serde_json::Value>(bytes, format),
        _ => decode::<Option<Vec<Option<[f32; 4]>>>>(bytes, format),
    }
});
