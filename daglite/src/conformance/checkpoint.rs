//! The suite of checkpoint stores: one function a group of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{block_on, key, noise, ok, race, same};
use crate::checkpoint::{CheckpointMeta, CheckpointStore, Saved, Version};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::store::KeyPart;

/// Tests the contract of [`CheckpointStore`] on the stores that `make` makes, fresh and empty each.
///
/// ```
/// use daglite::FileCheckpoints;
/// use daglite::conformance;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let folder = tempfile::tempdir().unwrap();
/// let made = std::cell::Cell::new(0);
/// conformance::checkpoint_store(|| {
///     made.set(made.get() + 1);
///     FileCheckpoints::open(folder.path().join(made.get().to_string())).unwrap()
/// })
/// .await;
/// # }
/// ```
///
/// # Panics
///
/// The store breaks the contract; the message names the rule.
pub async fn checkpoint_store<S: CheckpointStore>(make: impl Fn() -> S) {
    absent_checkpoints(&make()).await;
    checkpoints_round_trip(&make()).await;
    versions_sort_by_time(&make()).await;
    unchanged_adds_nothing(&make()).await;
    names_are_listed(&make()).await;
    bad_names_are_refused(&make()).await;
    deleted_is_gone(&make()).await;
    wrong_values_are_refused(&make()).await;
    racing_saves(&make());
}

/// The metadata of a checkpoint of `bytes`, saved at `created` milliseconds, every optional field filled.
fn checkpoint(name: &str, bytes: &[u8], created: u64) -> CheckpointMeta {
    CheckpointMeta {
        name: name.to_owned(),
        version: String::new(),
        created: Timestamp::from_millis(created),
        time: "as text".to_owned(),
        task: Some("naïve::重い計算".to_owned()),
        fingerprint: Some(key("fingerprint")),
        key: Some(key("key")),
        arguments: vec![KeyPart::new("größe\"\\\n", key("argument"))],
        format: "json".to_owned(),
        extension: "json".to_owned(),
        type_name: "alloc::vec::Vec<f64>".to_owned(),
        shape: key("shape"),
        size: bytes.len() as u64,
        digest: Digest::of_bytes(bytes),
        source_digest: Some(key("artifact")),
        git_commit: Some("0123456789abcdef".to_owned()),
        git_dirty: Some(true),
        host: "höst".to_owned(),
        daglite_version: "0.0.1-test".to_owned(),
        took: Duration::new(3, 141_592_653),
        made_from: vec!["features@20261122T193015.123456Z".to_owned()],
        user: BTreeMap::from([
            ("alpha".to_owned(), serde_json::json!(0.1)),
            (
                "ключ".to_owned(),
                serde_json::json!({"deep": [1, null, "\u{1F9CA}", 1e300, -0.5, u64::MAX]}),
            ),
        ]),
        always: false,
    }
}

/// Some time in the year 2000, in milliseconds.
const NOON: u64 = 946_728_000_000;

/// Saves `bytes` and answers with the name of the version, which must be new.
async fn save_new(
    rule: &str,
    store: &impl CheckpointStore,
    meta: CheckpointMeta,
    bytes: &[u8],
) -> String {
    match ok(rule, "save", store.save(meta, bytes.to_vec()).await) {
        Saved::New(version) => version,
        Saved::Unchanged(version) => {
            panic!("{rule}: a new value was taken for that of version {version}")
        }
    }
}

async fn absent_checkpoints(store: &impl CheckpointStore) {
    let rule = "rule 6, missing is not an error";
    for version in [
        Version::Latest,
        Version::from("20000101T120000.000000Z"),
        Version::from("no version"),
        Version::from("../.."),
    ] {
        same(
            rule,
            "`load` of nothing",
            &ok(rule, "load", store.load("model", &version).await),
            &None,
        );
        same(
            rule,
            "`head` of nothing",
            &ok(rule, "head", store.head("model", &version).await),
            &None,
        );
        let deleted = ok(rule, "delete", store.delete("model", &version.to_string()).await);
        same(rule, "`delete` of nothing", &deleted, &false);
    }
    same(
        rule,
        "`versions` of nothing",
        &ok(rule, "versions", store.versions("model").await),
        &vec![],
    );
    same(rule, "`names` of an empty store", &ok(rule, "names", store.names().await), &vec![]);
    assert!(!store.location().is_empty(), "rule 1, an error names the place: `location` is empty");
}

async fn checkpoints_round_trip(store: &impl CheckpointStore) {
    let rule = "rule 5, verified: what was saved comes back";
    let bare = CheckpointMeta {
        format: "raw".to_owned(),
        extension: "bin".to_owned(),
        ..CheckpointMeta::new("bare", b"", Timestamp::from_millis(NOON))
    };
    let full = noise(1 << 20, 1);
    for (mut meta, bytes) in [(checkpoint("group/full", &full, NOON), full), (bare, Vec::new())] {
        let version = save_new(rule, store, meta.clone(), &bytes).await;
        assert!(!version.is_empty(), "{rule}: the version is empty");
        meta.version = version.clone();
        for asked in [Version::Latest, Version::Exact(version.clone())] {
            let what = format!("version {asked} of `{}`", meta.name);
            let head = ok(rule, "head", store.head(&meta.name, &asked).await);
            same(rule, &what, &head, &Some(meta.clone()));
            let loaded = ok(rule, "load", store.load(&meta.name, &asked).await);
            same(rule, &what, &loaded, &Some((meta.clone(), bytes.clone())));
        }
    }
}

async fn versions_sort_by_time(store: &impl CheckpointStore) {
    let rule = "rule 3, versions sort by time, as text";
    // Forward, twice at once, back, far forward, back again.
    let times = [NOON, NOON + 1, NOON + 1, NOON - 1_000_000, NOON * 2, 0];
    let mut saved = Vec::new();
    for (i, created) in times.into_iter().enumerate() {
        let bytes = format!("value {i}").into_bytes();
        saved.push(save_new(rule, store, checkpoint("model", &bytes, created), &bytes).await);
        let (latest, value) =
            ok(rule, "load", store.load("model", &Version::Latest).await).expect(rule);
        same(rule, "the latest after a save", &latest.version, &saved[i]);
        same(rule, "the value of the latest", &value, &bytes);
        same(rule, "the time that was given", &latest.created, &Timestamp::from_millis(created));
    }
    assert!(saved.is_sorted_by(|one, next| one < next), "{rule}: they do not: {saved:?}");
    same(rule, "`versions`", &ok(rule, "versions", store.versions("model").await), &saved);
    for (i, version) in saved.iter().enumerate() {
        let (_, value) =
            ok(rule, "load", store.load("model", &Version::from(version)).await).expect(rule);
        same(rule, &format!("the value of {version}"), &value, &format!("value {i}").into_bytes());
    }
}

async fn unchanged_adds_nothing(store: &impl CheckpointStore) {
    let rule = "rule 4, unchanged adds nothing";
    let first = save_new(rule, store, checkpoint("model", b"one", NOON), b"one").await;
    let mut noted = checkpoint("model", b"one", NOON + 5);
    noted.user.clear();
    let again = ok(rule, "save", store.save(noted, b"one".to_vec()).await);
    same(rule, "a save of the same value", &again, &Saved::Unchanged(first.clone()));
    same(rule, "`versions`", &ok(rule, "versions", store.versions("model").await), &vec![first]);

    let rule = "rule 4, a value that decodes another way is a new one";
    let mut other_format = checkpoint("model", b"one", NOON + 6);
    other_format.format = "postcard".to_owned();
    save_new(rule, store, other_format.clone(), b"one").await;
    let mut other_shape = checkpoint("model", b"one", NOON + 7);
    other_shape.shape = key("another shape");
    save_new(rule, store, other_shape, b"one").await;

    let rule = "rule 4, only the latest version counts";
    save_new(rule, store, checkpoint("model", b"one", NOON + 8), b"one").await;
    save_new(rule, store, checkpoint("model", b"two", NOON + 9), b"two").await;
    save_new(rule, store, checkpoint("model", b"one", NOON + 10), b"one").await;
    save_new(rule, store, checkpoint("other", b"one", NOON + 11), b"one").await;
}

async fn names_are_listed(store: &impl CheckpointStore) {
    let rule = "rule 7, names are listed, sorted as text";
    let names = ["a/b/c", "model", "a", "Zürich/モデル", "a b", "a/b-2"];
    for name in names {
        save_new(rule, store, checkpoint(name, b"one", NOON), b"one").await;
    }
    let expected: Vec<_> = BTreeSet::from(names).into_iter().map(str::to_owned).collect();
    same(rule, "`names`", &ok(rule, "names", store.names().await), &expected);
    for name in names {
        same(
            rule,
            &format!("`versions` of `{name}`"),
            &ok(rule, "versions", store.versions(name).await).len(),
            &1,
        );
    }
    same(
        rule,
        "`versions` of a mere group",
        &ok(rule, "versions", store.versions("a/b").await),
        &vec![],
    );
}

async fn bad_names_are_refused(store: &impl CheckpointStore) {
    let rule = "rule 7, bad names are refused";
    for name in [
        "",
        "..",
        "../up",
        "a/../b",
        "/absolute",
        "a\\b",
        "nul",
        "a/COM1.txt",
        "tab\t",
        "what?",
        "end.",
    ] {
        let saved = store.save(checkpoint(name, b"one", NOON), b"one".to_vec()).await;
        assert!(saved.is_err(), "{rule}: `save` took `{name}`");
        let refused = [
            ("load", store.load(name, &Version::Latest).await.is_err()),
            ("head", store.head(name, &Version::Latest).await.is_err()),
            ("versions", store.versions(name).await.is_err()),
            ("delete", store.delete(name, "20000101T120000.000000Z").await.is_err()),
        ];
        for (method, refused) in refused {
            assert!(refused, "{rule}: `{method}` took `{name}`");
        }
    }
    let rule = "rule 7, a name that differs in the case of letters alone is refused";
    save_new(rule, store, checkpoint("group/model", b"one", NOON), b"one").await;
    for twin in ["group/Model", "GROUP/model", "Group/other"] {
        let saved = store.save(checkpoint(twin, b"two", NOON), b"two".to_vec()).await;
        assert!(saved.is_err(), "{rule}: `save` took `{twin}` beside `group/model`");
    }
    same(rule, "`names`", &ok(rule, "names", store.names().await), &vec!["group/model".to_owned()]);
}

async fn deleted_is_gone(store: &impl CheckpointStore) {
    let rule = "rule 2, whole or not at all: a deleted version is gone";
    let first = save_new(rule, store, checkpoint("a/model", b"one", NOON), b"one").await;
    let second = save_new(rule, store, checkpoint("a/model", b"two", NOON + 1), b"two").await;
    same(rule, "`delete`", &ok(rule, "delete", store.delete("a/model", &second).await), &true);
    same(
        rule,
        "`delete` again",
        &ok(rule, "delete", store.delete("a/model", &second).await),
        &false,
    );
    let gone = ok(rule, "load", store.load("a/model", &Version::Exact(second)).await);
    same(rule, "`load` after `delete`", &gone, &None);
    let latest =
        ok(rule, "head", store.head("a/model", &Version::Latest).await).map(|meta| meta.version);
    same(rule, "the latest after `delete`", &latest, &Some(first.clone()));
    same(
        rule,
        "`delete` of the last",
        &ok(rule, "delete", store.delete("a/model", &first).await),
        &true,
    );
    same(rule, "`names` without a version", &ok(rule, "names", store.names().await), &vec![]);
    save_new(rule, store, checkpoint("A/Model", b"one", NOON), b"one").await;
}

async fn wrong_values_are_refused(store: &impl CheckpointStore) {
    let rule = "rule 1, saved is saved: a value that does not match its metadata is refused";
    for (what, meta) in [
        ("digest", checkpoint("model", b"two", NOON)),
        ("size", checkpoint("model", b"four", NOON)),
    ] {
        let saved = store.save(meta, b"one".to_vec()).await;
        assert!(saved.is_err(), "{rule}: `save` took one with a wrong {what}");
    }
    same(rule, "`versions`", &ok(rule, "versions", store.versions("model").await), &vec![]);
}

fn racing_saves(store: &impl CheckpointStore) {
    let rule = "rule 3, a version is never written over: ten threads save one name at once";
    let saved = race((0..10).map(|i| {
        move || {
            let bytes = noise(10_000, i);
            let version =
                block_on(save_new(rule, store, checkpoint("model", &bytes, NOON), &bytes));
            (version, bytes)
        }
    }));
    let saved: BTreeMap<_, _> = saved.into_iter().collect();
    same(rule, "the number of versions answered", &saved.len(), &10);
    let versions = ok(rule, "versions", block_on(store.versions("model")));
    same(rule, "`versions`", &versions, &saved.keys().cloned().collect());
    for (version, bytes) in saved {
        let loaded = ok(rule, "load", block_on(store.load("model", &Version::Exact(version))));
        same(rule, "the value of a version", &loaded.map(|(_, loaded)| loaded), &Some(bytes));
    }
}
