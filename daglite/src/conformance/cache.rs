//! The suite of cache stores: one function a group of rules.

use std::time::Duration;

use super::flows::values_that_flow;
use super::{block_on, key, noise, ok, race, same, shown};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::store::{
    Artifact, ArtifactMeta, CacheStore, Fate, Glimpse, KeyClaim, KeyPart, Lookup, PartKind, Put,
    RunReport, TaskRecord,
};

/// Tests the contract of [`CacheStore`] on the stores that `make` makes, fresh and empty each.
///
/// Runs some of it on threads of its own, which poll the store's futures with no async runtime around, as the engine does.
///
/// ```
/// use daglite::{MemoryStore, conformance};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// conformance::cache_store(MemoryStore::new).await;
/// # }
/// ```
///
/// # Panics
///
/// The store breaks the contract; the message names the rule.
pub async fn cache_store<S: CacheStore>(make: impl Fn() -> S) {
    absent_entries(&make()).await;
    answers_of_put(&make()).await;
    round_trips(&make()).await;
    puts_replace(&make()).await;
    wrong_artifacts_are_not_found(&make()).await;
    removed_is_gone(&make()).await;
    cleared_is_gone(&make()).await;
    many_keys(&make()).await;
    many_at_once(&make()).await;
    explains(&make()).await;
    notes(&make()).await;
    claims_end(&make()).await;
    runs_begin_and_end(&make()).await;
    values_that_flow(&make()).await;
    racing_puts(&make());
    races_of_everything(&make());
}

/// An artifact with `bytes` and every field of its metadata different from all others.
pub(super) fn artifact(bytes: Vec<u8>) -> Artifact {
    let meta = ArtifactMeta {
        digest: Digest::of_bytes(&bytes),
        format: "postcard".to_owned(),
        extension: "bin".to_owned(),
        shape: key("shape"),
        size: bytes.len() as u64,
        created: Timestamp::from_millis(946_728_000_123),
        expires: Some(Timestamp::from_millis(u64::MAX)),
        task: "naïve::Zürich::重い計算".to_owned(),
        fingerprint: key("fingerprint"),
        took: Duration::new(u64::MAX, 999_999_999),
        record: Some(key("record")),
        parts: vec![
            KeyPart::new("größe", key("first part")),
            KeyPart::new("", key("second part")),
            KeyPart {
                kind: PartKind::ExcludedArtifact,
                shown: "窓 🪟\0\n\"\\".to_owned(),
                ..KeyPart::new("窓 🪟\0\n\"\\", key("third part"))
            },
        ],
    };
    Artifact { meta, bytes }
}

/// Puts an artifact that the store has to keep.
pub(super) async fn put_kept(
    rule: &str,
    store: &impl CacheStore,
    key: &Digest,
    artifact: &Artifact,
) {
    same(rule, "`put`", &ok(rule, "put", store.put(key, artifact).await), &Put::Kept);
}

/// The same on a thread without a runtime.
fn put_now(rule: &str, store: &impl CacheStore, key: &Digest, artifact: &Artifact) {
    block_on(put_kept(rule, store, key, artifact));
}

async fn notes(store: &impl CacheStore) {
    let rule = "rule 13, notes may be missing and are never wrong";
    let (name, other) = (key("a note"), key("another note"));
    let before = ok(rule, "noted", store.noted(&name).await);
    same(rule, "`noted` of what nobody has noted", &before, &None);
    for bytes in [&b"first"[..], b"second", b""] {
        ok(rule, "note", store.note(&name, bytes).await);
        for ended in [false, true] {
            if ended {
                ok(rule, "end_run", store.end_run(&RunReport::default()).await);
            }
            let known = ok(rule, "noted", store.noted(&name).await);
            assert!(
                known.is_none() || known.as_deref() == Some(bytes),
                "{rule}: `noted` answers {known:?} of what was last noted as {bytes:?}"
            );
        }
    }
    let unknown = ok(rule, "noted", store.noted(&other).await);
    same(rule, "`noted` under another name", &unknown, &None);
}

async fn explains(store: &impl CacheStore) {
    let rule = "rule 12, what explains may be missing and is never wrong";
    let record = TaskRecord {
        task: "the task".to_owned(),
        code: vec![("helper".to_owned(), u64::MAX)],
        ..TaskRecord::default()
    };
    let unknown = ok(rule, "described", store.described(&record.id()).await);
    same(rule, "`described` of what nobody has described", &unknown, &None);
    ok(rule, "describe", store.describe(&record).await);
    let mut put = Vec::new();
    for (at, task) in ["the task", "another", "the task", "the task"].into_iter().enumerate() {
        let mut artifact = artifact(noise(10 + at, 1));
        artifact.meta.task = task.to_owned();
        put_kept(rule, store, &key(("explained", at)), &artifact).await;
        if task == "the task" {
            put.insert(0, (key(("explained", at)), artifact.meta));
        }
    }
    ok(rule, "end_run", store.end_run(&RunReport::default()).await);
    let known = ok(rule, "described", store.described(&record.id()).await);
    assert!(known.is_none() || known == Some(record), "{rule}: `described` answers {known:?}");
    let history = ok(rule, "history", store.history("the task", 2).await);
    assert!(
        history.is_empty() || history == put[..2],
        "{rule}: `history` of the last two of three answers {}",
        shown(&history)
    );
    let none = ok(rule, "history", store.history("a task without entries", 32).await);
    assert!(none.is_empty(), "{rule}: `history` of a task without entries answers {none:?}");
    let gone = put[0].0;
    ok(rule, "remove", store.remove(&gone).await);
    let fate = ok(rule, "fate", store.fate(&gone).await);
    assert!(matches!(fate, None | Some(Fate::Removed)), "{rule}: `fate` answers {fate:?}");
    let history = ok(rule, "history", store.history("the task", 2).await);
    assert!(
        history.iter().all(|(key, _)| *key != gone),
        "{rule}: `history` answers an entry that was removed"
    );
    let never = ok(rule, "fate", store.fate(&key("nobody ever put this")).await);
    same(rule, "`fate` of a key never put", &never, &None);
}

async fn absent_entries(store: &impl CacheStore) {
    let rule = "rule 4, missing is not an error";
    let key = key("nobody has put this");
    same(
        rule,
        "`head` of a key never put",
        &ok(rule, "head", store.head(&key).await),
        &Lookup::Absent,
    );
    same(
        rule,
        "`get` of a key never put",
        &ok(rule, "get", store.get(&key).await),
        &Lookup::Absent,
    );
    same(
        rule,
        "`remove` of a key never put",
        &ok(rule, "remove", store.remove(&key).await),
        &false,
    );
    ok(rule, "clear of an empty store", store.clear().await);
    assert!(!store.location().is_empty(), "rule 4, an error names the place: `location` is empty");
}

async fn answers_of_put(store: &impl CacheStore) {
    let rule = "rule 2, `put` answers what became of the artifact";
    let small = artifact(b"small".to_vec());
    let answer = ok(rule, "put", store.put(&key("small"), &small).await);
    same(rule, "`put` of five bytes into an empty store", &answer, &Put::Kept);
    let got = ok(rule, "get", store.get(&key("small")).await);
    assert!(!matches!(got, Lookup::Absent), "{rule}: what it said was kept is absent");
}

async fn round_trips(store: &impl CacheStore) {
    let rule = "rule 3, verified: what was put comes back";
    let plain = {
        let mut plain = artifact(b"plain".to_vec());
        plain.meta.expires = None;
        plain.meta.parts = Vec::new();
        plain.meta.took = Duration::ZERO;
        plain.meta.created = Timestamp::from_millis(0);
        plain.meta.task = String::new();
        plain
    };
    let sizes = [0, 1, 31, 4_000, 4_096, 65_536, 65_537, 1 << 20];
    let sized = sizes.map(|size| artifact(noise(size, 1)));
    let long_header = {
        let mut long = artifact(noise(300, 2));
        long.meta.parts = (0..2_000).map(|i| KeyPart::new(format!("part {i}"), key(i))).collect();
        long
    };
    for put in sized.into_iter().chain([plain, long_header]) {
        let key = key((put.meta.size, &put.meta.parts.len()));
        put_kept(rule, store, &key, &put).await;
        let got = ok(rule, "get", store.get(&key).await);
        same(
            rule,
            &format!("`get` after `put` of {} bytes", put.meta.size),
            &got,
            &Lookup::Found(put.clone()),
        );
        let head = ok(rule, "head", store.head(&key).await);
        same(
            "rule 3, `head` is what `get` answers",
            "the metadata",
            &head,
            &Lookup::Found(put.meta.clone()),
        );
    }
    let expired = {
        let mut expired = artifact(b"stale".to_vec());
        expired.meta.expires = Some(Timestamp::from_millis(1));
        expired
    };
    let rule = "rule 6, time is not the store's business";
    put_kept(rule, store, &key("expired"), &expired).await;
    let got = ok(rule, "get", store.get(&key("expired")).await);
    same(rule, "an entry that has expired", &got, &Lookup::Found(expired));
}

async fn puts_replace(store: &impl CacheStore) {
    let rule = "rule 2, the last put wins";
    let key = key("replaced");
    for bytes in [noise(5_000, 1), noise(10, 2), Vec::new(), noise(100_000, 3), noise(10, 2)] {
        let mut put = artifact(bytes);
        put.meta.task = format!("the task that made {}", put.meta.digest);
        put_kept(rule, store, &key, &put).await;
        let head = ok(rule, "head", store.head(&key).await);
        same(rule, "`head` after `put` over an entry", &head, &Lookup::Found(put.meta.clone()));
        let got = ok(rule, "get", store.get(&key).await);
        same(rule, "`get` after `put` over an entry", &got, &Lookup::Found(put));
    }
}

async fn wrong_artifacts_are_not_found(store: &impl CacheStore) {
    let rule = "rule 3, verified: an artifact that does not match its own metadata is never found";
    let wrong_digest = {
        let mut wrong = artifact(noise(100, 1));
        wrong.meta.digest = Digest::of_bytes(b"something else");
        wrong
    };
    let wrong_size = {
        let mut wrong = artifact(noise(100, 1));
        wrong.meta.size = 99;
        wrong
    };
    for (what, wrong) in [("digest", wrong_digest), ("size", wrong_size)] {
        let key = key(what);
        if store.put(&key, &wrong).await.is_err() {
            continue;
        }
        let got = ok(rule, "get", store.get(&key).await);
        assert!(!matches!(got, Lookup::Found(_)), "{rule}: `get` found one with a wrong {what}");
        let again = ok(rule, "get", store.get(&key).await);
        same("rule 3, what is damaged is removed", "the second `get`", &again, &Lookup::Absent);
    }
}

async fn removed_is_gone(store: &impl CacheStore) {
    let rule = "rule 8, gone means gone";
    let [kept, removed] = [key("kept"), key("removed")];
    for key in [&kept, &removed] {
        put_kept(rule, store, key, &artifact(b"value".to_vec())).await;
    }
    let before = store.removals();
    same(rule, "`remove` of an entry", &ok(rule, "remove", store.remove(&removed).await), &true);
    assert!(store.removals() != before, "{rule}: `removals` is the same after `remove`");
    same(
        rule,
        "`get` after `remove`",
        &ok(rule, "get", store.get(&removed).await),
        &Lookup::Absent,
    );
    same(
        rule,
        "`head` after `remove`",
        &ok(rule, "head", store.head(&removed).await),
        &Lookup::Absent,
    );
    same(rule, "`remove` again", &ok(rule, "remove", store.remove(&removed).await), &false);
    let other = ok(rule, "get", store.get(&kept).await);
    assert!(matches!(other, Lookup::Found(_)), "{rule}: `remove` of one key removed another");
    put_kept(rule, store, &removed, &artifact(b"again".to_vec())).await;
    let again = ok(rule, "get", store.get(&removed).await);
    same(rule, "`put` after `remove`", &again, &Lookup::Found(artifact(b"again".to_vec())));
}

async fn cleared_is_gone(store: &impl CacheStore) {
    let rule = "rule 8, gone means gone";
    let keys: Vec<_> = (0..20).map(key).collect();
    for round in 0..2 {
        for key in &keys {
            put_kept(rule, store, key, &artifact(noise(50, round))).await;
        }
        let before = store.removals();
        ok(rule, "clear", store.clear().await);
        assert!(store.removals() != before, "{rule}: `removals` is the same after `clear`");
        for key in &keys {
            same(
                rule,
                "`get` after `clear`",
                &ok(rule, "get", store.get(key).await),
                &Lookup::Absent,
            );
        }
    }
}

async fn many_keys(store: &impl CacheStore) {
    let rule = "rule 3, verified: every key has its own entry";
    let value = |i: u32| artifact(i.to_le_bytes().to_vec());
    // Keys that differ in one bit at either end are other keys, too.
    let near = |i: u32| {
        let mut bytes = [0; 32];
        let [low, high, ..] = i.to_le_bytes();
        bytes[if i.is_multiple_of(2) { 0 } else { 31 }] = low;
        bytes[1] = high;
        Digest::from_bytes(bytes)
    };
    for i in 0..1_000 {
        put_kept(rule, store, &near(i), &value(i)).await;
    }
    for i in 0..1_000 {
        let got = ok(rule, "get", store.get(&near(i)).await);
        same(rule, &format!("key {i} of 1,000"), &got, &Lookup::Found(value(i)));
    }
}

async fn many_at_once(store: &impl CacheStore) {
    let rule = "rule 9, `find` is `head` of many";
    same(rule, "`find` of no keys", &ok(rule, "find", store.find(&[]).await), &Vec::new());
    let value = |i: usize| artifact(noise(i * 97 % 40_000, 9));
    let present = |i: usize| !i.is_multiple_of(3);
    for i in (0..400).filter(|i| present(*i)) {
        put_kept(rule, store, &key(i), &value(i)).await;
    }
    // More than a statement of a data base takes, out of order, some of them twice.
    let asked: Vec<usize> = (0..5_000).map(|i| i * 31 % 400).collect();
    let keys: Vec<Digest> = asked.iter().map(key).collect();
    let found = ok(rule, "find", store.find(&keys).await);
    same(rule, "the number of answers", &found.len(), &keys.len());
    let for_use = ok(rule, "find_for_use", store.find_for_use(&keys).await);
    same(rule, "the number of answers of `find_for_use`", &for_use.len(), &keys.len());
    for ((i, whole), found) in asked.iter().zip(&found).zip(for_use) {
        let what = format!("what `find_for_use` answers of key {i}");
        let found = match (found, whole) {
            (Lookup::Found(found), Lookup::Found(whole)) => Lookup::Found(completed(found, whole)),
            (found, _) => found,
        };
        same(rule, &what, &found, whole);
    }
    for (i, found) in asked.into_iter().zip(found) {
        match found {
            Lookup::Found(Glimpse { meta, bytes }) if present(i) => {
                let Artifact { meta: expected, bytes: whole } = value(i);
                same(rule, &format!("the metadata of key {i}"), &meta, &expected);
                if let Some(bytes) = bytes {
                    same(rule, &format!("the bytes that came along with key {i}"), &bytes, &whole);
                }
            }
            Lookup::Absent if !present(i) => {}
            other => panic!("{rule}: key {i} is answered with {}", shown(&other)),
        }
    }
}

/// What `find_for_use` has found, with what it may leave out as `find` has it.
fn completed(mut found: Glimpse, whole: &Glimpse) -> Glimpse {
    let ArtifactMeta { extension, task, parts, .. } = &whole.meta;
    if found.meta.extension.is_empty() {
        found.meta.extension.clone_from(extension);
    }
    if found.meta.task.is_empty() {
        found.meta.task.clone_from(task);
    }
    if found.meta.parts.is_empty() {
        found.meta.parts.clone_from(parts);
    }
    found
}

async fn claims_end(store: &impl CacheStore) {
    let rule = "rule 10, one at a time";
    let granted = async |what: &str, key: &Digest| match ok(rule, "claim", store.claim(key).await) {
        KeyClaim::Granted(hold) => hold,
        KeyClaim::Taken { .. } => panic!("{rule}: `claim` {what} is not granted"),
    };
    let first = granted("of a key that nobody has", &key("claimed")).await;
    let other = granted("of another key", &key("claimed as well")).await;
    drop(first);
    let again = granted("of a key that was given back", &key("claimed")).await;
    // A hold ends on another thread than it began.
    race([other, again].map(|hold| move || drop(hold)));
    put_kept(rule, store, &key("claimed"), &artifact(b"made".to_vec())).await;
    drop(granted("of a key that has an entry", &key("claimed")).await);
    let got = ok(rule, "get", store.get(&key("claimed")).await);
    same(rule, "an entry after its claim", &got, &Lookup::Found(artifact(b"made".to_vec())));
}

async fn runs_begin_and_end(store: &impl CacheStore) {
    let rule = "rule 2, what was put stays after `end_run`";
    // Runs overlap, and report keys that were removed meanwhile, or never were there.
    let [first, second] = [store.begin_run(), store.begin_run()];
    put_kept(rule, store, &key("of a run"), &artifact(b"kept".to_vec())).await;
    let used = vec![key("of a run"), key("never there"), key("of a run")];
    let report = RunReport { run: first, hits: 2, misses: 1, saved: Duration::from_secs(3), used };
    ok(rule, "end_run", store.end_run(&report).await);
    ok(rule, "end_run", store.end_run(&RunReport { run: second, ..RunReport::default() }).await);
    let got = ok(rule, "get", store.get(&key("of a run")).await);
    same(rule, "`get` after `end_run`", &got, &Lookup::Found(artifact(b"kept".to_vec())));
}

fn racing_puts(store: &impl CacheStore) {
    let rule = "rule 1, whole or not at all: many threads put one key";
    let key = key("contended");
    let values: Vec<_> = (0..8).map(|i| artifact(noise(3_000 * (usize::from(i) + 1), i))).collect();
    race(values.iter().map(|value| {
        let (key, values) = (&key, &values);
        move || {
            for _ in 0..20 {
                put_now(rule, store, key, value);
                match ok(rule, "get", block_on(store.get(key))) {
                    Lookup::Found(got) => {
                        assert!(values.contains(&got), "{rule}: a reader saw a mixture")
                    }
                    other => panic!("{rule}: an entry that is always there was {other:?}"),
                }
            }
        }
    }));
    match ok(rule, "get", block_on(store.get(&key))) {
        Lookup::Found(got) => {
            assert!(values.contains(&got), "{rule}: a mixture of two puts is left")
        }
        other => panic!("{rule}: after all puts the entry is {other:?}"),
    }
}

fn races_of_everything(store: &impl CacheStore) {
    let rule = "rule 7, any thread: puts, look-ups, removals and `clear` at once";
    let value = artifact(noise(2_000, 7));
    race((0..6).map(|worker| {
        let value = &value;
        move || {
            for turn in 0..30 {
                let key = key((worker + turn) % 5);
                match (worker, turn % 10) {
                    (0, 9) => ok(rule, "clear", block_on(store.clear())),
                    (1, _) => drop(ok(rule, "remove", block_on(store.remove(&key)))),
                    (2 | 3, _) => match ok(rule, "get", block_on(store.get(&key))) {
                        Lookup::Found(got) => same(rule, "a value read meanwhile", &got, value),
                        Lookup::Absent => {}
                        Lookup::Damaged(why) => panic!("{rule}: a reader found damage: {why}"),
                    },
                    _ => put_now(rule, store, &key, value),
                }
            }
        }
    }));
    put_now(rule, store, &key("afterwards"), &value);
    let got = ok(rule, "get", block_on(store.get(&key("afterwards"))));
    same(rule, "a value put afterwards", &got, &Lookup::Found(value));
}
