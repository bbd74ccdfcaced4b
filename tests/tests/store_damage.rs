//! Whatever happens to an entry's file, the store never answers with a wrong value.

mod store_support;

use std::fs;
use std::path::{Path, PathBuf};

use daglite::store::{Artifact, Lookup};
use daglite::{Digest, FileStore};
use proptest::prelude::*;
use store_support::{artifact, entry_path, get, head, key, open, put};
use tempfile::TempDir;

/// A store with one entry, and ways to damage it.
struct Victim {
    folder: TempDir,
    store: FileStore,
    key: Digest,
    artifact: Artifact,
    sound: Vec<u8>,
}

impl Victim {
    fn new(value: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let key = key("the victim");
        let artifact = artifact(value);
        put(&store, &key, &artifact);
        let sound = fs::read(entry_path(folder.path(), &key)).unwrap();
        Self { folder, store, key, artifact, sound }
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self) -> PathBuf {
        entry_path(self.root(), &self.key)
    }

    /// Where the value begins.
    fn head_length(&self) -> usize {
        self.sound.len() - self.artifact.bytes.len()
    }

    /// Puts `bytes` in the entry's place.
    fn write(&self, bytes: &[u8]) {
        fs::create_dir_all(self.path().parent().unwrap()).unwrap();
        fs::write(self.path(), bytes).unwrap();
    }

    /// The reason for which `get` answers damaged, after which the entry is gone.
    fn damage(&self) -> String {
        let Lookup::Damaged(why) = get(&self.store, &self.key) else {
            panic!("the damage was not noticed")
        };
        assert_eq!(
            get(&self.store, &self.key),
            Lookup::Absent,
            "the damaged entry was left: {why}"
        );
        assert!(!self.path().is_symlink() && !self.path().exists(), "something was left: {why}");
        why
    }

    /// A put in place of the damage makes everything good.
    fn heal(&self) {
        put(&self.store, &self.key, &self.artifact);
        assert_eq!(get(&self.store, &self.key), Lookup::Found(self.artifact.clone()));
    }
}

#[test]
fn a_flipped_bit_anywhere_is_damage() {
    let victim = Victim::new(b"a value of some length");
    for position in 0..victim.sound.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bytes = victim.sound.clone();
            bytes[position] ^= mask;
            victim.write(&bytes);
            let expected = if position < victim.head_length() {
                None
            } else {
                Some(victim.artifact.meta.clone())
            };
            let found = head(&victim.store, &victim.key);
            assert_eq!(found.found(), expected, "head, byte {position} ^ {mask}");
            victim.write(&bytes);
            victim.damage();
        }
    }
}

#[test]
fn an_entry_cut_to_any_length_is_damage() {
    let victim = Victim::new(b"a value of some length");
    for length in 0..victim.sound.len() {
        victim.write(&victim.sound[..length]);
        assert_eq!(head(&victim.store, &victim.key).found(), None, "head of {length} bytes");
        victim.write(&victim.sound[..length]);
        let why = victim.damage();
        let expected = match length {
            0 => "empty".to_owned(),
            1..56 => format!("truncated: {length} of at least 88 bytes"),
            _ => format!("truncated: {length} of {} bytes", victim.sound.len()),
        };
        assert_eq!(why, expected);
    }
}

#[test]
fn a_large_value_is_verified_to_its_end() {
    let value: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let victim = Victim::new(&value);
    let last = victim.sound.len() - 1;
    let mut bytes = victim.sound.clone();
    bytes[last] ^= 1;
    victim.write(&bytes);
    assert_eq!(victim.damage(), "the value does not match its digest");
    victim.write(&victim.sound[..last]);
    assert_eq!(victim.damage(), format!("truncated: {last} of {} bytes", last + 1));
}

#[test]
fn the_reasons_are_for_people() {
    let victim = Victim::new(b"a value of some length");
    let sound = &victim.sound;
    let with = |position: usize, bytes: &[u8]| {
        let mut changed = sound.clone();
        changed[position..position + bytes.len()].copy_from_slice(bytes);
        changed
    };
    let other_key = {
        let other = key("another");
        put(&victim.store, &other, &artifact(b"another value"));
        fs::read(entry_path(victim.root(), &other)).unwrap()
    };
    let value = victim.head_length();
    for (bytes, expected) in [
        (b"garbage".to_vec(), "not a cache entry: it starts with other bytes"),
        (vec![0; sound.len()], "not a cache entry: it starts with other bytes"),
        (
            with(8, &4_u32.to_le_bytes()),
            "in layout version 4, but this daglite reads versions 1 to 3",
        ),
        (with(12, &u32::MAX.to_le_bytes()), "a header of 4294967295 bytes, more than there can be"),
        (with(16, &u64::MAX.to_le_bytes()), "truncated: 342 of 18446744073709551615 bytes"),
        (with(60, b"?"), "the header does not match its checksum"),
        (with(value, b"?"), "the value does not match its digest"),
        (other_key, "the entry of another key"),
        ([sound, &b"xyz"[..]].concat(), "3 bytes too long"),
    ] {
        victim.write(&bytes);
        assert_eq!(victim.damage(), expected);
        victim.heal();
    }
}

#[test]
fn a_folder_in_an_entrys_place_is_damage() {
    let victim = Victim::new(b"value");
    for content in [None, Some("something")] {
        let folder = || {
            fs::remove_file(victim.path()).unwrap();
            fs::create_dir(victim.path()).unwrap();
            if let Some(name) = content {
                fs::write(victim.path().join(name), b"inside").unwrap();
            }
        };
        folder();
        assert_eq!(head(&victim.store, &victim.key), Lookup::Damaged("not a file".to_owned()));
        victim.heal();
        folder();
        assert_eq!(victim.damage(), "not a file");
        victim.heal();
        folder();
        victim.heal();
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_damage() {
    use std::os::unix::fs::symlink;
    let victim = Victim::new(b"value");
    for target in [PathBuf::from("nowhere"), victim.path()] {
        let link = || {
            fs::remove_file(victim.path()).unwrap();
            symlink(&target, victim.path()).unwrap();
        };
        link();
        assert_eq!(victim.damage(), "a link that leads nowhere");
        victim.heal();
        link();
        victim.heal();
    }
}

#[cfg(unix)]
#[test]
fn a_put_over_a_link_leaves_what_it_leads_to() {
    let victim = Victim::new(b"value");
    let elsewhere = victim.root().join("precious");
    fs::write(&elsewhere, b"precious").unwrap();
    fs::remove_file(victim.path()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, victim.path()).unwrap();
    victim.heal();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
}

#[test]
fn a_file_in_the_place_of_a_folder_of_entries_is_damage() {
    let victim = Victim::new(b"value");
    let shard = victim.path().parent().unwrap().to_owned();
    let block = || {
        fs::remove_dir_all(&shard).unwrap();
        fs::write(&shard, b"in the way").unwrap();
    };
    block();
    assert_eq!(victim.damage(), "a file lies where a folder of entries belongs");
    victim.heal();
    block();
    victim.heal();
}

proptest! {
    #[test]
    fn no_edit_of_the_file_gives_a_wrong_value(
        value in prop::collection::vec(any::<u8>(), 0..200),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        tail in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let victim = Victim::new(&value);
        let mut bytes = victim.sound.clone();
        for (place, byte) in edits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len() + 1)));
        bytes.extend(tail);
        victim.write(&bytes);
        match head(&victim.store, &victim.key) {
            Lookup::Found(meta) => prop_assert_eq!(meta, victim.artifact.meta.clone()),
            other => prop_assert!(matches!(other, Lookup::Damaged(_))),
        }
        victim.write(&bytes);
        match get(&victim.store, &victim.key) {
            Lookup::Found(found) => {
                prop_assert_eq!(&found, &victim.artifact);
                prop_assert_eq!(bytes, victim.sound);
            }
            other => prop_assert!(matches!(other, Lookup::Damaged(_))),
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_entry(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let victim = Victim::new(b"value");
        victim.write(&bytes);
        prop_assert!(matches!(get(&victim.store, &victim.key), Lookup::Damaged(_)));
    }
}
