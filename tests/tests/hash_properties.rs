//! Equal values have equal digests, different values different ones, for values of any nesting.

use std::collections::{BTreeMap, HashMap, HashSet};

use daglite::{ContentHash, ContentHasher, Digest, Strategy, content_digest, serde_hash};
use proptest::prelude::{Strategy as _, *};
use serde::Serialize;

/// A value of every kind, nested.
#[derive(Debug, Clone, PartialEq, ContentHash, Serialize)]
enum Value {
    Nothing,
    Flag(bool),
    Number(i64),
    Bits(u64),
    Text(String),
    Bytes(Vec<u8>),
    Maybe(Option<Box<Value>>),
    List(Vec<Value>),
    Pair(Box<Value>, Box<Value>),
    Named { left: Box<Value>, right: String },
    Map(BTreeMap<String, Value>),
}

fn value() -> impl proptest::strategy::Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nothing),
        any::<bool>().prop_map(Value::Flag),
        (-2_i64..3).prop_map(Value::Number),
        (0_u64..3).prop_map(Value::Bits),
        "[ab]{0,2}".prop_map(Value::Text),
        proptest::collection::vec(0_u8..3, 0..3).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::option::of(inner.clone().prop_map(Box::new)).prop_map(Value::Maybe),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Value::Pair(a.into(), b.into())),
            (inner.clone(), "[ab]{0,2}")
                .prop_map(|(left, right)| Value::Named { left: left.into(), right }),
            proptest::collection::btree_map("[ab]{0,2}", inner, 0..3).prop_map(Value::Map),
        ]
    })
}

fn serde_digest(value: &impl Serialize) -> Digest {
    let mut hasher = ContentHasher::new(Strategy::Auto);
    serde_hash(value, &mut hasher);
    hasher.finish().unwrap()
}

fn digest_by(strategy: Strategy, value: &(impl ContentHash + ?Sized)) -> Digest {
    let mut hasher = ContentHasher::new(strategy);
    value.content_hash(&mut hasher);
    hasher.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn digests_are_equal_exactly_if_the_values_are(a in value(), b in value()) {
        prop_assert_eq!(a == b, content_digest(&a).unwrap() == content_digest(&b).unwrap());
        prop_assert_eq!(a == b, serde_digest(&a) == serde_digest(&b));
        prop_assert_eq!(content_digest(&a).unwrap(), content_digest(&a.clone()).unwrap());
        prop_assert_eq!(serde_digest(&a), serde_digest(&a.clone()));
    }
}

proptest! {
    #[test]
    fn the_order_of_insertion_does_not_count(
        entries in proptest::collection::btree_map(any::<u32>(), any::<String>(), 0..20),
        seed in any::<u64>(),
    ) {
        let mut shuffled: Vec<_> = entries.clone().into_iter().collect();
        shuffled.sort_by_key(|(key, _)| (u64::from(*key) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let map: HashMap<_, _> = shuffled.iter().cloned().collect();
        prop_assert_eq!(content_digest(&map).unwrap(), content_digest(&entries).unwrap());
        prop_assert_eq!(serde_digest(&map), serde_digest(&entries));

        let forwards: HashSet<u32> = entries.keys().copied().collect();
        let shuffled: HashSet<u32> = shuffled.iter().map(|(key, _)| *key).collect();
        prop_assert_eq!(content_digest(&forwards).unwrap(), content_digest(&shuffled).unwrap());
    }

    #[test]
    fn every_bit_counts_when_every_byte_is_read(
        len in 1_usize..40_000,
        at in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let mut bytes: Vec<u8> = (0..len).map(|i| (i * 31) as u8).collect();
        let strategies = [Strategy::Auto, Strategy::Exact, Strategy::Fast, Strategy::Sampled];
        let before = strategies.map(|strategy| digest_by(strategy, &bytes));
        bytes[at.index(len)] ^= 1 << bit;
        let after = strategies.map(|strategy| digest_by(strategy, &bytes));
        for (before, after) in before.iter().zip(&after) {
            prop_assert_ne!(before, after);
        }
    }

    #[test]
    fn the_size_of_writes_does_not_count(parts in proptest::collection::vec(0_usize..20_000, 0..6)) {
        // The same strings, once as they are and once between small values, past the hasher's own buffer and back.
        let texts: Vec<String> = parts.iter().map(|len| "x".repeat(*len)).collect();
        let lent: Vec<&str> = texts.iter().map(String::as_str).collect();
        prop_assert_eq!(content_digest(&texts).unwrap(), content_digest(&lent).unwrap());
        for (index, text) in texts.iter().enumerate() {
            let mut other = texts.clone();
            other[index] = format!("{text}y");
            prop_assert_ne!(content_digest(&texts).unwrap(), content_digest(&other).unwrap());
        }
    }
}
