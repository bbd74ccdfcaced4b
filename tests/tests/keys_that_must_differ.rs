//! Two questions never share an answer, however their bytes look.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use daglite::Digest;
use daglite::prelude::*;
use daglite_tests::{logged, logged_with};
use serde::{Deserialize, Serialize};

#[task(cache)]
fn given(n: u64) -> u64 {
    n
}

#[task(cache)]
fn doubled(n: u64) -> u64 {
    2 * n
}

#[test]
fn equal_bytes_in_two_formats_are_two_values() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FileStore::builder(folder.path()).open().unwrap();
    let text = Registry::new();
    text.set_default_format::<u64>("json").unwrap();
    let (in_json, _) = logged_with(Session::builder().cache(open()).registry(&text));
    let (in_postcard, _) = logged_with(Session::builder().cache(open()).registry(&Registry::new()));

    // `1` in JSON is the byte 49, and so is 49 in postcard.
    assert_eq!(given(1).then(doubled).run_in(&in_json).unwrap(), 2);
    assert_eq!(given(49).then(doubled).run_in(&in_postcard).unwrap(), 98);
}

#[task(cache)]
fn byte(n: u8) -> u8 {
    n
}

#[task(cache)]
fn forged(parts: &[Digest]) -> Vec<u8> {
    let mut bytes = b"daglite join v1".to_vec();
    bytes.extend_from_slice(&(parts.len() as u64).to_le_bytes());
    parts.iter().for_each(|part| bytes.extend_from_slice(part.as_bytes()));
    bytes
}

#[task(cache)]
fn count(bytes: &[u8]) -> usize {
    bytes.len()
}

#[test]
fn no_artifact_stands_for_a_join() {
    let (session, _) = logged();
    let joined = join_all([byte(1), byte(2)]).then(count);
    assert_eq!(joined.run_in(&session).unwrap(), 2);
    let parts = vec![Digest::of_bytes(&[1]), Digest::of_bytes(&[2])];
    assert_eq!(forged(parts).then(count).run_in(&session).unwrap(), 15 + 8 + 2 * 32);
}

trait Answer: Send + Sync + 'static {
    const ANSWER: u32;
}

#[task(cache)]
fn answer<T: Answer>() -> u32 {
    T::ANSWER
}

#[test]
fn two_types_of_one_name_are_two_questions() {
    let (session, _) = logged();
    {
        struct Local;
        impl Answer for Local {
            const ANSWER: u32 = 1;
        }
        assert_eq!(answer::<Local>().run_in(&session).unwrap(), 1);
    }
    {
        struct Local;
        impl Answer for Local {
            const ANSWER: u32 = 2;
        }
        assert_eq!(answer::<Local>().run_in(&session).unwrap(), 2);
    }
}

/// A file, and what somebody writes to it while it is being read.
static EDIT: Mutex<Option<(PathBuf, &str)>> = Mutex::new(None);

#[task(cache)]
fn read(file: InputFile) -> Result<String, std::io::Error> {
    if let Some((path, text)) = EDIT.lock().unwrap_or_else(PoisonError::into_inner).take() {
        fs::write(path, text)?;
    }
    fs::read_to_string(file.path())
}

#[test]
fn a_file_that_changes_under_a_task_is_not_remembered_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    let file = || InputFile::from(path.as_path());
    let (session, _) = logged();
    fs::write(&path, "before").unwrap();
    *EDIT.lock().unwrap() = Some((path.clone(), "after"));
    assert_eq!(read(file()).run_in(&session).unwrap(), "after");
    fs::write(&path, "before").unwrap();
    assert_eq!(read(file()).run_in(&session).unwrap(), "before");
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Measured {
    #[serde(skip_deserializing)]
    made: u8,
    value: u8,
}

#[task(cache)]
fn measured(value: u8) -> Measured {
    Measured { made: 7, value }
}

#[test]
fn a_field_that_is_written_and_not_read_never_shifts_the_others() {
    let (session, _) = logged();
    measured(3).run_in(&session).unwrap();
    assert_eq!(measured(3).run_in(&session).unwrap().value, 3);
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum State {
    #[serde(skip)]
    #[expect(dead_code, reason = "it is skipped, so it is never made here")]
    Hidden,
    Open,
    Shut,
}

#[task(cache)]
fn state(open: bool) -> State {
    if open { State::Open } else { State::Shut }
}

#[test]
fn a_skipped_variant_never_shifts_the_others() {
    let (session, _) = logged();
    for open in [true, false] {
        let first = state(open).run_in(&session).unwrap();
        assert_eq!(state(open).run_in(&session).unwrap(), first);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Kept {
    value: u8,
    #[serde(skip)]
    rest: u8,
}

#[task(cache)]
fn kept(value: u8) -> Kept {
    Kept { value, rest: 7 }
}

#[test]
fn a_hit_is_what_was_computed_also_where_serde_does_not_look() {
    let (session, _) = logged();
    let first = kept(3).run_in(&session).unwrap();
    assert_eq!(kept(3).run_in(&session).unwrap(), first);
}

mod one {
    use daglite::prelude::*;

    #[task(cache, name = "greeting")]
    pub fn greeting() -> String {
        module_path!().rsplit("::").next().unwrap_or_default().to_string()
    }
}

mod two {
    use daglite::prelude::*;

    #[task(cache, name = "greeting")]
    pub fn greeting() -> String {
        module_path!().rsplit("::").next().unwrap_or_default().to_string()
    }
}

#[test]
fn tasks_of_one_name_in_two_modules_are_two_tasks() {
    let (session, _) = logged();
    assert_eq!(one::greeting().run_in(&session).unwrap(), "one");
    assert_eq!(two::greeting().run_in(&session).unwrap(), "two");
}
