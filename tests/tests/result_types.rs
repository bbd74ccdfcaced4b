//! A changed result type never decodes into wrong data: a row for each way in which a type can change behind the cache's
//! back, as one of another crate does of which the fingerprint knows nothing.
//!
//! Each row writes a value of the old type and looks it up as the new one, under one key, as postcard and as JSON. Some
//! changes serde does not see. There a hit is right if it is the value that a computation would give.

use daglite::prelude::*;
use daglite_tests::one_key::OneKey;
use daglite_tests::{Log, logged_with};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a row's types have.
trait Kept: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Kept for T {}

#[task(cache, cache_exclude = [value])]
fn give<T: Clone + Serialize + DeserializeOwned>(value: T) -> T {
    value
}

/// Runs `give` in a session of its own; nothing is left in memory.
fn run<T: Kept>(store: &OneKey, value: T, format: &str) -> (T, Log) {
    let registry = Registry::new();
    registry.set_default_format::<T>(format).unwrap();
    let (session, log) = session(store, &registry);
    (give(value).run_in(&session).unwrap(), log)
}

fn session(store: &OneKey, registry: &Registry) -> (Session, Log) {
    logged_with(Session::builder().cache(store.clone()).registry(registry))
}

/// What is right for a row.
#[derive(Clone, Copy, PartialEq)]
enum Expected {
    /// A miss, because of the shape.
    Miss,
    /// A miss, or the value of today.
    Same,
}

/// Runs `give` of one value on a store, in a format: what it gave, as JSON.
type Run<'a> = &'a dyn Fn(&OneKey, &str) -> (serde_json::Value, Log);

/// What is wrong with one row; nothing if all is well. Thin, as it is compiled for each row.
fn check<Old: Kept, New: Kept>(expected: Expected, was: Old, is: New) -> Vec<String> {
    let fresh = serde_json::to_value(&is).unwrap();
    wrong(
        expected,
        &|store, format| shown(store, &was, format),
        &|store, format| shown(store, &is, format),
        &fresh,
    )
}

fn shown<T: Kept>(store: &OneKey, value: &T, format: &str) -> (serde_json::Value, Log) {
    let (value, log) = run(store, value.clone(), format);
    (serde_json::to_value(value).unwrap(), log)
}

/// What is wrong with a type that changed from that of `old` to that of `new`, whose value is `fresh`.
fn wrong(expected: Expected, old: Run, new: Run, fresh: &serde_json::Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut stored = 0;
    for format in ["postcard", "json"] {
        let store = OneKey::default();
        let (_, before) = old(&store, format);
        // A format that refuses the type cannot confuse it.
        if before.count("stored") == 0 {
            continue;
        }
        stored += 1;
        let (value, log) = new(&store, format);
        let lines = log.take();
        let why = lines.iter().find(|line| line.starts_with("miss give"));
        if value != *fresh {
            wrong.push(format!("{format}: it is {value} and not {fresh}"));
        } else if expected == Expected::Miss
            && why.is_none_or(|why| {
                !why.contains("the result type is another one now") && !why.contains("shape")
            })
        {
            wrong.push(format!("{format}: no miss because of the shape: {lines:?}"));
        }
        let (again, log) = new(&store, format);
        if again != *fresh || log.count("hit") == 0 && log.count("computed") == 0 {
            wrong.push(format!("{format}: after that it is {again}"));
        }
    }
    if stored == 0 {
        wrong.push("nothing was stored, so nothing was tried".to_owned());
    }
    wrong
}

/// What rows use beside their own types.
mod with {
    use serde::{Deserialize, Deserializer, Serializer};

    /// A number as text.
    pub(crate) mod text {
        use super::*;

        pub(crate) fn serialize<S: Serializer>(n: &u32, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str(&n.to_string())
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
            String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
        }
    }
}

/// The table: name, what is expected, the old types and value, the new types and value.
macro_rules! changes {
    ($(
        $name:ident $expected:ident
            { $($old:item)* } $was:expr
            => { $($new:item)* } $is:expr;
    )*) => {
        $(
            mod $name {
                mod old {
                    #![allow(dead_code, unused_imports, clippy::box_collection)]
                    use std::collections::*;
                    use serde::{Deserialize, Serialize};
                    use super::super::with;
                    $(#[derive(Clone, Serialize, Deserialize)] $old)*
                    pub(super) fn value() -> impl super::super::Kept { $was }
                }
                mod new {
                    #![allow(dead_code, unused_imports, clippy::box_collection)]
                    use std::collections::*;
                    use serde::{Deserialize, Serialize};
                    use super::super::with;
                    $(#[derive(Clone, Serialize, Deserialize)] $new)*
                    pub(super) fn value() -> impl super::super::Kept { $is }
                }
                pub(super) fn row() -> Vec<String> {
                    super::check(super::Expected::$expected, old::value(), new::value())
                }
            }
        )*
        const CHANGES: &[(&str, fn() -> Vec<String>)] = &[$((stringify!($name), $name::row)),*];
    };
}

changes! {
    // Structs.
    fields_reordered Miss
        { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 }
        => { struct Row { b: u32, a: u32 } } Row { a: 1, b: 2 };
    field_renamed Miss
        { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 }
        => { struct Row { a: u32, c: u32 } } Row { a: 1, c: 3 };
    names_swapped Miss
        { struct Row { from: u32, to: u32 } } Row { from: 1, to: 2 }
        => { struct Row { to: u32, from: u32 } } Row { to: 1, from: 2 };
    field_added Miss
        { struct Row { a: u32 } } Row { a: 1 }
        => { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 };
    field_added_with_default Miss
        { struct Row { a: u32 } } Row { a: 1 }
        => { struct Row { a: u32, #[serde(default)] b: u32 } } Row { a: 1, b: 2 };
    optional_field_added Miss
        { struct Row { a: u32 } } Row { a: 1 }
        => { struct Row { a: u32, b: Option<u32> } } Row { a: 1, b: Some(2) };
    last_field_removed Miss
        { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 }
        => { struct Row { a: u32 } } Row { a: 2 };
    first_field_removed Miss
        { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 }
        => { struct Row { b: u32 } } Row { b: 3 };
    type_renamed Miss
        { struct Row { a: u32 } } Row { a: 1 }
        => { struct Line { a: u32 } } Line { a: 2 };
    named_to_unnamed Miss
        { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 }
        => { struct Row(u32, u32); } Row(3, 4);
    struct_to_tuple Miss
        { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 } => {} (3_u32, 4_u32);
    newtype_added Miss
        {} 1_u32 => { struct Meters(u32); } Meters(2);
    newtype_renamed Miss
        { struct Feet(f64); } Feet(1.0) => { struct Meters(f64); } Meters(0.3);
    newtype_field_to_its_content Miss
        { struct Id(u32); struct Row { id: Id } } Row { id: Id(1) }
        => { struct Row { id: u32 } } Row { id: 2 };
    unit_struct_to_unit Miss
        { struct Done; } vec![Done] => {} vec![(), ()];
    nested_field_retyped Miss
        { struct In { x: u8 } struct Row { a: In } } Row { a: In { x: 1 } }
        => { struct In { x: i8 } struct Row { a: In } } Row { a: In { x: 2 } };

    // Scalars.
    wider_integer Miss {} 300_u32 => {} 301_u64;
    narrower_integer Miss {} 1_u16 => {} 2_u8;
    signed_integer Miss {} 2_u32 => {} -3_i32;
    size_of_the_machine Miss {} 2_u32 => {} 3_usize;
    large_integer Miss {} 1_u64 => {} 2_u128;
    shorter_float Miss {} 1.0_f64 => {} 2.0_f32;
    integer_to_float Miss {} 1_u32 => {} 2.0_f32;
    bool_to_integer Miss {} true => {} 2_u8;
    text_to_character Miss {} "a".to_owned() => {} 'b';
    character_to_integer Miss {} 'a' => {} 98_u32;
    text_to_path Same {} "a".to_owned() => {} std::path::PathBuf::from("a");
    text_to_bytes Miss {} "a".to_owned() => {} vec![98_u8];
    number_to_nonzero Same {} 1_u8 => {} std::num::NonZero::<u8>::MIN;
    integers_to_bools Miss {} vec![1_u8, 0] => {} vec![false, true];

    // Options, lists, maps.
    option_added Miss {} 1_u32 => {} Some(2_u32);
    option_removed Miss {} Some(1_u32) => {} 2_u32;
    option_twice Miss {} Some(1_u8) => {} Some(Some(2_u8));
    option_to_list Miss {} Some(1_u8) => {} vec![2_u8];
    option_to_result Miss {} Some(1_u8) => {} vec![Ok::<u8, u8>(1)];
    list_to_set Same {} vec![1_u8, 2] => {} std::collections::BTreeSet::from([1_u8, 2]);
    list_to_array Miss {} vec![1_u8, 2] => {} [3_u8, 4];
    array_longer Miss {} [1_u8, 2] => {} [1_u8, 2, 3];
    array_shorter Miss {} [[1_u8, 2], [3, 4]] => {} [[1_u8], [2]];
    tuple_to_array Same {} (1_u8, 2_u8) => {} [1_u8, 2];
    tuple_longer Miss {} (1_u8, 2_u8) => {} (1_u8, 2_u8, 3_u8);
    tuple_nested Miss {} (1_u8, 2_u8, 3_u8) => {} ((1_u8, 2_u8), 4_u8);
    map_to_list_of_pairs Miss
        {} BTreeMap::from([(1_u8, 2_u8)]) => {} vec![(3_u8, 4_u8)];
    map_key_retyped Miss
        {} BTreeMap::from([(1_u8, 2_u8)]) => {} BTreeMap::from([("3".to_owned(), 4_u8)]);
    map_value_retyped Miss
        {} BTreeMap::from([(1_u8, 2_u8)]) => {} BTreeMap::from([(1_u8, Some(3_u8))]);
    empty_list_retyped Miss {} Vec::<Option<u8>>::new() => {} vec![Some(1_i8)];
    inside_an_empty_map Miss
        { struct In { a: u8 } } BTreeMap::<String, Vec<In>>::new()
        => { struct In { b: u8 } } BTreeMap::from([("x".to_owned(), vec![In { b: 1 }])]);
    inside_a_none Miss
        { enum In { A, B } } None::<In> => { enum In { B, A } } Some(In::A);
    generic_argument Miss
        { struct Wrap<T> { value: T } } Wrap { value: 1_u8 }
        => { struct Wrap<T> { value: T } } Wrap { value: 2_u16 };

    // Enums.
    variants_reordered Miss
        { enum Kind { A, B } } Kind::A => { enum Kind { B, A } } Kind::A;
    variants_of_one_payload_swapped Miss
        { enum Kind { Feet(f64), Meters(f64) } } Kind::Feet(1.0)
        => { enum Kind { Meters(f64), Feet(f64) } } Kind::Feet(1.0);
    variant_renamed Miss
        { enum Kind { A, B } } Kind::B => { enum Kind { A, C } } Kind::A;
    variant_inserted Miss
        { enum Kind { A, C } } Kind::C => { enum Kind { A, B, C } } Kind::C;
    variant_added_at_the_end Miss
        { enum Kind { A, B } } Kind::B => { enum Kind { A, B, C } } Kind::C;
    other_variant_removed Miss
        { enum Kind { A, B } } Kind::B => { enum Kind { B } } Kind::B;
    variant_payload_retyped Miss
        { enum Kind { A(u8) } } Kind::A(1) => { enum Kind { A(i8) } } Kind::A(-1);
    payload_of_the_other_variant_retyped Miss
        { enum Kind { A, B(u8) } } Kind::A => { enum Kind { A, B(u16) } } Kind::B(1);
    unit_variant_to_newtype_variant Miss
        { enum Kind { A, B } } Kind::A => { enum Kind { A(u8), B } } Kind::A(1);
    newtype_variant_to_tuple_variant Miss
        { enum Kind { A((u8, u8)) } } Kind::A((1, 2)) => { enum Kind { A(u8, u8) } } Kind::A(3, 4);
    tuple_variant_to_struct_variant Miss
        { enum Kind { A(u8, u8) } } Kind::A(1, 2)
        => { enum Kind { A { x: u8, y: u8 } } } Kind::A { x: 3, y: 4 };
    fields_of_a_variant_swapped Miss
        { enum Kind { A { x: u8, y: u8 } } } Kind::A { x: 1, y: 2 }
        => { enum Kind { A { y: u8, x: u8 } } } Kind::A { x: 1, y: 2 };
    enum_to_number Miss
        { enum Kind { A, B } } Kind::B => {} 2_u8;
    enum_to_bool Miss
        { enum Kind { A, B } } vec![Kind::B] => {} vec![false];
    option_to_own_enum Miss
        {} Some(1_u8) => { enum Maybe { No, Yes(u8) } } Maybe::No;
    deep_in_a_type_that_contains_itself Miss
        { enum Tree { Leaf(u8), Node(Vec<Tree>) } } Tree::Node(vec![])
        => { enum Tree { Leaf(i8), Node(Vec<Tree>) } } Tree::Leaf(1);

    // What serde is told.
    serde_field_renamed Miss
        { struct Row { a: u32 } } Row { a: 1 }
        => { struct Row { #[serde(rename = "b")] a: u32 } } Row { a: 2 };
    serde_fields_renamed_into_each_other Miss
        { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 }
        => { struct Row { #[serde(rename = "b")] a: u32, #[serde(rename = "a")] b: u32 } } Row { a: 1, b: 2 };
    serde_case_of_all_names Miss
        { struct Row { one_two: u32 } } Row { one_two: 1 }
        => { #[serde(rename_all = "camelCase")] struct Row { one_two: u32 } } Row { one_two: 2 };
    serde_field_skipped Miss
        { struct Row { a: u32, b: u32 } } Row { a: 1, b: 2 }
        => { struct Row { a: u32, #[serde(skip)] b: u32 } } Row { a: 3, b: 0 };
    serde_field_no_longer_skipped Miss
        { struct Row { a: u32, #[serde(skip)] b: u32 } } Row { a: 1, b: 0 }
        => { struct Row { a: u32, #[serde(default)] b: u32 } } Row { a: 1, b: 7 };
    serde_default_of_all Same
        { struct Row { a: u32 } } Row { a: 1 }
        => { struct Row { #[serde(default)] a: u32 } } Row { a: 1 };
    serde_alias_added Same
        { struct Row { a: u32 } } Row { a: 1 }
        => { struct Row { #[serde(alias = "b")] a: u32 } } Row { a: 1 };
    serde_with Miss
        { struct Row { a: u32 } } Row { a: 1 }
        => { struct Row { #[serde(with = "with::text")] a: u32 } } Row { a: 2 };
    serde_transparent Miss
        { struct Row { a: u32 } } Row { a: 1 }
        => { #[serde(transparent)] struct Row { a: u32 } } Row { a: 2 };
    serde_field_flattened Miss
        { struct In { x: u8 } struct Row { a: u32, inner: In } } Row { a: 1, inner: In { x: 2 } }
        => { struct In { x: u8 } struct Row { a: u32, #[serde(flatten)] inner: In } } Row { a: 3, inner: In { x: 4 } };
    serde_flattened_field_renamed Miss
        { struct In { x: u8 } struct Row { a: u32, #[serde(flatten)] inner: In } } Row { a: 1, inner: In { x: 2 } }
        => { struct In { #[serde(default)] y: u8 } struct Row { a: u32, #[serde(flatten)] inner: In } } Row { a: 1, inner: In { y: 2 } };
    serde_flattened_field_retyped Miss
        { struct In { x: u8 } struct Row { a: u32, #[serde(flatten)] inner: In } } Row { a: 1, inner: In { x: 2 } }
        => { struct In { x: f64 } struct Row { a: u32, #[serde(flatten)] inner: In } } Row { a: 1, inner: In { x: 3.0 } };
    serde_flattened_field_added Miss
        { struct In { x: u8 } struct Row { #[serde(flatten)] inner: In } } Row { inner: In { x: 2 } }
        => { struct In { x: u8, #[serde(default)] y: u8 } struct Row { #[serde(flatten)] inner: In } } Row { inner: In { x: 2, y: 3 } };
    serde_untagged Miss
        { enum Kind { A(u8), B(u8) } } Kind::B(1)
        => { #[serde(untagged)] enum Kind { A(u8), B(u8) } } Kind::A(2);
    serde_untagged_variants_swapped Miss
        { #[serde(untagged)] enum Kind { Small(u8), Large(u64) } } Kind::Small(1)
        => { #[serde(untagged)] enum Kind { Large(u64), Small(u8) } } Kind::Large(2);
    serde_untagged_payload_retyped Miss
        { #[serde(untagged)] enum Kind { A(u8), B(String) } } vec![Kind::A(1)]
        => { #[serde(untagged)] enum Kind { A(f32), B(String) } } vec![Kind::A(2.0)];
    serde_tag_inside Miss
        { enum Kind { A { x: u8 } } } Kind::A { x: 1 }
        => { #[serde(tag = "kind")] enum Kind { A { x: u8 } } } Kind::A { x: 2 };
    serde_field_beside_a_tag_added Miss
        { #[serde(tag = "kind")] enum Kind { A { x: u8 } } } Kind::A { x: 1 }
        => { #[serde(tag = "kind")] enum Kind { A { x: u8, #[serde(default)] y: u8 } } } Kind::A { x: 1, y: 2 };
    serde_field_beside_a_tag_retyped Miss
        { #[serde(tag = "kind")] enum Kind { A { x: u8 } } } Kind::A { x: 1 }
        => { #[serde(tag = "kind")] enum Kind { A { x: i64 } } } Kind::A { x: 2 };
    serde_content_beside_a_tag_retyped Miss
        { #[serde(tag = "t", content = "c")] enum Kind { A(u8) } } Kind::A(1)
        => { #[serde(tag = "t", content = "c")] enum Kind { A(i8) } } Kind::A(2);
    any_json_to_a_type Miss
        {} serde_json::json!({ "a": 1 }) => { struct Row { a: u32 } } Row { a: 2 };
    a_type_to_any_json Miss
        { struct Row { a: u32 } } Row { a: 1 } => {} serde_json::json!({ "a": 2 });

    // What serde does not see.
    boxed Same
        { struct Row { a: u32 } } Row { a: 1 } => { struct Row { a: Box<u32> } } Row { a: Box::new(1) };
    made_public Same
        { struct Row { a: u32 } } Row { a: 1 } => { pub(crate) struct Row { pub(crate) a: u32 } } Row { a: 1 };
    other_map Same
        {} HashMap::from([(1_u8, 2_u8)]) => {} BTreeMap::from([(1_u8, 2_u8)]);
    other_list Same
        {} vec!["a".to_owned()] => {} VecDeque::from(["a".to_owned()]);
    other_text Same
        {} "a".to_owned() => {} Box::<str>::from("a");
    other_representation Same
        { enum Kind { A, B } } Kind::B => { #[repr(u8)] enum Kind { A = 7, B = 9 } } Kind::B;
    lifetime_of_a_cow Same
        {} "a".to_owned() => {} std::borrow::Cow::Borrowed("a");
    other_generic_name Same
        { struct Row<T> { a: T } } Row { a: 1_u8 } => { struct Row<S> { a: S } } Row { a: 1_u8 };
}

#[test]
fn no_changed_type_is_read_from_what_it_was() {
    assert!(CHANGES.len() >= 90, "{} rows", CHANGES.len());
    let wrong: Vec<String> = CHANGES
        .iter()
        .flat_map(|(name, row)| row().into_iter().map(move |what| format!("{name}: {what}")))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CHANGES.len(), wrong.join("\n"));
}

#[test]
fn an_unchanged_type_is_a_hit_in_every_format() {
    #[derive(Clone, Serialize, serde::Deserialize)]
    struct Row {
        a: u32,
        #[serde(flatten)]
        any: serde_json::Map<String, serde_json::Value>,
        set: std::collections::HashSet<u32>,
    }
    for set in [0..0, 0..100] {
        let any = [("x".to_owned(), serde_json::json!([1, 2.5, null, "3"]))];
        let row = Row { a: 1, any: any.into_iter().collect(), set: set.collect() };
        let store = OneKey::default();
        run(&store, row.clone(), "json");
        let (_, log) = run(&store, row, "json");
        assert_eq!((log.count("hit"), log.count("computed")), (1, 0), "{:?}", log.take());
    }
}

#[test]
fn a_value_that_does_not_come_back_as_it_was_is_not_cached() {
    #[derive(Clone, Serialize, serde::Deserialize)]
    struct Row {
        #[serde(skip_deserializing)]
        lost: u32,
        #[serde(flatten)]
        any: std::collections::BTreeMap<String, u32>,
    }
    let store = OneKey::default();
    let row = Row { lost: 7, any: [("x".to_owned(), 1)].into() };
    let (_, log) = run(&store, row.clone(), "json");
    assert_eq!(log.count("stored"), 0);
    assert_eq!(log.count("warning: the result of `result_types::give` is used but not cached"), 1);
    let (again, _) = run(&store, row, "json");
    assert_eq!((again.lost, again.any.len()), (7, 1));
}
