//! The file store behaves as a `HashMap`, through any sequence of calls, reopenings, damage and deletion, in both layouts.

mod index_support;
mod store_support;

use std::collections::HashMap;
use std::fs;

use daglite::store::{ArtifactMeta, CacheStore, Lookup};
use index_support::{IN_PLACE, flush, lasting, objects, settle, sql};
use proptest::prelude::*;
use store_support::{artifact, entry_path, get, head, key, now, open, open_index, put};

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

/// One step of the life of a store with an index; two handles share the folder.
#[derive(Clone, Debug)]
enum Step {
    /// Puts a value of that length and content.
    Put(u8, usize, u8),
    Get(u8),
    Find(Vec<u8>),
    Remove(u8),
    Clear,
    /// Ends a run: from here on the other handle sees everything.
    Flush,
    /// Goes on with the other handle, after a flush.
    Other,
    Reopen,
    /// Somebody overwrites the entry's row, if the value lies in it.
    Empty(u8),
    /// Somebody deletes the index alone.
    DeleteIndex,
    /// Somebody deletes the whole folder.
    DeleteRoot,
    Collect,
    Verify,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..6_u8;
    let length =
        prop_oneof![3 => 0..300_usize, 1 => 16_380..16_390_usize, 1 => 17_000..40_000_usize];
    let step = prop_oneof![
        // Few contents, so that values are equal and share objects.
        8 => (key.clone(), length, 0..3_u8).prop_map(|(key, length, content)| Step::Put(key, length, content)),
        4 => key.clone().prop_map(Step::Get),
        2 => prop::collection::vec(0..8_u8, 0..6).prop_map(Step::Find),
        2 => key.clone().prop_map(Step::Remove),
        1 => key.prop_map(Step::Empty),
        3 => Just(Step::Flush),
        2 => Just(Step::Other),
        1 => Just(Step::Clear),
        1 => Just(Step::Reopen),
        1 => Just(Step::DeleteIndex),
        1 => Just(Step::DeleteRoot),
        1 => Just(Step::Collect),
        1 => Just(Step::Verify),
    ];
    prop::collection::vec(step, 1..40)
}

/// What the model has under a key.
#[derive(Clone, Debug, PartialEq)]
enum Row {
    Sound(Vec<u8>),
    Emptied,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_store_with_an_index_is_a_map(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cache");
        let mut stores = [open_index(&root), open_index(&root)];
        let mut model: HashMap<u8, Row> = HashMap::new();
        let name = |k: u8| key(&k.to_string());
        let expected = |model: &HashMap<u8, Row>, k: u8| match model.get(&k) {
            Some(Row::Sound(value)) => Lookup::Found(lasting(value)),
            Some(Row::Emptied) => Lookup::Damaged("not a cache entry: it starts with other bytes".to_owned()),
            None => Lookup::Absent,
        };
        for step in steps {
            let store = &stores[0];
            match step {
                Step::Put(k, length, content) => {
                    let value = vec![content; length];
                    put(store, &name(k), &lasting(&value));
                    model.insert(k, Row::Sound(value));
                }
                Step::Get(k) => {
                    prop_assert!(get(store, &name(k)) == expected(&model, k), "{}", k);
                    model.retain(|&other, row| other != k || *row != Row::Emptied);
                }
                Step::Find(keys) => {
                    let names: Vec<_> = keys.iter().map(|k| name(*k)).collect();
                    let answers = now(store.find(&names)).unwrap();
                    let for_use = now(store.find_for_use(&names)).unwrap();
                    for (answer, for_use) in answers.iter().zip(for_use) {
                        let (Lookup::Found(whole), Lookup::Found(found)) = (answer, for_use) else { continue };
                        let ArtifactMeta { extension, task, parts, .. } = whole.meta.clone();
                        let meta = ArtifactMeta { extension, task, parts, ..found.meta };
                        prop_assert_eq!((meta, found.bytes), (whole.meta.clone(), whole.bytes.clone()));
                    }
                    for (k, answer) in keys.iter().zip(answers) {
                        match (answer, expected(&model, *k)) {
                            (Lookup::Found(glimpse), Lookup::Found(artifact)) => {
                                prop_assert_eq!(glimpse.meta, artifact.meta);
                                prop_assert!(glimpse.bytes.is_none_or(|bytes| bytes == artifact.bytes));
                            }
                            (Lookup::Absent, Lookup::Absent) => {}
                            (Lookup::Damaged(found), Lookup::Damaged(why)) => prop_assert_eq!(found, why),
                            (found, expected) => prop_assert!(false, "{:?} and not {:?}", found, expected),
                        }
                    }
                    model.retain(|k, row| !keys.contains(k) || *row != Row::Emptied);
                }
                Step::Remove(k) => {
                    prop_assert_eq!(now(store.remove(&name(k))).unwrap(), model.remove(&k).is_some());
                }
                Step::Clear => {
                    now(store.clear()).unwrap();
                    model.clear();
                }
                Step::Flush => flush(store),
                Step::Other => {
                    flush(store);
                    stores.swap(0, 1);
                }
                Step::Reopen => {
                    let [old, _] = &mut stores;
                    flush(old);
                    *old = open_index(&root);
                }
                Step::Empty(k) => {
                    flush(store);
                    let in_place = |row: &&mut Row| matches!(row, Row::Sound(value) if value.len() <= IN_PLACE);
                    if let Some(row) = model.get_mut(&k).filter(in_place) {
                        let changed = sql(&root).execute(
                            "UPDATE entry SET bytes = zeroblob(length(bytes)) WHERE instr(bytes, ?1)",
                            [name(k).as_bytes().as_slice()],
                        );
                        prop_assert_eq!(changed, Ok(1));
                        *row = Row::Emptied;
                    }
                }
                Step::DeleteIndex => {
                    flush(store);
                    if root.join("v1/index.sqlite").exists() {
                        fs::remove_file(root.join("v1/index.sqlite")).unwrap();
                    }
                    model.clear();
                }
                Step::DeleteRoot => {
                    flush(store);
                    if root.exists() {
                        fs::remove_dir_all(&root).unwrap();
                    }
                    model.clear();
                }
                Step::Collect => drop(store.gc().unwrap()),
                Step::Verify => {
                    let verification = store.verify().unwrap();
                    let emptied = model.values().filter(|row| **row == Row::Emptied).count();
                    prop_assert_eq!(verification.problems().is_empty(), emptied == 0, "{:?}", verification.problems());
                    let _ = verification.repair().unwrap();
                    model.retain(|_, row| *row != Row::Emptied);
                    prop_assert!(store.verify().unwrap().is_sound());
                }
            }
        }
        flush(&stores[0]);
        let sound = model.values().filter(|row| **row != Row::Emptied).count();
        prop_assert_eq!(stores[1].entries().list().unwrap().len(), sound);
        drop(stores);
        if root.join("v1/index.sqlite").exists() {
            settle(&root);
        }
        let store = open_index(&root);
        for k in 0..6 {
            prop_assert!(get(&store, &name(k)) == expected(&model, k), "{}, at the end", k);
        }
        now(store.clear()).unwrap();
        prop_assert!(objects(&root).is_empty());
    }
}
