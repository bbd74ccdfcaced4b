//! A compressed value: what is unpacked is what was put, and no more memory is used than that has.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use daglite::FileStore;
use daglite::store::{CacheStore, Lookup, RunReport};
use daglite_fuzz::bytes::Bytes;
use daglite_fuzz::folder::{contents, new_folder};
use daglite_fuzz::index::open;
use daglite_fuzz::known::{artifact, key};
use daglite_fuzz::now;
use libfuzzer_sys::fuzz_target;

/// The store, its one object, and what is in that when it is sound.
struct World {
    store: FileStore,
    path: PathBuf,
    sound: Vec<u8>,
}

/// How long the value is.
const LENGTH: usize = 20_000;

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let root = new_folder("packed_object");
    let store = open(&root).compression(3).open().expect("it can be used");
    put(&store);
    let (path, sound) = contents(&root.join("v1/objects")).pop().expect("it was put");
    assert!(path.extension().is_some_and(|extension| extension == "zst"));
    World { store, path, sound }
});

/// Puts the value, and writes its row.
fn put(store: &FileStore) {
    now(store.put(&key(0), &artifact(0, LENGTH))).expect("it can be written");
    now(store.end_run(&RunReport::default())).expect("it can be written");
}

fuzz_target!(|data: &[u8]| {
    let World { store, path, sound } = &*WORLD;
    let mut story = Bytes::new(data);
    let bytes = match story.byte() % 2 {
        0 => story.rest().to_vec(),
        _ => story.edited(sound),
    };
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("it can be made");
    fs::write(path, bytes).expect("it can be written");
    match now(store.get(&key(0))).expect("a store that is damaged answers") {
        Lookup::Found(found) => {
            assert!(found == artifact(0, LENGTH), "an artifact that nobody put")
        }
        Lookup::Damaged(_) => {
            assert!(!path.exists(), "damage is removed");
            let again = now(store.get(&key(0))).expect("a store that is damaged answers");
            assert_eq!(again, Lookup::Absent);
            put(store);
        }
        Lookup::Absent => panic!("its row is there"),
    }
});
