//! Two questions never share an answer however alike their bytes are, and an answer is read as it was written.

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

#[task(cache)]
fn sampled(value: u8) -> (Measured, Vec<u8>) {
    (Measured { made: 7, value }, vec![9])
}

#[test]
fn nor_does_it_where_a_list_behind_it_would_take_the_rest() {
    let (session, _) = logged();
    sampled(2).run_in(&session).unwrap();
    let (measured, list) = sampled(2).run_in(&session).unwrap();
    assert_eq!((measured.value, list), (2, vec![9]));
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
