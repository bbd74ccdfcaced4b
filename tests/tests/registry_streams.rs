//! A value whose bytes flow is stored and loaded as any other: verified, bounded, whole or not at all.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use daglite::prelude::*;
use daglite::store::{CacheStore, Put, Written};
use daglite::{Digest, Eviction, FileStoreLayout, HasFormat};
use daglite_tests::stores::now;
use daglite_tests::{Log, logged_with};

const LAYOUTS: [FileStoreLayout; 2] = [FileStoreLayout::Index, FileStoreLayout::Files];

fn store(folder: &Path, layout: FileStoreLayout) -> FileStore {
    FileStore::builder(folder).layout(layout).open().unwrap()
}

fn session(folder: &Path, layout: FileStoreLayout) -> (Session, Log) {
    logged_with(Session::builder().cache(store(folder, layout)).memory("0"))
}

/// Every file below `folder` that is larger than `size`.
fn larger_than(folder: &Path, size: u64) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(larger_than(&path, size));
        } else if path.metadata().unwrap().len() > size {
            found.push(path);
        }
    }
    found
}

#[task(cache)]
fn squares(count: u32) -> Vec<u64> {
    (0..u64::from(count)).map(|n| n * n).collect()
}

#[test]
fn numbers_of_every_length_come_back_from_every_store() {
    for layout in LAYOUTS {
        let folder = tempfile::tempdir().unwrap();
        for told in ["computed", "hit"] {
            let (session, log) = session(folder.path(), layout);
            for count in [0, 1, 2_048, 2_049, 8_192, 8_193, 131_072, 400_000] {
                let value = squares(count).run_in(&session).unwrap();
                assert_eq!(value.len(), count as usize);
                let last = count.checked_sub(1).map(|last| u64::from(last).pow(2));
                assert_eq!(value.last().copied(), last);
            }
            assert_eq!(log.count(told), 8, "{layout:?}");
        }
    }
}

#[test]
fn what_flows_and_what_does_not_are_the_same_entry() {
    let value = squares(50_000)
        .run_in(&Session::builder().cache(MemoryStore::new()).build().unwrap())
        .unwrap();
    let bytes: Vec<u8> = value.iter().flat_map(|number| number.to_le_bytes()).collect();
    assert_eq!(Registry::new().serialize(&value, None).unwrap(), bytes);
    for layout in LAYOUTS {
        let folder = tempfile::tempdir().unwrap();
        let (session, _) = session(folder.path(), layout);
        squares(50_000).run_in(&session).unwrap();
        drop(session);
        let store = store(folder.path(), layout);
        let entry = store.entries().list().unwrap().remove(0);
        assert_eq!(entry.meta.digest, Digest::of_bytes(&bytes));
        assert_eq!(now(store.get(&entry.key)).unwrap().found().unwrap().bytes, bytes);
    }
}

#[test]
fn damage_anywhere_in_a_large_value_is_a_miss_that_heals() {
    for layout in LAYOUTS {
        for damage in ["first", "last", "cut", "longer"] {
            let folder = tempfile::tempdir().unwrap();
            let (writing, _) = session(folder.path(), layout);
            let sound = squares(100_000).run_in(&writing).unwrap();
            drop(writing);
            let path = larger_than(folder.path(), 800_000 - 1).remove(0);
            let mut bytes = fs::read(&path).unwrap();
            let start = bytes.len() - 800_000;
            match damage {
                "first" => bytes[start] ^= 1,
                "last" => *bytes.last_mut().unwrap() ^= 0x80,
                "cut" => bytes.truncate(bytes.len() - 1),
                _ => bytes.push(0),
            }
            fs::write(&path, bytes).unwrap();
            for told in ["computed", "hit"] {
                let (session, log) = session(folder.path(), layout);
                assert_eq!(squares(100_000).run_in(&session).unwrap(), sound);
                assert_eq!(log.count(told), 1, "{layout:?}, {damage}: {:?}", log.take());
            }
        }
    }
}

#[test]
fn equal_values_are_one_file_and_nothing_is_left_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let (session, _) = session(folder.path(), FileStoreLayout::Index);
    squares(100_000).run_in(&session).unwrap();
    squares(100_000).refresh().run_in(&session).unwrap();
    assert_eq!(larger_than(&folder.path().join("v1/objects"), 0).len(), 1);
    assert_eq!(larger_than(&folder.path().join("v1/tmp"), 100_000), Vec::<PathBuf>::new());
    drop(session);
    assert!(store(folder.path(), FileStoreLayout::Index).verify().unwrap().is_sound());
}

/// A value that is written piece by piece, and may refuse.
#[derive(Debug, Clone, PartialEq)]
struct Pieces(Vec<Vec<u8>>);

static FAILS: AtomicBool = AtomicBool::new(false);
static PANICS: AtomicBool = AtomicBool::new(false);
static READS: AtomicUsize = AtomicUsize::new(0);

impl HasFormat for Pieces {
    fn formats() -> Vec<Format<Self>> {
        let write = |pieces: &Self, to: &mut dyn Write| {
            for piece in &pieces.0 {
                to.write_all(&(piece.len() as u64).to_le_bytes())?;
                to.write_all(piece)?;
            }
            if FAILS.load(Ordering::SeqCst) {
                return Err("the last piece is missing".into());
            }
            assert!(!PANICS.load(Ordering::SeqCst), "the last piece is on fire");
            Ok(())
        };
        let read = |from: &mut dyn Read, mut length: u64| {
            READS.fetch_add(1, Ordering::SeqCst);
            let mut pieces = Vec::new();
            while length > 0 {
                let mut size = [0; 8];
                from.read_exact(&mut size)?;
                let size = u64::from_le_bytes(size);
                length = length
                    .checked_sub(8)
                    .and_then(|left| left.checked_sub(size))
                    .ok_or("too long")?;
                let mut piece = Vec::new();
                from.take(size).read_to_end(&mut piece)?;
                pieces.push(piece);
            }
            Ok(Self(pieces))
        };
        vec![Format::streaming("pieces", "pieces", write, read)]
    }
}

#[task(cache)]
fn pieces(sizes: Vec<usize>) -> Pieces {
    Pieces(sizes.iter().map(|size| vec![b'x'; *size]).collect())
}

#[test]
fn a_streaming_format_of_a_users_own_is_read_and_its_failures_cost_a_warning() {
    for layout in LAYOUTS {
        let folder = tempfile::tempdir().unwrap();
        let sizes = vec![1, 100_000, 0, 3, 70_000];
        for (flag, why) in
            [(&FAILS, "the last piece is missing"), (&PANICS, "the last piece is on fire")]
        {
            flag.store(true, Ordering::SeqCst);
            let (session, log) = session(folder.path(), layout);
            assert_eq!(pieces(sizes.clone()).run_in(&session).unwrap().0.len(), 5);
            flag.store(false, Ordering::SeqCst);
            let told = log.take();
            let warning =
                |line: &String| line.contains("is used but not cached") && line.contains(why);
            assert!(told.iter().any(warning), "{told:?}");
            assert!(larger_than(folder.path(), 99_999).is_empty(), "nothing is left of it");
        }
        for (told, reads) in [("computed", 0), ("hit", 1)] {
            let (session, log) = session(folder.path(), layout);
            READS.store(0, Ordering::SeqCst);
            let value = pieces(sizes.clone()).run_in(&session).unwrap();
            assert_eq!(value.0.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
            assert_eq!((log.count(told), READS.load(Ordering::SeqCst)), (1, reads), "{layout:?}");
        }
        // A damaged length makes the reader fail first. It is damage all the same, and not a format that cannot be read.
        let path = larger_than(folder.path(), 99_999).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() - (170_004 + 5 * 8) + 7;
        bytes[at] = 0xff;
        fs::write(&path, bytes).unwrap();
        let (session, log) = session(folder.path(), layout);
        assert_eq!(pieces(sizes.clone()).run_in(&session).unwrap().0.len(), 5);
        assert_eq!(log.count("computed"), 1);
    }
}

#[test]
fn what_is_too_large_is_refused_as_it_flows_and_its_digest_is_known() {
    for layout in LAYOUTS {
        for eviction in [Eviction::Lru, Eviction::None] {
            let folder = tempfile::tempdir().unwrap();
            let store = FileStore::builder(folder.path())
                .layout(layout)
                .eviction(eviction)
                .max_size("1MB")
                .open()
                .unwrap();
            let bytes = vec![7_u8; 3_000_000];
            let meta = {
                let (session, _) = session(&folder.path().join("other"), layout);
                squares(3).run_in(&session).unwrap();
                drop(session);
                self::store(&folder.path().join("other"), layout)
                    .entries()
                    .list()
                    .unwrap()
                    .remove(0)
                    .meta
            };
            let key = Digest::of_bytes(b"large");
            let mut write =
                |to: &mut dyn Write| bytes.chunks(1_000).try_for_each(|some| to.write_all(some));
            let written = now(store.put_with(&key, meta, &mut write)).unwrap();
            let Written { digest, size, put } = written;
            assert_eq!((digest, size), (Digest::of_bytes(&bytes), 3_000_000));
            assert!(matches!(put, Ok(Put::Refused(_))), "{layout:?}: {put:?}");
            assert!(now(store.get(&key)).unwrap().found().is_none());
            assert!(
                larger_than(folder.path(), 900_000).is_empty(),
                "{layout:?}: nothing is left of it"
            );
        }
    }
}

#[test]
fn a_store_that_cannot_be_written_still_tells_the_digest() {
    for layout in LAYOUTS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let store = Arc::new(store(&path, layout));
        // A file where the folder belongs.
        fs::write(&path, "in the way").unwrap();
        let (session, log) = logged_with(
            Session::builder().cache(Arc::clone(&store) as Arc<dyn CacheStore>).memory("0"),
        );
        let total = total(squares(100_000)).run_in(&session).unwrap();
        assert_eq!(total, (0..100_000_u64).map(|n| n * n).sum::<u64>());
        let told = log.take();
        assert!(told.iter().any(|line| line.contains("cannot be written")), "{told:?}");
        assert!(!told.iter().any(|line| line.contains("cannot be hashed")), "{told:?}");
    }
}

#[task(cache)]
fn total(numbers: &[u64]) -> u64 {
    numbers.iter().sum()
}

#[test]
fn a_format_is_written_and_read_wherever_bytes_flow() {
    let raw = Format::<Vec<u32>>::raw();
    let value: Vec<u32> = (0..10_000).collect();
    let bytes = raw.encode(&value).unwrap();
    let mut file = Vec::new();
    raw.write(&value, &mut file).unwrap();
    assert_eq!(file, bytes);
    assert_eq!(raw.read(&mut Trickle(&bytes, true), 40_000).unwrap(), value);
    let error = raw.read(&mut &bytes[..39_999], 40_000).unwrap_err();
    assert_eq!(error.to_string(), "it ends at byte 39999 of 40000");
    let error = raw.read(&mut Broken, 40_000).unwrap_err();
    assert_eq!(error.to_string(), "the disk is gone");

    // What is made of a whole flows too, gathered in memory.
    let json = Format::<Vec<u32>>::json();
    let mut file = Vec::new();
    json.write(&value, &mut file).unwrap();
    assert_eq!(json.read(&mut &file[..], file.len() as u64).unwrap(), value);
    assert!(json.read(&mut &file[..], file.len() as u64 - 1).is_err());
    let error = json.read(&mut &file[..], file.len() as u64 + 1).unwrap_err();
    assert!(error.to_string().starts_with("it ends at byte "), "{error}");
    let lazy = Format::streaming("lazy", "bin", |_: &u8, _| Ok(()), |_, _| Ok(0));
    let error = lazy.decode(&[1, 2]).unwrap_err();
    assert_eq!(error.to_string(), "2 bytes are left over after the value");
    assert_eq!(lazy.clone().decode(&[]).unwrap(), 0);
}

/// Gives one byte at a time, and is interrupted in between.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let one = to.len().min(1);
        self.0.read(&mut to[..one])
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is gone"))
    }
}
