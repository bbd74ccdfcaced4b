//! The suite of cache stores that several processes share: what one handle does, another one sees.

use std::time::{Duration, Instant};

use super::cache::{artifact, put_kept};
use super::{key, ok, race, same};
use crate::digest::Digest;
use crate::store::{CacheStore, KeyClaim, KeyHold, Lookup, RunReport};

/// How long another process may take to see what has happened.
const SOON: Duration = Duration::from_secs(5);

/// Tests what [`CacheStore`]'s contract says of stores that processes share, on the pairs of handles that `make` makes:
/// two on one store, fresh and empty each time, that know of each other no more than two processes would.
///
/// A store that tells processes apart by their numbers needs handles in two processes: for it, this suite proves nothing.
///
/// ```
/// use std::sync::Arc;
/// use daglite::{CacheStore, MemoryStore, conformance};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // A store of one process: it shares entries, and grants every claim.
/// let two = || {
///     let one = Arc::new(MemoryStore::new());
///     (Arc::clone(&one), one)
/// };
/// let suite = tokio::spawn(async move { conformance::shared_cache_store(two).await });
/// assert!(suite.await.is_err());
/// # }
/// ```
///
/// # Panics
///
/// The store breaks the contract; the message names the rule.
pub async fn shared_cache_store<S: CacheStore>(make: impl Fn() -> (S, S)) {
    let (one, two) = make();
    entries_are_seen(&one, &two).await;
    let (one, two) = make();
    claims_exclude(&one, &two).await;
    let (one, two) = make();
    one_of_many_is_granted(&one, &two);
}

async fn entries_are_seen(one: &impl CacheStore, two: &impl CacheStore) {
    let rule = "rule 2, other processes see a put no later than `end_run` returns";
    one.begin_run();
    put_kept(rule, one, &key("seen"), &artifact(b"first".to_vec())).await;
    ok(rule, "end_run", one.end_run(&RunReport::default()).await);
    let got = ok(rule, "get", two.get(&key("seen")).await);
    same(rule, "the other handle's `get`", &got, &Lookup::Found(artifact(b"first".to_vec())));

    put_kept(rule, two, &key("seen"), &artifact(b"second".to_vec())).await;
    ok(rule, "end_run", two.end_run(&RunReport::default()).await);
    let got = ok(rule, "get", one.get(&key("seen")).await);
    same(
        rule,
        "`get` after the other handle's `put`",
        &got,
        &Lookup::Found(artifact(b"second".to_vec())),
    );

    let rule = "rule 8, gone means gone, in other processes too";
    same(rule, "`remove`", &ok(rule, "remove", one.remove(&key("seen")).await), &true);
    let got = ok(rule, "get", two.get(&key("seen")).await);
    same(rule, "the other handle's `get` after `remove`", &got, &Lookup::Absent);
}

/// The hold, if the claim is granted.
async fn claim(rule: &str, store: &impl CacheStore, key: &Digest) -> Option<KeyHold> {
    match ok(rule, "claim", store.claim(key).await) {
        KeyClaim::Granted(hold) => Some(hold),
        KeyClaim::Taken { .. } => None,
    }
}

async fn claims_exclude(one: &impl CacheStore, two: &impl CacheStore) {
    let rule = "rule 10, one at a time";
    let made = artifact(b"made".to_vec());
    for round in 0..3 {
        let key = key(("contended", round));
        let hold = claim(rule, one, &key).await;
        let hold = hold.unwrap_or_else(|| panic!("{rule}: a free key is not granted"));
        assert!(!hold.is_nothing(), "{rule}: the hold of a shared store is a hold of nothing");
        let second = claim(rule, two, &key).await;
        assert!(second.is_none(), "{rule}: two processes were granted one key");
        let free = claim(rule, two, &super::key("free")).await;
        assert!(free.is_some(), "{rule}: a hold on one key keeps others from another key");
        put_kept(rule, one, &key, &made).await;
        drop(hold);
        let deadline = Instant::now() + SOON;
        let granted = loop {
            if let Some(hold) = claim(rule, two, &key).await {
                break hold;
            }
            assert!(Instant::now() < deadline, "{rule}: a hold that was dropped goes on");
            std::thread::sleep(Duration::from_millis(1));
        };
        // Else whoever waited would compute it again.
        let got = ok(rule, "get", two.get(&key).await);
        let what = "what the other process put before its hold ended";
        same(rule, what, &got, &Lookup::Found(made.clone()));
        drop(granted);
    }
}

/// Many threads of both handles claim one key: never do two have it at once.
fn one_of_many_is_granted(one: &impl CacheStore, two: &impl CacheStore) {
    let rule = "rule 10, one at a time: two handles claim one key again and again";
    let key = key("raced for");
    let held = std::sync::atomic::AtomicUsize::new(0);
    let (key, held) = (&key, &held);
    let turn = move |hold: Option<KeyHold>| {
        use std::sync::atomic::Ordering::SeqCst;
        if let Some(hold) = hold {
            assert_eq!(held.fetch_add(1, SeqCst), 0, "{rule}: both have it");
            std::thread::yield_now();
            held.fetch_sub(1, SeqCst);
            drop(hold);
        }
    };
    let first = move || (0..200).for_each(|_| turn(super::block_on(claim(rule, one, key))));
    let second = move || (0..200).for_each(|_| turn(super::block_on(claim(rule, two, key))));
    race([Box::new(first) as Box<dyn FnOnce() + Send>, Box::new(second)]);
}
