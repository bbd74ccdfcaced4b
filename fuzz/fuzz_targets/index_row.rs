//! One row of an index, with whatever in its columns: neighbours stay right, and mending it leaves a sound store.
#![no_main]

use std::fs;
use std::sync::{LazyLock, Mutex};

use daglite::store::CacheStore;
use daglite::{Digest, FileStore};
use daglite_fuzz::bytes::Bytes;
use daglite_fuzz::index::{Template, open, put_known, rewind};
use daglite_fuzz::known::{
    KNOWN, SMALL, agrees_with_itself, found_as_known, header_of, key, sealed,
};
use daglite_fuzz::now;
use libfuzzer_sys::fuzz_target;
use rusqlite::{Connection, params};

/// The folder, and what looks at it.
struct World {
    template: Template,
    /// The rows of the known artifacts: slot and bytes.
    rows: Vec<(i64, Vec<u8>)>,
    /// Made anew when the index was moved aside.
    open: Option<(FileStore, Connection)>,
}

static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| {
    let template = Template::new("index_row", put_known);
    template.bring(&template.index(), &[]);
    let connection = template.connect();
    let row_of = |key: &Digest| {
        connection
            .query_row(
                "SELECT slot, bytes FROM entry WHERE substr(bytes, 25, 32) = ?1",
                [key.as_bytes()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("it was put")
    };
    let rows = KNOWN.iter().map(|(key, _)| row_of(key)).collect();
    drop(connection);
    Mutex::new(World { template, rows, open: None })
});

fuzz_target!(|data: &[u8]| {
    let mut world = WORLD.lock().expect("a panic ends the process");
    let World { template, rows, open: opened } = &mut *world;
    let (store, connection) = opened.get_or_insert_with(|| {
        template.bring(&template.index(), &[]);
        (open(&template.root).open().expect("it can be used"), template.connect())
    });
    rewind(connection).expect("the index is sound");
    template.bring_objects();

    let mut story = Bytes::new(data);
    let choice = story.byte();
    // The row of a known artifact is replaced, or one is added for a key that nobody has put.
    let at = usize::from(choice >> 3) % (KNOWN.len() + 1);
    let (own, row) = match rows.get(at) {
        Some((slot, bytes)) => (*slot, bytes),
        None => (story.long(), &rows[0].1),
    };
    let of = key(at);
    let slot = if choice & 4 == 0 { own } else { story.number() };
    let (kind, size) = (story.byte(), story.number());
    let kind = if kind < 250 { i64::from(kind % 4) } else { story.number() };
    let expires = match story.byte() {
        0..128 => None,
        _ => Some(story.number()),
    };
    let is_sealed = choice & 3 >= 2;
    let bytes = match choice & 3 {
        0 => story.rest().to_vec(),
        1 => story.edited(row),
        2 => {
            let (length, value) = (story.number().cast_unsigned(), story.some());
            [sealed(&of, story.rest(), length), value.to_vec()].concat()
        }
        _ => {
            let (length, value) = (story.number().cast_unsigned(), story.some());
            let header = story.edited(header_of(row));
            [sealed(&of, &header, length), value.to_vec()].concat()
        }
    };
    connection
        .execute("DELETE FROM entry WHERE slot = ?1", [own])
        .and_then(|_| {
            connection.execute(
                "INSERT INTO entry (id, slot, kind, size, expires, bytes) VALUES (7, ?1, ?2, ?3, ?4, ?5)",
                params![slot, kind, size, expires, bytes],
            )
        })
        .and_then(|_| {
            connection.execute_batch(&format!(
                "INSERT OR REPLACE INTO slot (key, entry) VALUES ({own}, 7); \
                 UPDATE state SET next = 8, entries = (SELECT count(*) FROM entry);"
            ))
        })
        .expect("the index is sound");

    let listed = store.entries().list().expect("a store that is damaged answers");
    assert!(listed.len() <= KNOWN.len() + 1);
    let _ = store.stats().expect("a store that is damaged answers");
    let before = store.verify().expect("a store that is damaged answers").is_sound();
    let got = agrees_with_itself(store, &of);
    if let (Some(artifact), false) = (&got, is_sealed) {
        assert!(*artifact == KNOWN[at].1, "an artifact that nobody put");
    }
    if !is_sealed {
        // The neighbours are found, whatever the row was.
        let least = (0..KNOWN.len()).filter(|neighbour| *neighbour != at).count();
        assert!(found_as_known(store) >= least, "a neighbour is gone");
    }
    if !before {
        store.verify().and_then(|found| found.repair()).expect("what is wrong is mended");
    }
    let collected = store.gc().expect("a store that is damaged answers");
    assert!(collected.evicted == 0 || size > 1 << 32, "nothing is too much here");
    let verification = store.verify().expect("a store that is damaged answers");
    assert!(verification.is_sound(), "it was mended: {:?}", verification.problems());
    let _ = agrees_with_itself(store, &of);
    for small in (0..SMALL).filter(|small| *small != at && collected.evicted == 0) {
        let (key, known) = &KNOWN[small];
        let found = now(store.get(key)).expect("a store that is mended answers").found();
        assert!(
            found.is_some_and(|found| found == *known),
            "neighbour {small} is gone: {collected:?}, {before:?}"
        );
    }
    if fs::exists(template.root.join("v1/damaged")).expect("the folder can be read") {
        *opened = None;
    }
});
