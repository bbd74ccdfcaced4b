//! A folder with an index that is brought back to what is known before each look.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use daglite::store::{CacheStore, RunReport};
use daglite::{Eviction, FileStore, FileStoreLayout};
use rusqlite::Connection;

use crate::folder::{contents, new_folder, renew};
use crate::known::KNOWN;
use crate::now;

/// A folder with the known artifacts, to damage and to bring back.
pub struct Template {
    /// Where what is sound is kept.
    sound: PathBuf,
    /// The objects, by their paths below `v1/objects`.
    objects: Vec<(PathBuf, Vec<u8>)>,
    /// The folder that is damaged.
    pub root: PathBuf,
}

impl Template {
    /// One for the target `what`, with what `fill` puts.
    pub fn new(what: &str, fill: impl FnOnce(&FileStore)) -> Self {
        let above = new_folder(what);
        let (sound, root) = (above.join("sound"), above.join("cache"));
        let store = open(&sound).open().expect("the folder can be used");
        fill(&store);
        drop(store);
        let connection = connect(&sound);
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .expect("nobody else reads");
        drop(connection);
        let objects = sound.join("v1/objects");
        let objects = contents(&objects)
            .into_iter()
            .map(|(path, bytes)| {
                (path.strip_prefix(&objects).expect("it lies below").to_owned(), bytes)
            })
            .collect();
        Self { sound, objects, root }
    }

    /// The bytes of the sound index.
    pub fn index(&self) -> Vec<u8> {
        fs::read(self.sound.join("v1/index.sqlite")).expect("it was made")
    }

    /// Makes the folder anew, with this index, and this log if it is not empty.
    pub fn bring(&self, index: &[u8], log: &[u8]) {
        renew(&self.root.join("v1"));
        fs::write(self.root.join("v1/index.sqlite"), index).expect("it can be written");
        if !log.is_empty() {
            fs::write(self.root.join("v1/index.sqlite-wal"), log).expect("it can be written");
        }
        self.bring_objects();
    }

    /// Brings the objects back.
    pub fn bring_objects(&self) {
        for (path, bytes) in &self.objects {
            let path = self.root.join("v1/objects").join(path);
            if !path
                .metadata()
                .is_ok_and(|found| found.is_file() && found.len() == bytes.len() as u64)
            {
                let _ = fs::remove_dir_all(&path);
                fs::create_dir_all(path.parent().expect("it lies in a folder"))
                    .expect("it can be made");
                fs::write(path, bytes).expect("it can be written");
            }
        }
    }

    /// A connection to the index that is damaged, which makes it sound again by [`rewind`].
    pub fn connect(&self) -> Connection {
        let connection = connect(&self.root);
        let sound = self.sound.join("v1/index.sqlite");
        connection
            .execute("ATTACH ?1 AS sound", [sound.to_str().expect("paths are text here")])
            .expect("it was made");
        connection
    }
}

/// Fills a store with the known artifacts.
pub fn put_known(store: &FileStore) {
    for (key, artifact) in &*KNOWN {
        now(store.put(key, artifact)).expect("the store can be written");
    }
    now(store.end_run(&RunReport::default())).expect("the store can be written");
}

/// Every table as it is in the sound index.
pub fn rewind(connection: &Connection) -> rusqlite::Result<()> {
    let tables = ["entry", "slot", "object", "touch", "state"];
    let text: String = tables
        .iter()
        .map(|table| {
            format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM sound.{table};")
        })
        .collect();
    connection.execute_batch(&text)
}

/// A store with an index in `root`.
pub fn open(root: &Path) -> daglite::store::FileStoreBuilder {
    FileStore::builder(root).layout(FileStoreLayout::Index).eviction(Eviction::Lru)
}

/// A connection of one's own.
fn connect(root: &Path) -> Connection {
    let connection = Connection::open(root.join("v1/index.sqlite")).expect("there is an index");
    connection.busy_timeout(Duration::from_secs(5)).expect("a time is a time");
    connection
}
