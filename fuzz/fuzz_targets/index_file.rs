//! The whole index, and its log: whatever is in them, nothing is found that nobody put, and the store goes on.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use daglite::store::{CacheStore, Put, RunReport, StoreError};
use daglite_fuzz::bytes::Bytes;
use daglite_fuzz::folder::new_folder;
use daglite_fuzz::index::{Template, open, put_known};
use daglite_fuzz::known::{artifact, found_as_known, key};
use daglite_fuzz::now;
use libfuzzer_sys::fuzz_target;

/// The folder, and what is edited.
struct World {
    template: Template,
    /// A sound index.
    index: Vec<u8>,
    /// An index without entries, and the log that has them.
    young: Vec<u8>,
    log: Vec<u8>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let template = Template::new("index_file", put_known);
    let root = new_folder("index_file-young");
    let store = open(&root).open().expect("it can be used");
    put_known(&store);
    let read = |name: &str| fs::read(root.join("v1").join(name)).expect("it was made");
    let (young, log) = (read("index.sqlite"), read("index.sqlite-wal"));
    World { index: template.index(), template, young, log }
});

fuzz_target!(|data: &[u8]| {
    let World { template, index, young, log } = &*WORLD;
    let mut story = Bytes::new(data);
    match story.byte() % 4 {
        0 => template.bring(story.rest(), &[]),
        1 => template.bring(&story.edited(index), &[]),
        2 => template.bring(young, &story.edited(log)),
        _ => {
            // A log of another index, and both edited.
            let edits = Bytes::new(story.some()).edited(log);
            template.bring(&story.edited(index), &edits);
        }
    }
    let store = open(&template.root).open().expect("it can be used");
    // What claims to be of a newer daglite is left alone.
    let is_newer = |error: &StoreError| error.to_string().contains("update daglite");
    if now(store.get(&key(0))).is_err_and(|error| is_newer(&error)) {
        return;
    }
    found_as_known(&store);
    let _ = store.stats().expect("a store that is damaged answers");
    let listed = store.entries().list().expect("a store that is damaged answers");
    drop(listed);
    // A run that finds damage goes on.
    let (fresh, value) = (key(100), artifact(100, 300));
    store.begin_run();
    let put = now(store.put(&fresh, &value)).expect("a store that is damaged is written");
    now(store.end_run(&RunReport::default())).expect("a store that is damaged is written");
    let verification = store.verify().expect("a store that is damaged answers");
    verification.repair().expect("what is wrong is mended");
    let verification = store.verify().expect("a store that is damaged answers");
    assert!(verification.is_sound(), "it was mended: {:?}", verification.problems());
    found_as_known(&store);
    if put == Put::Kept {
        now(store.put(&fresh, &value)).expect("a store that was mended is written");
        let found = now(store.get(&fresh)).expect("a store that was mended answers").found();
        assert!(found.is_some_and(|found| found == value), "what was just put is found");
    }
    store.gc().expect("a store that was mended answers");
});
