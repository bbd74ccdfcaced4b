//! The file store behaves as a `HashMap`, through any sequence of calls, reopenings, damage and deletion.

mod store_support;

use std::collections::HashMap;
use std::fs;

use daglite::store::{CacheStore, Lookup};
use proptest::prelude::*;
use store_support::{artifact, entry_path, get, head, key, now, open, put};

/// One step of a store's life; keys are few, so that they meet.
#[derive(Clone, Debug)]
enum Op {
    Put(u8, Vec<u8>),
    Get(u8),
    Head(u8),
    Remove(u8),
    Clear,
    Reopen,
    /// Somebody empties the entry's file.
    Empty(u8),
    /// Somebody deletes the whole folder.
    DeleteRoot,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = 0..6_u8;
    let op = prop_oneof![
        6 => (key.clone(), prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(key, value)| Op::Put(key, value)),
        4 => key.clone().prop_map(Op::Get),
        3 => key.clone().prop_map(Op::Head),
        2 => key.clone().prop_map(Op::Remove),
        2 => key.prop_map(Op::Empty),
        1 => Just(Op::Clear),
        1 => Just(Op::Reopen),
        1 => Just(Op::DeleteRoot),
    ];
    prop::collection::vec(op, 1..40)
}

/// What the model has under a key.
#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Sound(Vec<u8>),
    Emptied,
}

proptest! {
    #[test]
    fn a_store_is_a_map(ops in ops()) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cache");
        let mut store = open(&root);
        let mut model: HashMap<u8, Entry> = HashMap::new();
        let name = |k: u8| key(&k.to_string());
        for op in ops {
            match op {
                Op::Put(k, value) => {
                    put(&store, &name(k), &artifact(&value));
                    model.insert(k, Entry::Sound(value));
                }
                Op::Get(k) => {
                    let expected = match model.get(&k) {
                        Some(Entry::Sound(value)) => Lookup::Found(artifact(value)),
                        Some(Entry::Emptied) => Lookup::Damaged("empty".to_owned()),
                        None => Lookup::Absent,
                    };
                    prop_assert_eq!(get(&store, &name(k)), expected);
                    model.retain(|&other, entry| other != k || *entry != Entry::Emptied);
                }
                Op::Head(k) => {
                    let expected = match model.get(&k) {
                        Some(Entry::Sound(value)) => Lookup::Found(artifact(value).meta),
                        Some(Entry::Emptied) => Lookup::Damaged("empty".to_owned()),
                        None => Lookup::Absent,
                    };
                    prop_assert_eq!(head(&store, &name(k)), expected);
                    model.retain(|&other, entry| other != k || *entry != Entry::Emptied);
                }
                Op::Remove(k) => {
                    prop_assert_eq!(now(store.remove(&name(k))).unwrap(), model.remove(&k).is_some());
                }
                Op::Clear => {
                    now(store.clear()).unwrap();
                    model.clear();
                }
                Op::Reopen => store = open(&root),
                Op::Empty(k) => {
                    if let Some(entry) = model.get_mut(&k) {
                        fs::write(entry_path(&root, &name(k)), b"").unwrap();
                        *entry = Entry::Emptied;
                    }
                }
                Op::DeleteRoot => {
                    if root.exists() {
                        fs::remove_dir_all(&root).unwrap();
                    }
                    model.clear();
                }
            }
            let staged = fs::read_dir(root.join("v1/tmp")).map_or(0, Iterator::count);
            prop_assert_eq!(staged, 0, "something is left in v1/tmp");
        }
    }
}
