//! `Cache`: a store of numbered values, as the bench `store` uses all of them; and what those values are.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use daglite::clock::Timestamp;
use daglite::prelude::*;
use daglite::store::{
    Artifact, ArtifactMeta, CacheStore, KeyPart, Lookup, Put, RunReport, StoreFuture,
};
use daglite::{Digest, join_all};
use parking_lot::Mutex;

use crate::own::{file_store, session, uncached_session};

/// Keeps values by number.
pub trait Cache {
    /// Puts the value of `n`.
    fn put(&mut self, n: u64, value: Vec<u8>);

    /// The value of `n`, if it is there.
    fn hit(&mut self, n: u64) -> Option<Held>;

    /// Puts the values of `numbers`, of `size` bytes each, as fast as it can.
    fn put_all(&mut self, numbers: &[u64], size: usize) {
        numbers.iter().for_each(|n| self.put(*n, value_of(*n, size)));
    }

    /// How many of the values of `numbers` are there, and right, as fast as it can tell.
    fn hit_all(&mut self, numbers: &[u64], size: usize) -> usize {
        let right = |n: &&u64| self.hit(**n).is_some_and(|held| held.is_right(**n, size));
        numbers.iter().filter(right).count()
    }

    /// Waits until what was put is as safe as this store makes it.
    fn finish(&mut self) {}
}

/// A value that a store has answered.
pub enum Held {
    /// A copy of its own.
    Own(Vec<u8>),
    /// One that others may hold too.
    Shared(Arc<Vec<u8>>),
    /// Only what stands for it.
    Digest(Digest),
}

impl Held {
    /// Whether it is the value of `n`.
    pub fn is_right(&self, n: u64, size: usize) -> bool {
        match self {
            Self::Own(bytes) => is_value_of(bytes, n, size),
            Self::Shared(bytes) => is_value_of(bytes, n, size),
            Self::Digest(digest) => *digest == Digest::of_bytes(&value_of(n, size)),
        }
    }
}

/// Eight bytes of the value of `n`: no two values are alike, and none can be compressed.
fn word(n: u64, at: u64) -> [u8; 8] {
    let mut mixed = (n << 32 | at).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).to_le_bytes()
}

/// The value of `n`; `size` is a multiple of eight.
pub fn value_of(n: u64, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size);
    (0..size as u64 / 8).for_each(|at| bytes.extend_from_slice(&word(n, at)));
    bytes
}

/// Whether `bytes` are the value of `n`.
fn is_value_of(bytes: &[u8], n: u64, size: usize) -> bool {
    bytes.len() == size && bytes.chunks(8).zip(0..).all(|(chunk, at)| chunk == word(n, at))
}

/// How often the body of `value` has run in this process: not at all, if all calls were hits.
static COMPUTED: AtomicU64 = AtomicU64::new(0);

/// What the next body of `value` returns, if its making is not to be measured.
static PREPARED: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// What every entry is the result of.
#[task(cache)]
fn value(n: u64, size: u64) -> Vec<u8> {
    COMPUTED.fetch_add(1, Ordering::Relaxed);
    let prepared = if size > 4096 { PREPARED.lock().take() } else { None };
    prepared.unwrap_or_else(|| value_of(n, usize::try_from(size).expect("it fits in memory")))
}

/// daglite as people use it: calls of a task.
pub struct Runs {
    session: Session,
    /// The bytes of a value: an argument of the task.
    size: u64,
}

impl Runs {
    /// Calls that are cached in `folder`.
    pub fn open(folder: &Path, size: usize) -> Self {
        Self { session: session(file_store(folder), folder), size: size as u64 }
    }

    /// Calls that are not cached.
    pub fn uncached(folder: &Path, size: usize) -> Self {
        Self { session: uncached_session(folder), size: size as u64 }
    }

    /// Calls of `value` with all `numbers`, one graph.
    fn graph(&self, numbers: &[u64]) -> TaskFuture<Vec<Vec<u8>>> {
        join_all(numbers.iter().map(|n| value(*n, self.size)))
    }

    /// Panics if the session's summary says that one of the calls with `numbers` was not a hit.
    pub fn check(&self, numbers: &[u64]) {
        let outcome = self.graph(numbers).outcome_in(&self.session).expect("values can be made");
        let summary = outcome.summary;
        let hits = usize::try_from(summary.hits).expect("no more than there are calls");
        assert_eq!((hits, summary.computed), (numbers.len(), 0), "not all calls were hits");
    }
}

impl Cache for Runs {
    fn put(&mut self, n: u64, made: Vec<u8>) {
        let before = COMPUTED.load(Ordering::Relaxed);
        *PREPARED.lock() = Some(made);
        let result = value(n, self.size).run_shared_in(&self.session);
        result.expect("values can be made");
        assert_eq!(COMPUTED.load(Ordering::Relaxed), before + 1, "there was an entry already");
    }

    fn hit(&mut self, n: u64) -> Option<Held> {
        let before = COMPUTED.load(Ordering::Relaxed);
        let held = value(n, self.size).run_shared_in(&self.session).expect("values can be made");
        (COMPUTED.load(Ordering::Relaxed) == before).then_some(Held::Shared(held))
    }

    fn put_all(&mut self, numbers: &[u64], _: usize) {
        let before = COMPUTED.load(Ordering::Relaxed);
        let values = self.graph(numbers).run_in(&self.session).expect("values can be made");
        let computed = COMPUTED.load(Ordering::Relaxed) - before;
        assert_eq!((values.len() as u64, computed), (numbers.len() as u64, numbers.len() as u64));
    }

    fn hit_all(&mut self, numbers: &[u64], size: usize) -> usize {
        let before = COMPUTED.load(Ordering::Relaxed);
        let values = self.graph(numbers).run_in(&self.session).expect("values can be made");
        assert_eq!(COMPUTED.load(Ordering::Relaxed), before, "not all calls were hits");
        numbers.iter().zip(&values).filter(|(n, bytes)| is_value_of(bytes, **n, size)).count()
    }
}

/// Which method of the store answers.
#[derive(Clone, Copy)]
pub enum By {
    /// `head`: the metadata alone.
    Head,
    /// `get`: the value, verified.
    Get,
    /// `find`: many at once; if a value did not come along, `get`.
    Find,
}

/// daglite's store as the engine uses it: digests, metadata and bytes, without tasks.
pub struct Store {
    store: FileStore,
    by: By,
}

impl Store {
    /// The store in `folder`.
    pub fn open(folder: &Path, by: By) -> Self {
        let store = file_store(folder);
        store.begin_run();
        Self { store, by }
    }
}

/// The key of `n`.
pub fn key(n: u64) -> Digest {
    Digest::of_bytes(&n.to_le_bytes())
}

/// What a store answers that does its work inside the call.
pub fn now<T>(mut future: StoreFuture<'_, T>) -> T {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer.expect("a folder of our own can be used"),
        Poll::Pending => panic!("a store of files answers within the call"),
    }
}

/// What the engine would have put for a task of two arguments.
fn artifact(bytes: Vec<u8>) -> Artifact {
    let digest = Digest::of_bytes(&bytes);
    let part = |name: &str| KeyPart::new(name, digest);
    let meta = ArtifactMeta {
        digest,
        format: "raw".to_owned(),
        extension: "bin".to_owned(),
        shape: Digest::from_bytes([1; 32]),
        size: bytes.len() as u64,
        created: Timestamp::from_millis(1_800_000_000_000),
        expires: None,
        task: "daglite_benches::cache::value".to_owned(),
        fingerprint: Digest::from_bytes([2; 32]),
        took: Duration::from_micros(1),
        record: None,
        parts: vec![part("n"), part("size")],
    };
    Artifact { meta, bytes }
}

impl Cache for Store {
    fn put(&mut self, n: u64, value: Vec<u8>) {
        let put = now(self.store.put(&key(n), &artifact(value)));
        assert_eq!(put, Put::Kept);
    }

    fn hit(&mut self, n: u64) -> Option<Held> {
        let key = key(n);
        match self.by {
            By::Head => now(self.store.head(&key)).found().map(|meta| Held::Digest(meta.digest)),
            By::Get => now(self.store.get(&key)).found().map(|found| Held::Own(found.bytes)),
            By::Find => {
                let found = now(self.store.find(&[key])).pop().and_then(Lookup::found)?;
                let bytes = found.bytes;
                bytes.or_else(|| Some(now(self.store.get(&key)).found()?.bytes)).map(Held::Own)
            }
        }
    }

    fn hit_all(&mut self, numbers: &[u64], size: usize) -> usize {
        if !matches!(self.by, By::Find) {
            let right = |n: &&u64| self.hit(**n).is_some_and(|held| held.is_right(**n, size));
            return numbers.iter().filter(right).count();
        }
        let keys: Vec<Digest> = numbers.iter().map(|n| key(*n)).collect();
        let found = now(self.store.find(&keys)).into_iter().zip(numbers).zip(&keys);
        let right = found.filter_map(|((lookup, n), key)| {
            let bytes = lookup.found()?.bytes;
            let bytes = bytes.or_else(|| Some(now(self.store.get(key)).found()?.bytes))?;
            is_value_of(&bytes, *n, size).then_some(())
        });
        right.count()
    }

    fn finish(&mut self) {
        now(self.store.end_run(&RunReport::default()));
        self.store.begin_run();
    }
}
