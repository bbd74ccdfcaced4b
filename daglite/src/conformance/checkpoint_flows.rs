//! What checkpoint stores do with values that are written to them, and read from them, bit by bit.

use std::io;

use super::checkpoint::{NOON, checkpoint, save_new};
use super::{noise, ok, same};
use crate::checkpoint::{CheckpointMeta, CheckpointStore, Saved, Version};

/// What the rule is called.
const RULE: &str = "rule 11, `save_with` is `save`, and `load_with` is `load`";

/// Runs the suite.
pub(super) async fn values_that_flow(store: &impl CheckpointStore) {
    nothing_is_read_of_nothing(store).await;
    for (at, (size, piece)) in [
        (0, 1),
        (1, 1),
        (64 << 10, 1_000),
        ((1 << 20) + 1, 64 << 10),
        ((3 << 20) + 5, 7_777),
        ((4 << 20) + 1, usize::MAX),
        ((5 << 20) + 5, 1 << 20),
    ]
    .into_iter()
    .enumerate()
    {
        comes_back(store, &format!("flows/{at}"), &noise(size, at as u8), piece).await;
    }
    what_cannot_be_written_is_not_there(store).await;
    bad_names_are_refused(store).await;
    a_reader_may_stop(store).await;
}

/// Saves `bytes`, in pieces, as what `meta` speaks of; the digest and size in there are wrong.
async fn save(
    store: &impl CheckpointStore,
    meta: &CheckpointMeta,
    bytes: &[u8],
    piece: usize,
) -> Saved {
    let meta = CheckpointMeta { digest: super::key("wrong"), size: 1, ..meta.clone() };
    let mut write =
        |to: &mut dyn io::Write| bytes.chunks(piece).try_for_each(|piece| to.write_all(piece));
    ok(RULE, "save_with", store.save_with(meta, &mut write).await)
}

/// What `load_with` answers of the latest version, and the bytes that it shows in pieces.
async fn load(
    store: &impl CheckpointStore,
    name: &str,
    piece: usize,
) -> (Option<CheckpointMeta>, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut read = |_: &CheckpointMeta, from: &mut dyn io::Read| {
        bytes.clear();
        let mut room = vec![0; piece.min(8 << 20)];
        // What cannot be read is no answer of the store's.
        while let Ok(some @ 1..) = from.read(&mut room) {
            bytes.extend_from_slice(&room[..some]);
        }
    };
    let found = store.load_with(name, &Version::Latest, &mut read).await;
    (ok(RULE, "load_with", found), bytes)
}

/// What is saved in either way is loaded in either way, and is no new value in the other way.
async fn comes_back(store: &impl CheckpointStore, name: &str, bytes: &[u8], piece: usize) {
    let what = format!("of {} bytes", bytes.len());
    let mut meta = checkpoint(name, bytes, NOON);
    let Saved::New(version) = save(store, &meta, bytes, piece).await else {
        panic!("{RULE}: a new value {what} was taken for one that is there")
    };
    meta.version = version.clone();
    let loaded = ok(RULE, "load", store.load(name, &Version::Latest).await);
    let Some((found, value)) = loaded else { panic!("{RULE}: what was saved {what} is not there") };
    same(RULE, &format!("`load` after `save_with` {what}"), &found, &meta);
    assert!(value == bytes, "{RULE}: `load` answers other bytes, {what}");
    for piece in [piece, usize::MAX] {
        let (found, value) = load(store, name, piece).await;
        same(RULE, &format!("`load_with` {what}"), &found.as_ref(), &Some(&meta));
        assert!(value == bytes, "{RULE}: `load_with` shows other bytes, {what}");
    }
    let again = save(store, &checkpoint(name, bytes, NOON + 1), bytes, piece).await;
    same(RULE, &format!("an unchanged value {what}"), &again, &Saved::Unchanged(version.clone()));
    let plain = store.save(checkpoint(name, bytes, NOON + 1), bytes.to_vec()).await;
    let plain = ok(RULE, "save", plain);
    same(RULE, &format!("`save` after `save_with` {what}"), &plain, &Saved::Unchanged(version));
    let mut longer = bytes.to_vec();
    longer.push(0);
    let changed = save(store, &checkpoint(name, &longer, NOON + 2), &longer, piece).await;
    assert!(
        matches!(changed, Saved::New(_)),
        "{RULE}: a longer value {what} was taken for the same"
    );
}

/// A version that is not there.
async fn nothing_is_read_of_nothing(store: &impl CheckpointStore) {
    for version in [Version::Latest, Version::from("20000101T120000.000000Z")] {
        let mut was_read = false;
        let mut read = |_: &CheckpointMeta, _: &mut dyn io::Read| was_read = true;
        let found = ok(RULE, "load_with", store.load_with("model", &version, &mut read).await);
        same(RULE, "`load_with` of nothing", &found, &None);
        assert!(!was_read, "{RULE}: `load_with` shows bytes of a version that is not there");
    }
}

/// A value that fails as it is written, early and late, after a version and after none.
async fn what_cannot_be_written_is_not_there(store: &impl CheckpointStore) {
    let before = save_new(RULE, store, checkpoint("kept", b"before", NOON), b"before").await;
    for size in [0, 10, 5 << 20] {
        let bytes = noise(size, 3);
        for name in ["kept", "failed"] {
            let mut write = |to: &mut dyn io::Write| {
                to.write_all(&bytes)?;
                Err(io::Error::other("it cannot be written"))
            };
            let saved = store.save_with(checkpoint(name, b"", NOON), &mut write).await;
            assert!(saved.is_err(), "{RULE}: a value that cannot be written is no error");
        }
        let versions = ok(RULE, "versions", store.versions("kept").await);
        same(RULE, "after a value that cannot be written", &versions, &vec![before.clone()]);
        let versions = ok(RULE, "versions", store.versions("failed").await);
        same(RULE, "of a value that cannot be written", &versions, &vec![]);
    }
}

/// Names that no store takes.
async fn bad_names_are_refused(store: &impl CheckpointStore) {
    for name in ["", "../up", "model@prod"] {
        let mut write = |to: &mut dyn io::Write| to.write_all(b"one");
        let saved = store.save_with(checkpoint(name, b"one", NOON), &mut write).await;
        assert!(saved.is_err(), "rule 7, bad names are refused: `save_with` took `{name}`");
        let mut read = |_: &CheckpointMeta, _: &mut dyn io::Read| ();
        let loaded = store.load_with(name, &Version::Latest, &mut read).await;
        assert!(loaded.is_err(), "rule 7, bad names are refused: `load_with` took `{name}`");
    }
}

/// Who reads may have enough.
async fn a_reader_may_stop(store: &impl CheckpointStore) {
    for size in [10, 300_000, 5 << 20] {
        let bytes = noise(size, 5);
        let name = format!("enough/{size}");
        save_new(RULE, store, checkpoint(&name, &bytes, NOON), &bytes).await;
        for enough in [0, 1, 9] {
            let mut start = vec![0; enough];
            let mut read = |_: &CheckpointMeta, from: &mut dyn io::Read| {
                from.read_exact(&mut start).expect("there are so many bytes");
            };
            let found = store.load_with(&name, &Version::Latest, &mut read).await;
            assert!(ok(RULE, "load_with", found).is_some(), "{RULE}: what was read is not there");
            assert!(start == bytes[..enough], "{RULE}: the first {enough} bytes are others");
        }
    }
}
