//! What a miss shows of a value: its first letters, read back from what was hashed.

use std::collections::{BTreeMap, HashSet, LinkedList};

use daglite::prelude::*;
use daglite::{ContentHasher, Digest, Unordered};
use daglite_tests::logged;
use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use serde_json::json;

#[task(cache)]
fn take<T: ContentHash + Clone + Send + Sync + 'static>(_value: T) -> u8 {
    1
}

#[task(cache)]
fn take_by_serde<T: Serialize + Clone + Send + Sync + 'static>(_value: T) -> u8 {
    1
}

/// What is shown of the second argument of a task.
fn shown<T>(task: fn(T) -> TaskFuture<u8>, one: T, other: T) -> String {
    let (session, log) = logged();
    task(one).run_in(&session).unwrap();
    log.take();
    task(other).run_in(&session).unwrap();
    let miss = log.take().into_iter().find(|line| line.starts_with("miss ")).expect("it is a miss");
    let (_, after) = miss.split_once(" to ").unwrap_or_else(|| panic!("{miss}"));
    after.to_owned()
}

/// What is shown of a value that is not its type's default.
fn own<T: ContentHash + Clone + Default + Send + Sync + 'static>(value: T) -> String {
    shown(|value| take(value), T::default(), value)
}

/// The same of a value that is hashed by serde.
fn by_serde<T: Serialize + Clone + Default + Send + Sync + 'static>(value: T) -> String {
    shown(|value| take_by_serde(value), T::default(), value)
}

/// What its function writes, or nothing.
#[derive(Clone, Default)]
struct Written(Option<fn(&mut ContentHasher)>);

impl ContentHash for Written {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        match self.0 {
            Some(write) => write(hasher),
            None => hasher.unit(),
        }
    }
}

fn written(write: fn(&mut ContentHasher)) -> String {
    own(Written(Some(write)))
}

#[test]
fn bulk_data_is_shown_by_its_first_elements() {
    assert_eq!(own(vec![true, false]), "[true, false]");
    assert_eq!(own(vec!['a', '\u{e9}']), "['a', 'é']");
    assert_eq!(own(vec![-1_i128]), "[-1]");
    assert_eq!(own("é".repeat(600)), format!("\"{}…", "é".repeat(39)));
}

/// A secret that is so long, and then a text: little is shown of much that was read.
#[derive(Clone, Default)]
struct Login(usize);

impl ContentHash for Login {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_struct("", 2);
        hasher.field("token");
        hasher.str(&"x".repeat(self.0));
        hasher.field("a");
        hasher.str(&"é".repeat(100));
    }
}

#[test]
fn a_text_that_is_cut_in_the_middle_of_a_letter_is_shown_up_to_it() {
    for secret in 380..440 {
        let text = own(Login(secret));
        assert!(text.starts_with(" { token: …") && text.ends_with('…'), "{secret}: {text}");
        assert!(!text.contains('\u{fffd}') && !text.contains('x'), "{secret}: {text}");
    }
}

#[test]
fn collections_without_an_order_are_shown_by_how_much_is_in_them() {
    assert_eq!(own(HashSet::from([7_u8])), "{1 element}");
    assert_eq!(own(HashSet::from([7_u8, 8])), "{2 elements}");
    assert_eq!(own(BTreeMap::from([(7_u8, 8_u8)])), "{1 entry}");
    assert_eq!(own(BTreeMap::from([(7_u8, 8_u8), (8, 9)])), "{2 entries}");
    assert_eq!(by_serde(BTreeMap::from([(7_u8, 8_u8)])), "{1 entry}");
    assert_eq!(written(|hasher| hasher.unordered(Unordered::Set, vec![])), "{0 elements}");
}

#[test]
fn lists_and_maps_with_an_order_are_shown_by_their_beginning() {
    let words: Vec<String> = (0..5_000).map(|n| format!("word {n}")).collect();
    let expected = r#"["word 0", "word 1", "word 2", "word 3",…"#;
    assert_eq!(own(words.clone()), expected);
    assert_eq!(own(words.iter().cloned().collect::<LinkedList<_>>()), expected);
    assert_eq!(own(words.iter().cloned().collect::<IndexSet<_>>()), expected);
    let map: IndexMap<String, u8> = words.iter().map(|word| (word.clone(), 1)).collect();
    assert_eq!(own(map), r#"[("word 0", 1), ("word 1", 1), ("word 2"…"#);
    assert_eq!(by_serde(words.clone()), expected);
    assert_eq!(own(json!(words)), expected);
    let object: serde_json::Map<_, _> = words.into_iter().map(|word| (word, json!(1))).collect();
    assert_eq!(own(json!(object)), " { word 0: 1, word 1: 1, word 10: 1, wor…");
}

#[derive(Clone, Serialize, ContentHash)]
struct Nothing;

#[derive(Clone, Default, Serialize, ContentHash)]
enum Choice {
    #[default]
    None,
    Some(Nothing),
    Empty {},
}

#[test]
fn a_struct_without_fields_is_its_name() {
    assert_eq!(own(Choice::Some(Nothing)), "Some(Nothing)");
    assert_eq!(own(Choice::Empty {}), "Empty");
    assert_eq!(by_serde(Choice::Some(Nothing)), "Some(Nothing)");
    assert_eq!(by_serde(Choice::Empty {}), "Empty");
}

#[test]
fn what_is_nested_deeply_is_cut() {
    let text = written(|hasher| {
        (0..30).for_each(|_| hasher.begin_tuple(1));
        hasher.u8(1);
    });
    assert_eq!(text, format!("{}…", "(".repeat(16)));
}

#[test]
fn a_digest_is_shown_by_its_first_digits() {
    let digest = Digest::of_bytes(b"x");
    assert_eq!(
        shown(|value| take(value), Digest::of_bytes(b""), digest),
        format!("{}…", &digest.to_string()[..12])
    );
}

#[test]
fn a_stream_that_breaks_the_rules_is_shown_as_far_as_it_can_be() {
    let announced = written(|hasher| {
        hasher.begin_struct("Short", 3);
        hasher.field("a");
        hasher.u8(1);
    });
    assert_eq!(announced, "Short { a: 1 }");
    let odd = written(|hasher| {
        hasher.begin_variant("Way", 0, "Odd");
        hasher.u8(1);
    });
    assert_eq!(odd, "Odd…");
}
