//! The suite of checkpoint stores: one function a group of rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::checkpoint_flows::values_that_flow;
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
    moments_mean_versions(&make()).await;
    values_that_flow(&make()).await;
    let tagged = make();
    if tagged.keeps_tags() {
        tags_name_versions(&tagged).await;
        tags_move(&make()).await;
        bad_tags_are_refused(&make()).await;
        racing_tags(&make());
    } else {
        tags_are_not_kept(&tagged).await;
    }
    racing_saves(&make());
}

/// The metadata of a checkpoint of `bytes`, saved at `created` milliseconds, every optional field filled.
pub(super) fn checkpoint(name: &str, bytes: &[u8], created: u64) -> CheckpointMeta {
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
pub(super) const NOON: u64 = 946_728_000_000;

/// Saves `bytes` and answers with the name of the version, which must be new.
pub(super) async fn save_new(
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
        assert!(
            version.starts_with(|first: char| first.is_ascii_digit()) && !version.contains('@'),
            "rule 3, the name of a version begins with a digit and has no `@`: {version}"
        );
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
        "model@prod",
        // A form of `é` that looks the same and is not the same text.
        "re\u{301}sume\u{301}",
        &"n".repeat(300),
    ] {
        let saved = store.save(checkpoint(name, b"one", NOON), b"one".to_vec()).await;
        assert!(saved.is_err(), "{rule}: `save` took `{name}`");
        let refused = [
            ("load", store.load(name, &Version::Latest).await.is_err()),
            ("head", store.head(name, &Version::Latest).await.is_err()),
            ("versions", store.versions(name).await.is_err()),
            ("delete", store.delete(name, "20000101T120000.000000Z").await.is_err()),
            ("resolve", store.resolve(name, &Version::Latest).await.is_err()),
        ];
        for (method, refused) in refused {
            assert!(refused, "{rule}: `{method}` took `{name}`");
        }
        if store.keeps_tags() {
            let refused = [
                ("tag", store.tag(name, "20000101T120000.000000Z", "prod").await.is_err()),
                ("untag", store.untag(name, "prod").await.is_err()),
                ("tags", store.tags(name).await.is_err()),
            ];
            for (method, refused) in refused {
                assert!(refused, "{rule}: `{method}` took `{name}`");
            }
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

async fn moments_mean_versions(store: &impl CheckpointStore) {
    let rule = "rule 9, a version in other words: a moment";
    let mut saved = Vec::new();
    // The third is saved while the clock stands an hour back: it comes after the second all the same.
    for (i, created) in
        [NOON, NOON + 60_000, NOON - 3_600_000, NOON + 120_000].into_iter().enumerate()
    {
        let bytes = format!("value {i}").into_bytes();
        saved.push(save_new(rule, store, checkpoint("model", &bytes, created), &bytes).await);
    }
    for (time, expected) in [
        (NOON - 1, None),
        (NOON, Some(&saved[0])),
        (NOON + 59_999, Some(&saved[0])),
        (NOON + 119_999, Some(&saved[2])),
        (NOON + 120_000, Some(&saved[3])),
        (u64::MAX, Some(&saved[3])),
    ] {
        let version = Version::At(Timestamp::from_millis(time));
        let resolved = ok(rule, "resolve", store.resolve("model", &version).await);
        same(rule, &format!("`resolve` of {time}"), &resolved.as_ref(), &expected);
        let head = ok(rule, "head", store.head("model", &version).await).map(|meta| meta.version);
        same(rule, &format!("`head` of {time}"), &head.as_ref(), &expected);
        let loaded = ok(rule, "load", store.load("model", &version).await);
        same(rule, "`load`", &loaded.map(|(meta, _)| meta.version).as_ref(), &expected);
    }
    let other = store.resolve("other", &Version::At(Timestamp::from_millis(NOON))).await;
    same(rule, "`resolve` without a version", &ok(rule, "resolve", other), &None);
    let latest = ok(rule, "resolve", store.resolve("model", &Version::Latest).await);
    same(rule, "`resolve` of the latest", &latest.as_ref(), &saved.last());
    let exact = Version::Exact("20000101T000000.000000Z".to_owned());
    let resolved = ok(rule, "resolve", store.resolve("model", &exact).await);
    same(
        rule,
        "`resolve` of an exact version, which is not there",
        &resolved,
        &Some(exact.to_string()),
    );
}

async fn tags_are_not_kept(store: &impl CheckpointStore) {
    let rule = "rule 10, a store that keeps no tags says so";
    let version = save_new(rule, store, checkpoint("model", b"one", NOON), b"one").await;
    assert!(store.tag("model", &version, "prod").await.is_err(), "{rule}: `tag` took one");
    same(rule, "`tags`", &ok(rule, "tags", store.tags("model").await), &vec![]);
    same(rule, "`untag`", &ok(rule, "untag", store.untag("model", "prod").await), &false);
    let head = ok(rule, "head", store.head("model", &Version::tag("prod")).await);
    same(rule, "`head` by a tag", &head, &None);
}

/// What `head` and `load` answer by a tag: the version and the value.
async fn by_tag(rule: &str, store: &impl CheckpointStore, tag: &str) -> Option<(String, Vec<u8>)> {
    let version = Version::tag(tag);
    let loaded = ok(rule, "load", store.load("model", &version).await);
    let head = ok(rule, "head", store.head("model", &version).await);
    let loaded = loaded.map(|(meta, bytes)| (meta.version, bytes));
    let versions = (head.map(|meta| meta.version), loaded.as_ref().map(|(version, _)| version));
    same(rule, "`head` and `load` by a tag", &versions.0.as_ref(), &versions.1);
    loaded
}

async fn tags_name_versions(store: &impl CheckpointStore) {
    let rule = "rule 10, a tag names a version";
    same(rule, "`tags` of nothing", &ok(rule, "tags", store.tags("model").await), &vec![]);
    same(rule, "a tag of nothing", &by_tag(rule, store, "prod").await, &None);
    let first = save_new(rule, store, checkpoint("model", b"one", NOON), b"one").await;
    let second = save_new(rule, store, checkpoint("model", b"two", NOON + 1), b"two").await;
    for missing in ["20000101T000000.000000Z", "no version", "../model"] {
        let tagged = ok(rule, "tag", store.tag("model", missing, "prod").await);
        same(rule, "`tag` of a version that is not there", &tagged, &false);
    }
    let tagged = ok(rule, "tag", store.tag("other", &first, "prod").await);
    same(rule, "`tag` of another checkpoint's version", &tagged, &false);
    same(rule, "`tags` of nothing", &ok(rule, "tags", store.tags("model").await), &vec![]);
    for (tag, version) in [("prod", &first), ("a.b-c_1", &first), ("stage", &second)] {
        same(rule, "`tag`", &ok(rule, "tag", store.tag("model", version, tag).await), &true);
    }
    let pair = |tag: &str, version: &String| (tag.to_owned(), version.clone());
    let expected = vec![pair("a.b-c_1", &first), pair("prod", &first), pair("stage", &second)];
    same(rule, "`tags`", &ok(rule, "tags", store.tags("model").await), &expected);
    same(rule, "by its tag", &by_tag(rule, store, "prod").await, &Some((first, b"one".to_vec())));
    same(rule, "a tag that nobody has", &by_tag(rule, store, "beta").await, &None);
    same(rule, "`names`", &ok(rule, "names", store.names().await), &vec!["model".to_owned()]);
    let versions = ok(rule, "versions", store.versions("model").await);
    same(rule, "the number of versions", &versions.len(), &2);
}

async fn tags_move(store: &impl CheckpointStore) {
    let rule = "rule 10, tags move, and go with their version";
    let first = save_new(rule, store, checkpoint("model", b"one", NOON), b"one").await;
    let second = save_new(rule, store, checkpoint("model", b"two", NOON + 1), b"two").await;
    for version in [&first, &second] {
        same(rule, "`tag`", &ok(rule, "tag", store.tag("model", version, "prod").await), &true);
    }
    let two = Some((second.clone(), b"two".to_vec()));
    same(rule, "by the tag that has moved", &by_tag(rule, store, "prod").await, &two);
    let expected = vec![("prod".to_owned(), second.clone())];
    same(rule, "`tags`", &ok(rule, "tags", store.tags("model").await), &expected);
    same(rule, "`untag`", &ok(rule, "untag", store.untag("model", "prod").await), &true);
    same(rule, "`untag` again", &ok(rule, "untag", store.untag("model", "prod").await), &false);
    same(rule, "by a tag that is gone", &by_tag(rule, store, "prod").await, &None);
    ok(rule, "tag", store.tag("model", &second, "prod").await);
    ok(rule, "tag", store.tag("model", &first, "old").await);
    ok(rule, "delete", store.delete("model", &second).await);
    same(rule, "the tag of a deleted version", &by_tag(rule, store, "prod").await, &None);
    let expected = vec![("old".to_owned(), first)];
    same(rule, "`tags` after a `delete`", &ok(rule, "tags", store.tags("model").await), &expected);
    // A version that takes the place of the deleted one does not take its tag.
    save_new(rule, store, checkpoint("model", b"three", NOON + 1), b"three").await;
    same(rule, "the tag of a deleted version", &by_tag(rule, store, "prod").await, &None);
}

async fn bad_tags_are_refused(store: &impl CheckpointStore) {
    let rule = "rule 10, bad tags are refused";
    let version = save_new(rule, store, checkpoint("model", b"one", NOON), b"one").await;
    let long = "t".repeat(65);
    for tag in
        ["", "latest", "Prod", "1st", "..", "a/b", "a b", "../up", "end.", "é", "nul", "a@b", &long]
    {
        assert!(store.tag("model", &version, tag).await.is_err(), "{rule}: `tag` took `{tag}`");
    }
    same(rule, "`tags`", &ok(rule, "tags", store.tags("model").await), &vec![]);
}

fn racing_tags(store: &impl CheckpointStore) {
    let rule = "rule 10, tags move at once: whoever looks sees one version or the other";
    let save =
        |bytes: &[u8], at| block_on(save_new(rule, store, checkpoint("model", bytes, at), bytes));
    let versions = [save(b"one", NOON), save(b"two", NOON + 1)];
    ok(rule, "tag", block_on(store.tag("model", &versions[0], "prod")));
    // Those who look do so for as long as the tag moves.
    let moving = AtomicBool::new(true);
    let jobs: [Box<dyn FnOnce() + Send + '_>; 3] = [
        Box::new(|| {
            let _until_here = Ends(&moving);
            for i in 0..40 {
                ok(rule, "tag", block_on(store.tag("model", &versions[i % 2], "prod")));
            }
        }),
        Box::new(|| {
            while moving.load(Ordering::SeqCst) {
                let found = block_on(by_tag_alone(rule, store));
                assert!(found.is_some(), "{rule}: for a moment no version had the tag");
            }
        }),
        Box::new(|| {
            while moving.load(Ordering::SeqCst) {
                let tags = ok(rule, "tags", block_on(store.tags("model")));
                same(rule, "the number of tags", &tags.len(), &1);
            }
        }),
    ];
    race(jobs);
}

/// Sets a flag to false when dropped: in a panic, too.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// The value by a tag; `head` may see another version while it moves.
async fn by_tag_alone(rule: &str, store: &impl CheckpointStore) -> Option<Vec<u8>> {
    ok(rule, "load", store.load("model", &Version::tag("prod")).await).map(|(_, bytes)| bytes)
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
