//! What an index counts, and who used what: whatever is in these rows, the store evicts, and then goes on.
#![no_main]

use std::fs;
use std::sync::{LazyLock, Mutex};

use daglite::store::{CacheStore, RunReport};
use daglite::{Eviction, FileStore};
use daglite_fuzz::bytes::Bytes;
use daglite_fuzz::index::{Template, open, put_known, rewind};
use daglite_fuzz::known::{artifact, found_as_known, key};
use daglite_fuzz::now;
use libfuzzer_sys::fuzz_target;
use rusqlite::{Connection, params};

/// The folder, and what looks at it with each policy.
struct World {
    template: Template,
    /// Made anew when the index was moved aside.
    open: Option<([FileStore; 4], FileStore, Connection)>,
}

/// The policies that look at different things.
const POLICIES: [Eviction; 4] =
    [Eviction::Lru, Eviction::Lfu, Eviction::LargestFirst, Eviction::OldestFirst];

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let template = Template::new("touches", |store| {
        put_known(store);
        // Uses that are there to be edited.
        found_as_known(store);
        now(store.end_run(&RunReport { hits: 1, ..RunReport::default() })).expect("it is written");
    });
    Mutex::new(World { template, open: None })
});

fuzz_target!(|data: &[u8]| {
    let mut world = WORLD.lock().expect("a panic ends the process");
    let World { template, open: opened } = &mut *world;
    let (stores, roomy, connection) = opened.get_or_insert_with(|| {
        template.bring(&template.index(), &[]);
        let stores = POLICIES.map(|policy| {
            let builder = open(&template.root).eviction(policy).max_entries(6).max_size(60_000);
            builder.open().expect("it can be used")
        });
        let roomy = open(&template.root).open().expect("it can be used");
        (stores, roomy, template.connect())
    });
    rewind(connection).expect("the index is sound");
    template.bring_objects();

    let mut story = Bytes::new(data);
    let choice = story.byte();
    let store = &stores[usize::from(choice % 4)];
    let touches: Vec<u8> = connection
        .query_row("SELECT coalesce((SELECT bytes FROM touch), x'00')", [], |row| row.get(0))
        .expect("the index is sound");
    if choice & 4 != 0 {
        let columns = [
            "next",
            "entries",
            "bytes",
            "hits",
            "misses",
            "saved",
            "evicted",
            "evicted_bytes",
            "expired",
        ];
        let which = story.short();
        for (at, column) in columns.iter().enumerate() {
            if which >> at & 1 == 1 {
                let set = format!("UPDATE state SET {column} = ?1");
                connection.execute(&set, [story.number()]).expect("the index is sound");
            }
        }
        if which >> 9 & 1 == 1 {
            // What rows and objects say of their sizes.
            for table in ["entry", "object"] {
                let set = format!("UPDATE {table} SET size = ?1");
                connection.execute(&set, [story.number()]).expect("the index is sound");
            }
        }
        if which >> 10 & 1 == 1 {
            let uses = story.number();
            connection.execute("UPDATE object SET uses = ?1", [uses]).expect("the index is sound");
        }
    }
    let rows = usize::from(choice >> 3 & 7);
    for _ in 0..rows {
        let bytes = match story.byte() % 2 {
            0 => story.some().to_vec(),
            _ => Bytes::new(story.some()).edited(&touches),
        };
        connection
            .execute("INSERT INTO touch (bytes) VALUES (?1)", params![bytes])
            .expect("the index is sound");
    }

    let _ = store.stats().expect("a store that is damaged answers").hit_rate();
    store.begin_run();
    for at in 10..13 {
        let (key, value) = (key(at), artifact(at, 200 * at));
        now(store.put(&key, &value)).expect("a store that is damaged is written");
    }
    let report = RunReport { hits: 3, misses: 2, used: vec![key(1)], ..RunReport::default() };
    now(store.end_run(&report)).expect("a store that is damaged is written");
    store.gc().expect("a store that is damaged answers");
    found_as_known(store);
    store.verify().and_then(|found| found.repair()).expect("what is wrong is mended");
    let verification = store.verify().expect("a store that is damaged answers");
    assert!(verification.is_sound(), "it was mended: {:?}", verification.problems());
    // A store with room keeps what is put.
    let (last, value) = (key(20), artifact(20, 100));
    now(roomy.put(&last, &value)).expect("a store that was mended is written");
    now(roomy.end_run(&RunReport::default())).expect("a store that was mended is written");
    let found = now(roomy.get(&last)).expect("a store that was mended answers").found();
    assert!(found.is_some_and(|found| found == value), "what was just put is found");
    if fs::exists(template.root.join("v1/damaged")).expect("the folder can be read") {
        *opened = None;
    }
});
