//! A type that changed is never decoded from what it was: every change that serde can see is a changed shape.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use daglite::{Digest, ErrorKind, Registry, ValueFormats};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

fn encode<T>(value: T, format: &str) -> (Vec<u8>, Digest)
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let encoded =
        ValueFormats::serde::<T>().encode(&Registry::new(), &value, Some(format)).unwrap();
    (encoded.bytes, encoded.shape)
}

/// Asserts that what `old` wrote is refused as `New`, because of its shape.
#[track_caller]
fn refused<New, Old>(old: Old)
where
    New: Serialize + DeserializeOwned + Send + Sync + 'static,
    Old: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    for format in ["postcard", "json"] {
        let (bytes, shape) = encode(old.clone(), format);
        let formats = ValueFormats::serde::<New>();
        let error = formats.decode(&Registry::new(), &bytes, format, shape).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Format);
        assert!(error.to_string().contains("has changed since this was written"), "{error}");
    }
}

/// Asserts that all of a type can be seen, so that it may be kept as postcard.
#[track_caller]
fn seen<T: Serialize + DeserializeOwned + Send + Sync + 'static>() {
    assert!(
        Registry::new().formats::<T>().contains(&"postcard".to_owned()),
        "the shape of `{}` is incomplete",
        std::any::type_name::<T>()
    );
}

/// Every type of the same serde name, in a module of its own.
macro_rules! versions {
    ($($module:ident { $($items:tt)* })*) => {$(
        mod $module {
            #![allow(dead_code)]
            use serde::{Deserialize, Serialize};
            $($items)*
        }
    )*};
}

versions! {
    old {
        #[derive(Clone, Serialize, Deserialize)]
        pub(super) struct Row { pub(super) a: u32, pub(super) b: u32 }
        #[derive(Clone, Serialize, Deserialize)]
        pub(super) enum Kind { A, B(u8), C { x: u8 } }
        #[derive(Clone, Serialize, Deserialize)]
        pub(super) struct Deep { pub(super) rows: Vec<Option<Kind>> }
    }
    field_renamed {
        #[derive(Serialize, Deserialize)]
        pub(super) struct Row { a: u32, c: u32 }
    }
    fields_swapped {
        #[derive(Serialize, Deserialize)]
        pub(super) struct Row { b: u32, a: u32 }
    }
    field_retyped {
        #[derive(Serialize, Deserialize)]
        pub(super) struct Row { a: u32, b: i32 }
    }
    field_added {
        #[derive(Serialize, Deserialize)]
        pub(super) struct Row { a: u32, b: u32, #[serde(default)] c: u32 }
    }
    field_removed {
        #[derive(Serialize, Deserialize)]
        pub(super) struct Row { a: u32 }
    }
    field_optional {
        #[derive(Serialize, Deserialize)]
        pub(super) struct Row { a: u32, b: Option<u32> }
    }
    field_boxed {
        #[derive(Serialize, Deserialize)]
        pub(super) struct Row { a: Box<u32>, b: u32 }
    }
    type_renamed {
        #[derive(Serialize, Deserialize)]
        pub(super) struct Line { a: u32, b: u32 }
    }
    variants_swapped {
        #[derive(Serialize, Deserialize)]
        pub(super) enum Kind { B(u8), A, C { x: u8 } }
        #[derive(Serialize, Deserialize)]
        pub(super) struct Deep { rows: Vec<Option<Kind>> }
    }
    variant_retyped {
        #[derive(Serialize, Deserialize)]
        pub(super) enum Kind { A, B(i8), C { x: u8 } }
    }
    variant_field_retyped {
        #[derive(Serialize, Deserialize)]
        pub(super) enum Kind { A, B(u8), C { x: i8 } }
        #[derive(Serialize, Deserialize)]
        pub(super) struct Deep { rows: Vec<Option<Kind>> }
    }
    variant_added {
        #[derive(Serialize, Deserialize)]
        pub(super) enum Kind { A, B(u8), C { x: u8 }, D }
    }
}

#[test]
fn a_changed_struct_is_refused() {
    let row = old::Row { a: 1, b: 2 };
    refused::<field_renamed::Row, _>(row.clone());
    refused::<fields_swapped::Row, _>(row.clone());
    refused::<field_retyped::Row, _>(row.clone());
    refused::<field_added::Row, _>(row.clone());
    refused::<field_removed::Row, _>(row.clone());
    refused::<field_optional::Row, _>(row.clone());
    refused::<type_renamed::Line, _>(row.clone());
    refused::<Vec<old::Row>, _>(row.clone());
    refused::<(u32, u32), _>(row);
}

#[test]
fn a_changed_enum_is_refused_whichever_variant_was_written() {
    for kind in [old::Kind::A, old::Kind::B(1), old::Kind::C { x: 1 }] {
        refused::<variants_swapped::Kind, _>(kind.clone());
        refused::<variant_retyped::Kind, _>(kind.clone());
        refused::<variant_field_retyped::Kind, _>(kind.clone());
        refused::<variant_added::Kind, _>(kind);
    }
}

#[test]
fn a_change_deep_inside_is_refused() {
    let deep = old::Deep { rows: vec![] };
    refused::<variants_swapped::Deep, _>(deep.clone());
    refused::<variant_field_retyped::Deep, _>(deep);
}

#[test]
fn what_serde_does_not_see_does_not_count() {
    let (bytes, shape) = encode(old::Row { a: 1, b: 2 }, "postcard");
    let formats = ValueFormats::serde::<field_boxed::Row>();
    assert!(formats.decode(&Registry::new(), &bytes, "postcard", shape).is_ok());
}

#[test]
fn kinds_of_one_layout_are_told_apart() {
    refused::<(u8, u8), _>([[1_u8, 2]]);
    refused::<Vec<u8>, _>(vec![true]);
    refused::<Option<u8>, _>(vec![1_u8]);
    refused::<BTreeMap<u8, u8>, _>(vec![(1_u8, 2_u8)]);
    refused::<Vec<String>, _>(vec![1_u8]);
    refused::<i128, _>(1_u128);
    refused::<f64, _>(1.0_f32);
    refused::<char, _>("a".to_owned());
    refused::<Vec<Vec<u16>>, _>(vec![vec![1_u8]]);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tree {
    Branch(Vec<Tree>),
    Fork { left: Box<Tree>, right: Box<Tree> },
    Named(HashMap<String, Tree>),
    Next(Option<Box<Node>>),
    Leaf(f64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Node {
    value: Side,
    next: Option<Box<Node>>,
    tree: Vec<Tree>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Side {
    Left,
    Right(u8),
}

mod other_side {
    use super::*;
    #[derive(Serialize, Deserialize)]
    pub(super) enum Tree {
        Branch(Vec<Tree>),
        Fork { left: Box<Tree>, right: Box<Tree> },
        Named(HashMap<String, Tree>),
        Next(Option<Box<Node>>),
        Leaf(f64),
    }
    #[derive(Serialize, Deserialize)]
    pub(super) struct Node {
        value: Side,
        next: Option<Box<Node>>,
        tree: Vec<Tree>,
    }
    #[derive(Serialize, Deserialize)]
    enum Side {
        Left,
        Right(i8),
    }
}

#[test]
fn types_that_contain_themselves_are_seen_to_the_end() {
    seen::<Tree>();
    seen::<Node>();
    let node = Node { value: Side::Right(1), next: None, tree: vec![Tree::Leaf(1.0)] };
    let tree = Tree::Fork {
        left: Box::new(Tree::Next(Some(Box::new(node.clone())))),
        right: Box::new(Tree::Branch(vec![Tree::Named(HashMap::new())])),
    };
    refused::<other_side::Node, _>(node);
    refused::<other_side::Tree, _>(tree.clone());
    let (bytes, shape) = encode(tree.clone(), "postcard");
    let back = ValueFormats::serde::<Tree>().decode(&Registry::new(), &bytes, "postcard", shape);
    assert_eq!(back.unwrap().downcast_ref::<Tree>(), Some(&tree));
}

#[test]
fn types_of_the_standard_library_are_seen() {
    seen::<(IpAddr, PathBuf, Duration, std::time::SystemTime)>();
    seen::<Result<Option<NonZero<u8>>, String>>();
    seen::<(char, i128, u128, ())>();
    seen::<(HashSet<String>, BTreeMap<u8, Vec<[f32; 3]>>)>();
    seen::<(std::ops::Range<u8>, std::ops::Bound<u8>, std::cmp::Reverse<u8>)>();
    seen::<(daglite::Digest, daglite::InputFile)>();
}

/// A type that checks what it reads.
macro_rules! checked {
    ($name:ident from $from:ty as $literal:literal, |$value:ident| $check:expr) => {
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(try_from = $literal, into = $literal)]
        struct $name($from);

        impl TryFrom<$from> for $name {
            type Error = &'static str;

            fn try_from($value: $from) -> Result<Self, Self::Error> {
                if $check { Ok(Self($value)) } else { Err("refused") }
            }
        }

        impl From<$name> for $from {
            fn from(checked: $name) -> Self {
                checked.0
            }
        }
    };
}

checked!(Zero from u32 as "u32", |value| value == 0);
checked!(Date from String as "String", |value| value.len() == 10 && value.matches('-').count() == 2);
checked!(NotEmpty from Vec<Side> as "Vec<Side>", |value| !value.is_empty());
checked!(Impossible from String as "String", |value| value == "xyzzy");

#[derive(Clone, Serialize, Deserialize)]
struct Checked {
    zero: Zero,
    date: Date,
    list: NotEmpty,
    after: u32,
}

#[derive(Clone, Serialize, Deserialize)]
struct Stuck {
    impossible: Impossible,
    after: u32,
}

#[test]
fn types_that_check_what_they_read_are_given_other_answers() {
    seen::<Checked>();
    mod changed {
        use super::*;
        #[derive(Serialize, Deserialize)]
        pub(super) struct Checked {
            zero: Zero,
            date: Date,
            list: NotEmpty,
            after: i32,
        }
    }
    refused::<changed::Checked, _>(Checked {
        zero: Zero(0),
        date: Date("2013-01-01".into()),
        list: NotEmpty(vec![Side::Left]),
        after: 1,
    });
}

#[test]
fn a_type_that_refuses_every_answer_is_kept_as_json() {
    assert_eq!(Registry::new().formats::<Stuck>(), ["json"]);
    assert_eq!(Registry::new().formats::<Vec<Stuck>>(), ["json"]);
}

/// Reads leniently: a refusal inside is swallowed.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(u8, String), D::Error> {
    #[derive(Deserialize)]
    struct Inner(Impossible, String);
    Ok(Inner::deserialize(deserializer).map_or_else(
        |_| (0, String::new()),
        |Inner(checked, text)| (u8::from(checked.0.is_empty()), text),
    ))
}

#[derive(Serialize, Deserialize)]
struct Lenient {
    #[serde(deserialize_with = "lenient")]
    value: (u8, String),
    after: Side,
}

#[test]
fn a_swallowed_refusal_is_not_taken_for_a_whole_shape() {
    assert_eq!(Registry::new().formats::<Lenient>(), ["json"]);
}

/// Ends nowhere: no value of it exists.
#[derive(Serialize, Deserialize)]
struct Endless(Box<Endless>);

#[derive(Serialize, Deserialize)]
enum Circle {
    Round(Box<Circle>),
}

#[test]
fn a_type_without_end_is_given_up_on() {
    assert_eq!(Registry::new().formats::<Option<Endless>>(), ["json"]);
    assert_eq!(Registry::new().formats::<Vec<Circle>>(), ["json"]);
}

#[test]
fn the_shape_is_the_same_at_every_look() {
    let shape = encode(old::Row { a: 1, b: 2 }, "postcard").1;
    // Shapes outlive the process: this one is pinned.
    assert_eq!(
        shape.to_string(),
        "e0a5b405443b61182283afe0cee948e61087b30bbb1d25edfb74f2532d9115eb"
    );
    assert_eq!(encode(old::Row { a: 3, b: 4 }, "postcard").1, shape);
    assert_ne!(encode(old::Row { a: 3, b: 4 }, "json").1, encode(1_u8, "json").1);
}

#[test]
fn wide_types_are_seen_in_reasonable_time() {
    // Each level has the one below twice: a probe that forgot what it saw would look 2^24 times.
    macro_rules! levels {
        ($below:ident) => {};
        ($below:ident $name:ident $($rest:ident)*) => {
            #[derive(Serialize, Deserialize)]
            struct $name { left: Vec<$below>, right: Option<Box<$below>> }
            levels!($name $($rest)*);
        };
    }
    levels!(Side A B C D E F G H I J K L M N O P Q R S T U V W X);
    seen::<X>();
}

/// Reads nothing, and refuses at once.
struct Never;

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("there is no value of this type"))
    }
}

impl Serialize for Never {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

#[test]
fn a_type_that_refuses_before_it_asks_is_kept_as_json() {
    assert_eq!(Registry::new().formats::<Never>(), ["json"]);
}

/// Takes whatever comes.
#[derive(Serialize)]
struct Whatever;

impl<'de> Deserialize<'de> for Whatever {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

#[test]
fn a_type_that_ignores_what_it_reads_is_kept_as_json() {
    let registry = Registry::new();
    assert_eq!(registry.formats::<Vec<Whatever>>(), ["json"]);
    let bytes = registry.serialize(&vec![Whatever, Whatever], None).unwrap();
    assert_eq!(registry.deserialize::<Vec<Whatever>>(&bytes, "json").unwrap().len(), 2);
}

/// Tells why a part of it could not be read.
#[derive(Serialize)]
struct Talkative(Impossible);

impl<'de> Deserialize<'de> for Talkative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let part = Impossible::deserialize(deserializer);
        let part = part.map_err(|error| serde::de::Error::custom(format!("no part: {error}")))?;
        Ok(Self(part))
    }
}

#[test]
fn a_type_that_passes_on_an_error_of_the_probe_is_kept_as_json() {
    assert_eq!(Registry::new().formats::<Talkative>(), ["json"]);
}

/// An enum of so many variants, all without parts.
struct Wide<const VARIANTS: usize>;

/// Names of variants.
fn variants(count: usize) -> &'static [&'static str] {
    static NAMES: std::sync::LazyLock<Vec<&'static str>> =
        std::sync::LazyLock::new(|| (0..2_000).map(|n| &*format!("V{n}").leak()).collect());
    &NAMES[..count]
}

impl<'de, const VARIANTS: usize> Deserialize<'de> for Wide<VARIANTS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> serde::de::Visitor<'de> for Any {
            type Value = ();
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a variant")
            }
            fn visit_enum<A: serde::de::EnumAccess<'de>>(self, access: A) -> Result<(), A::Error> {
                let (_name, variant) = access.variant::<String>()?;
                serde::de::VariantAccess::unit_variant(variant)
            }
        }
        deserializer.deserialize_enum("Wide", variants(VARIANTS), Any).map(|()| Self)
    }
}

impl<const VARIANTS: usize> Serialize for Wide<VARIANTS> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit_variant("Wide", 0, "V0")
    }
}

#[test]
fn an_enum_of_thousands_of_variants_is_seen() {
    assert_eq!(Registry::new().formats::<Wide<2_000>>(), ["postcard", "json"]);
}
