//! The file of an entry where each has one: read in every way, it is what was put, or damage that is removed.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use daglite::store::{CacheStore, Lookup};
use daglite::{FileStore, FileStoreLayout};
use daglite_fuzz::bytes::Bytes;
use daglite_fuzz::folder::new_folder;
use daglite_fuzz::known::{KNOWN, agrees_with_itself, header_of, sealed};
use daglite_fuzz::now;
use libfuzzer_sys::fuzz_target;

/// The store, and for each known entry its file and what is in it when it is sound.
struct World {
    store: FileStore,
    files: Vec<(PathBuf, Vec<u8>)>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let root = new_folder("entry_file");
    let store =
        FileStore::builder(&root).layout(FileStoreLayout::Files).open().expect("it can be used");
    let files = KNOWN.iter().map(|(key, artifact)| {
        now(store.put(key, artifact)).expect("it can be written");
        let name = key.to_string();
        let path = root.join("v1/entries").join(&name[..2]).join(&name[2..]);
        let bytes = fs::read(&path).expect("it was put");
        fs::remove_file(&path).expect("it was put");
        (path, bytes)
    });
    let files = files.collect();
    World { store, files }
});

fuzz_target!(|data: &[u8]| {
    let World { store, files } = &*WORLD;
    let mut story = Bytes::new(data);
    let choice = story.byte();
    let at = usize::from(choice >> 2) % KNOWN.len();
    let (key, known) = &KNOWN[at];
    let (path, sound) = &files[at];
    let is_sealed = choice & 3 >= 2;
    let bytes = match choice & 3 {
        0 => story.rest().to_vec(),
        1 => story.edited(sound),
        2 => {
            // A header of any bytes, before the sound value.
            [sealed(key, story.rest(), known.meta.size), known.bytes.clone()].concat()
        }
        _ => {
            let (size, value) = (story.number().cast_unsigned(), story.some());
            let header = story.edited(header_of(sound));
            [sealed(key, &header, size), value.to_vec()].concat()
        }
    };
    fs::write(path, &bytes).expect("the file can be written");
    // What people ask, before anything is removed.
    let listed = store.entries().list().expect("a store that is damaged answers");
    let _ = store.stats().expect("a store that is damaged answers");
    let is_sound = store.verify().expect("a store that is damaged answers").is_sound();
    let head = now(store.head(key)).expect("a store that is damaged answers");
    match (&head, listed.as_slice()) {
        (Lookup::Found(meta), [entry]) => assert_eq!((&entry.key, &entry.meta), (key, meta)),
        (Lookup::Damaged(_), []) => assert!(!path.exists(), "damage is removed"),
        _ => panic!("a list and a look-up do not agree: {head:?}, {listed:?}"),
    }
    let got = agrees_with_itself(store, key);
    assert_eq!(got.is_some(), is_sound, "`verify` and `get` do not agree");
    if let Some(artifact) = got {
        assert!(is_sealed || artifact == *known, "an artifact that nobody put");
        // Whatever the metadata claims, people may clean up.
        store.gc().expect("a store that is damaged answers");
        fs::remove_file(path).ok();
    }
    assert!(!path.exists(), "damage is removed");
});
