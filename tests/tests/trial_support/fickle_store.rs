//! A store in memory that fails now and then, or plays the part of one that other processes share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use daglite::Digest;
use daglite::store::{
    Artifact, ArtifactMeta, CacheStore, Glimpse, KeyClaim, KeyHold, Lookup, MemoryStore, Put,
    StoreError, StoreFuture,
};
use daglite_tests::random::Random;

/// The store; a clone is the same one.
#[derive(Clone)]
pub(crate) struct Fickle(Arc<Inner>);

struct Inner {
    store: MemoryStore,
    seed: u64,
    /// How many questions there were.
    asked: AtomicU64,
    /// Whether it fails.
    fails: AtomicBool,
    /// Whether other processes are at some keys.
    is_shared: bool,
    /// How often each key was claimed.
    claimed: Mutex<HashMap<Digest, u8>>,
    puts: AtomicU64,
}

/// What a question comes to.
enum Luck {
    Good,
    Error,
    Odd,
}

impl Fickle {
    /// A store that fails by `seed`, or never.
    pub(crate) fn new(seed: u64, fails: bool, is_shared: bool) -> Self {
        Self(Arc::new(Inner {
            store: MemoryStore::new(),
            seed,
            asked: AtomicU64::new(0),
            fails: AtomicBool::new(fails),
            is_shared,
            claimed: Mutex::default(),
            puts: AtomicU64::new(0),
        }))
    }

    /// Never fails again.
    pub(crate) fn calm(&self) {
        self.0.fails.store(false, Ordering::SeqCst);
    }

    /// How many results it was given.
    pub(crate) fn puts(&self) -> u64 {
        self.0.puts.load(Ordering::SeqCst)
    }

    fn luck(&self) -> Luck {
        let asked = self.0.asked.fetch_add(1, Ordering::SeqCst);
        if !self.0.fails.load(Ordering::SeqCst) {
            return Luck::Good;
        }
        match Random::new(self.0.seed ^ asked).below(12) {
            0 | 1 => Luck::Error,
            2 => Luck::Odd,
            _ => Luck::Good,
        }
    }
}

fn broken<'a, T>() -> StoreFuture<'a, T> {
    Box::pin(async { Err(StoreError::new("the disk is gone: look for it")) })
}

fn damaged<'a, T: Send + 'a>() -> StoreFuture<'a, Lookup<T>> {
    Box::pin(async { Ok(Lookup::Damaged("a bit has flipped".into())) })
}

impl CacheStore for Fickle {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        match self.luck() {
            Luck::Good => self.0.store.head(key),
            Luck::Error => broken(),
            Luck::Odd => damaged(),
        }
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        match self.luck() {
            Luck::Good => self.0.store.get(key),
            Luck::Error => broken(),
            Luck::Odd => damaged(),
        }
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        let luck = self.luck();
        Box::pin(async move {
            let put = match luck {
                Luck::Good => self.0.store.put(key, artifact).await,
                Luck::Error => broken().await,
                Luck::Odd => Ok(Put::Refused("not today".into())),
            };
            self.0.puts.fetch_add(1, Ordering::SeqCst);
            put
        })
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        match self.luck() {
            Luck::Error => broken(),
            _ => self.0.store.remove(key),
        }
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        self.0.store.clear()
    }

    fn location(&self) -> String {
        "a fickle store".into()
    }

    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        match self.luck() {
            Luck::Good => self.0.store.find(keys),
            Luck::Error => broken(),
            Luck::Odd => {
                let odd = |_: &Digest| Lookup::Damaged("a bit has flipped".into());
                let all = keys.iter().map(odd).collect();
                Box::pin(async { Ok(all) })
            }
        }
    }

    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        if let Luck::Error = self.luck() {
            return broken();
        }
        let mut claimed = self.0.claimed.lock().unwrap();
        let times = claimed.entry(*key).or_default();
        *times = times.saturating_add(1);
        let is_taken = self.0.is_shared && *times <= key.as_bytes()[7] % 4;
        Box::pin(async move {
            Ok(match is_taken {
                true => KeyClaim::Taken { by: None },
                false => KeyClaim::Granted(KeyHold::nothing()),
            })
        })
    }

    fn removals(&self) -> u64 {
        self.0.store.removals()
    }
}
