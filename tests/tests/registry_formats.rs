//! What goes into a format comes out of it, or is refused with a reason; formats can be added and replaced.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use daglite::{ErrorKind, Format, HasFormat, Registry, ValueFormats};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flight {
    carrier: String,
    number: u32,
    delay: Option<f64>,
    route: (String, String),
    kind: Kind,
    tags: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Passenger,
    Cargo(f32),
    Charter { company: String },
}

fn flight() -> Flight {
    Flight {
        carrier: "UA".into(),
        number: 1545,
        delay: Some(-2.5),
        route: ("EWR".into(), "IAH".into()),
        kind: Kind::Charter { company: "x".into() },
        tags: BTreeMap::from([("a".into(), -1)]),
    }
}

/// Encodes and decodes as the engine does.
fn there_and_back<T>(value: &T, format: Option<&str>) -> T
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    let (registry, formats) = (Registry::new(), ValueFormats::serde::<T>());
    let encoded = formats.encode(&registry, value, format).unwrap();
    let decoded =
        formats.decode(&registry, &encoded.bytes, &encoded.format, encoded.shape).unwrap();
    decoded.downcast_ref::<T>().unwrap().clone()
}

fn encode_error<T>(value: T, format: &str) -> String
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let error = Registry::new().serialize(&value, Some(format)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    error.to_string()
}

#[test]
fn a_struct_comes_back_from_every_format() {
    for format in [None, Some("postcard"), Some("json")] {
        assert_eq!(there_and_back(&flight(), format), flight());
    }
    for kind in [Kind::Passenger, Kind::Cargo(0.1), Kind::Charter { company: String::new() }] {
        assert_eq!(there_and_back(&kind, Some("json")), kind);
        assert_eq!(there_and_back(&kind, None), kind);
    }
}

#[test]
fn defaults_and_extensions_are_as_documented() {
    let registry = Registry::new();
    assert_eq!(registry.formats::<Flight>(), ["postcard", "json"]);
    assert_eq!(registry.formats::<Vec<u8>>(), ["raw", "postcard", "json"]);
    assert_eq!(registry.formats::<Vec<String>>(), ["postcard", "json"]);
    assert_eq!(registry.extension::<Flight>(None).unwrap(), "postcard");
    assert_eq!(registry.extension::<Flight>(Some("json")).unwrap(), "json");
    assert_eq!(registry.extension::<Vec<f32>>(None).unwrap(), "bin");
}

macro_rules! raw_round_trips {
    ($($test:ident $number:ident;)*) => {$(
        #[test]
        fn $test() {
            let values = vec![$number::MIN, $number::MAX, 0 as $number, 1 as $number];
            assert_eq!(there_and_back(&values, Some("raw")), values);
            assert!(there_and_back(&Vec::<$number>::new(), Some("raw")).is_empty());
            let bytes = Registry::new().serialize(&values, None).unwrap();
            assert_eq!(bytes.len(), 4 * size_of::<$number>());
        }
    )*};
}

raw_round_trips! {
    raw_keeps_u8 u8;
    raw_keeps_u16 u16;
    raw_keeps_u32 u32;
    raw_keeps_u64 u64;
    raw_keeps_i8 i8;
    raw_keeps_i16 i16;
    raw_keeps_i32 i32;
    raw_keeps_i64 i64;
    raw_keeps_f32 f32;
    raw_keeps_f64 f64;
}

#[test]
fn raw_is_little_endian() {
    let bytes = Registry::new().serialize(&vec![1.0_f64, -2.0], Some("raw")).unwrap();
    assert_eq!(bytes, [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0]);
}

#[test]
fn raw_refuses_half_a_number() {
    let error = Registry::new().deserialize::<Vec<u32>>(&[1, 2, 3, 4, 5], "raw").unwrap_err();
    assert!(error.to_string().contains("5 bytes are no whole number of `u32`"), "{error}");
}

#[test]
fn raw_of_one_number_type_is_not_read_as_another() {
    let registry = Registry::new();
    let floats = ValueFormats::serde::<Vec<f64>>().encode(&registry, &vec![1.0_f64], None).unwrap();
    let integers = ValueFormats::serde::<Vec<i64>>();
    let error = integers.decode(&registry, &floats.bytes, "raw", floats.shape).unwrap_err();
    assert!(error.to_string().contains("has changed"), "{error}");
}

#[test]
fn bytes_after_the_value_are_refused() {
    let registry = Registry::new();
    for format in ["postcard", "json"] {
        let mut bytes = registry.serialize(&flight(), Some(format)).unwrap();
        bytes.push(0);
        assert!(registry.deserialize::<Flight>(&bytes, format).is_err(), "{format}");
        bytes.truncate(bytes.len() - 2);
        assert!(registry.deserialize::<Flight>(&bytes, format).is_err(), "{format}");
        assert!(registry.deserialize::<Flight>(&[], format).is_err(), "{format}");
    }
}

#[test]
fn an_unknown_format_is_answered_with_the_known_ones() {
    let error = encode_error(flight(), "yaml");
    assert!(error.contains("has no format `yaml`: use one of `postcard`, `json`"), "{error}");
    let error = Registry::new().deserialize::<Vec<u8>>(&[], "npy").unwrap_err().to_string();
    assert!(error.contains("`raw`, `postcard`, `json`"), "{error}");
    let error = Registry::new().extension::<u8>(Some("png")).unwrap_err().to_string();
    assert!(error.contains("png"), "{error}");
}

#[test]
fn json_refuses_what_it_would_lose() {
    for lost in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut value = flight();
        value.delay = Some(lost);
        let error = encode_error(value.clone(), "json");
        assert!(error.contains("use the format `postcard`"), "{error}");
        let back = there_and_back(&value, Some("postcard"));
        assert_eq!(back.delay.unwrap().to_bits(), lost.to_bits());
    }
    assert!(encode_error(Kind::Cargo(f32::NAN), "json").contains("postcard"));
    assert!(encode_error(Some(None::<u8>), "json").contains("Some(None)"));
    assert!(encode_error(vec![Some(())], "json").contains("Some(())"));
    assert_eq!(there_and_back(&Some(None::<u8>), Some("postcard")), Some(None));
    assert_eq!(there_and_back(&vec![None, Some(1_u8)], Some("json")), [None, Some(1)]);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    first: Option<u8>,
    second: u8,
}

#[test]
fn postcard_refuses_a_skipped_field() {
    let sparse = Sparse { first: None, second: 0 };
    let error = encode_error(sparse.clone(), "postcard");
    assert!(error.contains("the field `first` is skipped"), "{error}");
    assert_eq!(there_and_back(&sparse, Some("json")), sparse);
    let full = Sparse { first: Some(1), second: 0 };
    assert_eq!(there_and_back(&full, Some("postcard")), full);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Gapped {
    First,
    #[serde(skip)]
    Never,
    Last(u8),
}

#[test]
fn postcard_refuses_variants_behind_a_skipped_one() {
    let error = encode_error(Gapped::Last(1), "postcard");
    assert!(error.contains("`Gapped::Last` is not read as it is written"), "{error}");
    assert!(error.contains("use the format `json`"), "{error}");
    assert!(
        encode_error(vec![Gapped::First, Gapped::Last(1)], "postcard").contains("Gapped::Last")
    );
    assert_eq!(there_and_back(&Gapped::Last(1), Some("json")), Gapped::Last(1));
    assert_eq!(there_and_back(&Gapped::First, Some("postcard")), Gapped::First);
    assert!(encode_error(Gapped::Never, "json").contains("cannot be serialized"));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Secret {
    #[serde(skip_serializing, default)]
    hidden: u8,
    value: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Message {
    Sent {
        #[serde(skip_deserializing)]
        hidden: u8,
        value: u8,
    },
    Both(#[serde(skip_deserializing)] u8, u8),
    One(#[serde(skip_deserializing)] u8),
}

#[test]
fn postcard_refuses_a_field_that_is_only_written_or_only_read() {
    let error = encode_error((Secret { hidden: 0, value: 2 }, vec![1_u8, 0]), "postcard");
    assert!(error.contains("`Secret` is not read as it is written"), "{error}");
    let sent = Message::Sent { hidden: 5, value: 2 };
    for (message, name) in [(sent, "Sent"), (Message::Both(5, 2), "Both"), (Message::One(5), "One")]
    {
        let error = encode_error((message, vec![9_u8]), "postcard");
        assert!(error.contains(&format!("`Message::{name}` is not read")), "{error}");
    }
}

mod other {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(crate) enum Kind {
        Charter,
        Passenger,
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Renamed {
    #[serde(rename(serialize = "a", deserialize = "b"))]
    A,
    B(BTreeMap<String, u8>),
}

#[test]
fn postcard_takes_types_of_one_name_and_parts_of_two() {
    let kinds = (Kind::Cargo(0.5), other::Kind::Passenger, other::Kind::Charter, Kind::Passenger);
    assert_eq!(there_and_back(&kinds, Some("postcard")), kinds);
    let renamed = vec![Renamed::A, Renamed::B(BTreeMap::from([("x".into(), 1)])), Renamed::A];
    assert_eq!(there_and_back(&renamed, Some("postcard")), renamed);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    One { a: u8 },
    Two,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat {
    own: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[test]
fn types_that_look_at_the_data_first_are_kept_as_json() {
    fn check<T>(value: T)
    where
        T: Serialize
            + DeserializeOwned
            + Clone
            + PartialEq
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        assert_eq!(Registry::new().formats::<T>(), ["json"]);
        assert_eq!(there_and_back(&value, None), value);
        assert!(encode_error(value, "postcard").contains("use the format `json`"));
    }
    check(Untagged::Text("x".into()));
    check(vec![Untagged::Number(1)]);
    check(Tagged::One { a: 1 });
    check(BTreeMap::from([(1, Tagged::Two)]));
    check(Flat { own: 1, rest: BTreeMap::from([("x".into(), 2)]) });
    check(serde_json::json!({ "a": [1, null] }));
}

proptest! {
    #[test]
    fn floats_come_back_bit_by_bit(bits in proptest::collection::vec(any::<u64>(), 0..50)) {
        let floats: Vec<f64> = bits.iter().map(|bits| f64::from_bits(*bits)).collect();
        let back = |format| there_and_back(&floats, format).iter().map(|f| f.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(&back(None), &bits, "raw, with every payload of a NaN");
        prop_assert_eq!(&back(Some("postcard")), &bits);
    }

    #[test]
    fn finite_floats_come_back_bit_by_bit_from_json(floats in proptest::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 0..50)) {
        let back = there_and_back(&floats, Some("json"));
        let bits = |floats: &[f64]| floats.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back), bits(&floats));
    }

    #[test]
    fn a_cut_or_changed_artifact_never_panics(cut in 0_usize..60, at in 0_usize..60, bits in 1_u8..) {
        let registry = Registry::new();
        for format in ["postcard", "json"] {
            let mut bytes = registry.serialize(&flight(), Some(format)).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= bits;
            bytes.truncate(bytes.len().saturating_sub(cut));
            // What it gives is the store's affair, which compares digests first.
            let _ = registry.deserialize::<Flight>(&bytes, format);
        }
    }
}

fn text(prefix: &'static str) -> Format<u32> {
    Format::new(
        "text",
        "txt",
        move |number: &u32| Ok(format!("{prefix}{number}").into_bytes()),
        move |bytes| Ok(std::str::from_utf8(bytes)?.trim_start_matches(prefix).parse()?),
    )
}

#[test]
fn a_registered_format_stands_beside_the_built_in_ones() {
    let registry = Registry::new();
    registry.register(text("n")).unwrap();
    assert_eq!(registry.formats::<u32>(), ["postcard", "json", "text"]);
    assert_eq!(registry.formats::<u64>(), ["postcard", "json"]);
    assert_eq!(registry.serialize(&7_u32, Some("text")).unwrap(), b"n7");
    assert_eq!(registry.deserialize::<u32>(b"n7", "text").unwrap(), 7);
    let error = registry.deserialize::<u32>(b"seven", "text").unwrap_err();
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
}

#[test]
fn a_registered_format_can_be_made_the_default() {
    let registry = Registry::new();
    let error = registry.set_default_format::<u32>("text").unwrap_err().to_string();
    assert!(error.contains("register it first"), "{error}");
    assert!(registry.set_default_format::<u32>("raw").is_err());

    registry.register(text("n")).unwrap();
    registry.set_default_format::<u32>("text").unwrap();
    assert_eq!(registry.formats::<u32>(), ["text", "postcard", "json"]);
    assert_eq!(registry.serialize(&7_u32, None).unwrap(), b"n7");
    let encoded = ValueFormats::serde::<u32>().encode(&registry, &7_u32, None).unwrap();
    assert_eq!((&*encoded.format, &*encoded.extension), ("text", "txt"));

    registry.set_default_format::<u32>("json").unwrap();
    assert_eq!(registry.serialize(&7_u32, None).unwrap(), b"7");
}

#[test]
fn replacing_a_format_gives_the_old_one_back() {
    let registry = Registry::new();
    registry.register(text("a")).unwrap();
    let before = registry.replace(text("b")).unwrap();
    assert_eq!(before.encode(&7).unwrap(), b"a7");
    assert_eq!(registry.serialize(&7_u32, Some("text")).unwrap(), b"b7");
    assert_eq!(registry.formats::<u32>().len(), 3);

    let mine = Format::new("postcard", "mine", |_: &u32| Ok(vec![9]), |_| Ok(9));
    assert!(registry.replace(mine).is_none());
    assert_eq!(registry.formats::<u32>(), ["postcard", "json", "text"]);
    assert_eq!(registry.serialize(&7_u32, None).unwrap(), [9]);
    assert_eq!(registry.extension::<u32>(None).unwrap(), "mine");
}

#[test]
fn another_version_of_a_format_is_another_shape() {
    let old = Registry::new();
    old.register(text("n")).unwrap();
    let formats = ValueFormats::serde::<u32>();
    let encoded = formats.encode(&old, &7_u32, Some("text")).unwrap();
    formats.decode(&old, &encoded.bytes, "text", encoded.shape).unwrap();

    let new = Registry::new();
    new.register(text("n").version("2")).unwrap();
    let error = formats.decode(&new, &encoded.bytes, "text", encoded.shape).unwrap_err();
    assert!(error.to_string().contains("has changed"), "{error}");
}

#[test]
fn a_clone_is_a_snapshot() {
    let one = Registry::new();
    one.register(text("a")).unwrap();
    let other = one.clone();
    one.replace(text("b")).unwrap();
    other.register_hash(|number: &u32, hasher| hasher.u32(number % 10)).unwrap();
    assert_eq!(one.serialize(&7_u32, Some("text")).unwrap(), b"b7");
    assert_eq!(other.serialize(&7_u32, Some("text")).unwrap(), b"a7");
    assert_eq!(other.hash_value(&17_u32).unwrap(), other.hash_value(&7_u32).unwrap());
    assert_ne!(one.hash_value(&17_u32).unwrap(), one.hash_value(&7_u32).unwrap());
}

#[test]
fn a_registered_hash_that_fails_is_an_error() {
    let registry = Registry::new();
    registry.register_hash(|_: &u32, hasher| hasher.fail("not today")).unwrap();
    assert_eq!(registry.hash_value(&1_u32).unwrap_err().to_string(), "not today");
    assert!(registry.hash_value(&1_u64).is_ok());
}

#[test]
fn readers_see_a_whole_registration_while_others_register() {
    let registry = Registry::new();
    registry.register(text("0")).unwrap();
    std::thread::scope(|scope| {
        for prefix in ["1", "2", "3"] {
            let registry = &registry;
            scope.spawn(move || (0..500).for_each(|_| drop(registry.replace(text(prefix)))));
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let bytes = registry.serialize(&77_u32, Some("text")).unwrap();
                    assert!(matches!(&bytes[..], [b'0'..=b'3', b'7', b'7']), "{bytes:?}");
                    assert_eq!(registry.formats::<u32>(), ["postcard", "json", "text"]);
                }
            });
        }
        scope.spawn(|| {
            (0..500).for_each(|_| _ = registry.replace_hash(|_: &u8, hasher| hasher.unit()))
        });
    });
    assert_eq!(registry.hash_value(&1_u8).unwrap(), registry.hash_value(&2_u8).unwrap());
}

/// Serde does not know it.
struct Image(Vec<u8>);

impl HasFormat for Image {
    fn formats() -> Vec<Format<Self>> {
        let plain =
            Format::new("plain", "img", |i: &Self| Ok(i.0.clone()), |b| Ok(Self(b.to_vec())));
        let hex = Format::new(
            "hex",
            "txt",
            |image: &Self| {
                Ok(image.0.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect())
            },
            |_| Err("it cannot be read back".into()),
        );
        vec![plain, hex]
    }
}

#[test]
fn a_type_brings_its_own_formats() {
    let (registry, formats) = (Registry::new(), ValueFormats::own::<Image>());
    let encoded = formats.encode(&registry, &Image(vec![1, 255]), None).unwrap();
    assert_eq!((&*encoded.bytes, &*encoded.extension), (&[1, 255][..], "img"));
    let image = formats.decode(&registry, &encoded.bytes, "plain", encoded.shape).unwrap();
    assert_eq!(image.downcast_ref::<Image>().unwrap().0, [1, 255]);

    let hex = formats.encode(&registry, &Image(vec![1, 255]), Some("hex")).unwrap();
    assert_eq!(hex.bytes, b"01ff");
    let error = formats.decode(&registry, &hex.bytes, "hex", hex.shape).unwrap_err();
    assert!(error.to_string().contains("it cannot be read back"), "{error}");
    let error = formats.encode(&registry, &Image(vec![]), Some("json")).unwrap_err();
    assert!(error.to_string().contains("use one of `plain`, `hex`"), "{error}");

    registry
        .register(Format::new("png", "png", |_: &Image| Ok(vec![0]), |_| Ok(Image(vec![]))))
        .unwrap();
    registry.set_default_format::<Image>("png").unwrap();
    assert_eq!(formats.encode(&registry, &Image(vec![]), None).unwrap().format, "png");
}

#[test]
fn a_value_of_another_type_is_refused() {
    let registry = Registry::new();
    let value: Arc<dyn Any + Send + Sync> = Arc::new(1_u8);
    let error = ValueFormats::serde::<u32>().encode(&registry, &*value, None).unwrap_err();
    assert_eq!(error.to_string(), "the value to encode is not a `u32`");
}

#[test]
fn wide_integers_come_back() {
    let value = (u128::MAX, i128::MIN, u64::MAX, i64::MIN);
    assert_eq!(there_and_back(&value, Some("postcard")), value);
    assert_eq!(there_and_back(&value, Some("json")), value);
}
