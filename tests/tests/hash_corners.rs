//! Hashing at its edges: what hashers show of themselves, values of another type than was said, errors that a `Serialize`
//! passes on, and files that do not keep still.

use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use daglite::prelude::*;
use daglite::{ContentHasher, Strategy, ValueHash, content_digest, serde_hash};
use daglite_tests::logged;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};

#[test]
fn a_hasher_shows_its_strategy_and_what_went_wrong_and_nothing_of_the_value() {
    let mut hasher = ContentHasher::new(Strategy::Fast);
    hasher.str("a secret");
    hasher.fail("no value");
    let shown = format!("{hasher:?}");
    assert_eq!(shown, r#"ContentHasher { strategy: Fast, failure: Some("no value"), .. }"#);
    assert_eq!(format!("{:?}", ValueHash::own::<u8>()), "ValueHash");
}

#[test]
fn a_value_of_another_type_than_was_said_has_no_hash() {
    for hash in [ValueHash::own::<u32>(), ValueHash::serde::<u32>()] {
        let mut hasher = ContentHasher::new(Strategy::Auto);
        hash.hash(&"seven", &mut hasher);
        assert_eq!(hasher.finish().unwrap_err().to_string(), "the value to hash is not a `u32`");
    }
}

/// Serializes what cannot be, and says where.
struct Report;

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Broken;
        impl Serialize for Broken {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(S::Error::custom("the sensor is off"))
            }
        }
        Broken.serialize(serializer).map_err(|error| S::Error::custom(in_report(error)))
    }
}

fn in_report(error: impl Display) -> String {
    format!("in the report: {error}")
}

#[test]
fn the_words_of_a_serialize_that_fails_arrive_as_they_are() {
    let mut hasher = ContentHasher::new(Strategy::Auto);
    serde_hash(&Report, &mut hasher);
    let error = hasher.finish().unwrap_err().to_string();
    assert_eq!(error, "in the report: the sensor is off");
}

/// A number or a text, of which serde cannot tell beforehand which; it is serialized a number of times only.
#[derive(Deserialize)]
#[serde(untagged)]
enum Fading {
    Number(u8),
}

static LEFT: AtomicUsize = AtomicUsize::new(0);

impl Serialize for Fading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::Number(number) = self;
        let left =
            LEFT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map_err(|_| S::Error::custom("it has faded"))?;
        serializer.serialize_u8(*number)
    }
}

#[test]
fn a_value_that_cannot_be_looked_at_again_is_not_written() {
    let registry = Registry::new();
    let mut written = None;
    for times in 0..20 {
        LEFT.store(times, Ordering::SeqCst);
        match registry.serialize(&Fading::Number(7), Some("json")) {
            Ok(bytes) => {
                written = Some((times, bytes));
                break;
            }
            Err(error) => assert!(error.to_string().contains("it has faded"), "{times}: {error}"),
        }
    }
    // It is looked through, written, read and compared.
    let (times, bytes) = written.expect("often enough is enough");
    assert!(times >= 4 && bytes == b"7", "{times}");
}

#[test]
fn files_and_folders_are_paths_to_who_asks() {
    let (file, folder) = (InputFile::from("a/b".to_owned()), InputDir::from("a".to_owned()));
    assert_eq!(file, InputFile::from("a/b"));
    assert_eq!(folder, InputDir::from(Path::new("a")));
    let paths: [&dyn AsRef<Path>; 3] = [&file, &folder, &OutputFile::from("a/b".to_owned())];
    assert_eq!(paths.map(AsRef::as_ref), [Path::new("a/b"), Path::new("a"), Path::new("a/b")]);
    assert_eq!(OutputFile::from(Path::new("a")), OutputFile::from(Path::new("a").to_path_buf()));
    assert_eq!(format!("{:?}", OutputFile::from("a")), r#"OutputFile("a")"#);
}

#[cfg(unix)]
#[test]
fn what_is_neither_file_nor_folder_is_no_input() {
    let error = content_digest(&InputFile::from("/dev/null")).unwrap_err().to_string();
    assert!(error.contains("`/dev/null`: it is not a regular file"), "{error}");
}

#[test]
fn a_file_that_changes_for_as_long_as_it_is_read_has_no_digest() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("log");
    fs::write(&path, vec![0; 4 << 20]).unwrap();
    let is_over = AtomicBool::new(false);
    let deadline = Instant::now() + Duration::from_secs(60);
    thread::scope(|scope| {
        let writer = File::options().write(true).open(&path).unwrap();
        let is_over = &is_over;
        scope.spawn(move || {
            let lengths = (0..1000).map(|more| (4 << 20) + more).cycle();
            for length in lengths.take_while(|_| !is_over.load(Ordering::SeqCst)) {
                writer.set_len(length).unwrap();
            }
        });
        // Three readings in a row have to meet a change each.
        let error = loop {
            match content_digest(&InputFile::from(path.as_path())) {
                Err(error) => break error.to_string(),
                Ok(_) if Instant::now() > deadline => {
                    break "every reading was undisturbed".to_owned();
                }
                Ok(_) => thread::yield_now(),
            }
        };
        is_over.store(true, Ordering::SeqCst);
        assert!(error.contains("it changes while it is read: wait until it is written"), "{error}");
    });
}

#[test]
fn an_output_file_that_is_not_there_has_no_digest() {
    let error = content_digest(&OutputFile::from("no/such/file")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read output file `no/such/file`: "), "{error}");
}

#[task(cache)]
fn report(path: &Path) -> OutputFile {
    if path.is_dir() {
        fs::remove_dir(path).unwrap();
    }
    fs::write(path, "a report").unwrap();
    OutputFile::from(path)
}

#[test]
fn a_folder_in_the_place_of_a_results_file_is_a_miss_that_heals() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("report.txt");
    let (session, log) = logged();
    report(path.as_path()).run_in(&session).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let file = report(path.as_path()).run_in(&session).unwrap();
    assert_eq!(file.read().unwrap(), b"a report");
    assert_eq!((log.count("computed"), log.count("hit")), (2, 0));
}

/// Its hash reads a file, and may panic after that.
#[derive(Clone)]
struct Fragile(PathBuf, bool);

impl ContentHash for Fragile {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        InputFile::from(self.0.as_path()).content_hash(hasher);
        assert!(!self.1, "the hash is broken");
    }
}

#[task(cache)]
fn measured(value: Fragile) -> usize {
    value.0.as_os_str().len()
}

#[test]
fn a_hash_that_panics_leaves_nothing_behind_for_the_next() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a");
    fs::write(&path, "1").unwrap();
    let (session, log) = logged();
    let broken = || measured(Fragile(path.clone(), true)).run_in(&session);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(broken));
    assert!(!matches!(panicked, Ok(Ok(_))) || log.count("hit") == 0);
    for _ in 0..2 {
        measured(Fragile(path.clone(), false)).run_in(&session).unwrap();
    }
    assert_eq!(log.count("hit"), 1);
}
