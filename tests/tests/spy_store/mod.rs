//! A store in memory that writes down what it is asked, and plays the part of a store that other processes share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use daglite::Digest;
use daglite::store::{
    Artifact, ArtifactMeta, CacheStore, Glimpse, KeyClaim, KeyHold, Lookup, MemoryStore, Put,
    RunReport, StoreError, StoreFuture,
};

/// What other processes do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Claims {
    /// There are none.
    #[default]
    Alone,
    /// They leave every key to us.
    Free,
    /// Process 4711 is computing every key.
    Taken,
    /// They are computing some keys when those are asked for first, and leave them to us later.
    Sometimes,
    /// Nobody can tell.
    Fails,
    /// Asking is a bug of the store.
    Panics,
}

/// What the store was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Calls of `find`.
    pub(crate) finds: usize,
    /// Keys in them.
    pub(crate) keys: usize,
    /// Calls of `get`.
    pub(crate) gets: usize,
    /// Calls of `claim`.
    pub(crate) claims: usize,
    /// Calls of `changes`.
    pub(crate) changes: usize,
    /// Calls of `begin_run`.
    pub(crate) begins: usize,
    /// Reports of `end_run`, and the threads that brought them.
    pub(crate) ends: Vec<(RunReport, ThreadId)>,
    /// Whether each hold was given back with an entry in the store.
    pub(crate) given_back: Vec<bool>,
}

/// Called with each key that is claimed.
type OnClaim = Box<dyn Fn(&Digest) + Send + Sync>;

/// The store.
#[derive(Default)]
pub(crate) struct Spy {
    pub(crate) inner: Arc<MemoryStore>,
    seen: Mutex<Seen>,
    claims: Mutex<Claims>,
    asked: Mutex<HashMap<Digest, u8>>,
    on_claim: Mutex<Option<OnClaim>>,
    /// Called once, when the next entry is in the store and its put has not returned.
    pub(crate) after_put: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    pub(crate) notices: Mutex<Vec<String>>,
    pub(crate) end_fails: AtomicBool,
    pub(crate) find_fails: AtomicBool,
    pub(crate) find_forgets_one: AtomicBool,
    pub(crate) refuses: AtomicBool,
    /// How many entries other processes have put; each answer is another number as long as it is zero.
    pub(crate) put_by_others: AtomicU64,
    pub(crate) ended: AtomicUsize,
}

impl Spy {
    pub(crate) fn new(claims: Claims) -> Arc<Self> {
        Arc::new(Self { claims: Mutex::new(claims), ..Self::default() })
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn forget_seen(&self) {
        *self.seen.lock().unwrap() = Seen::default();
    }

    pub(crate) fn set(&self, claims: Claims) {
        *self.claims.lock().unwrap() = claims;
    }

    pub(crate) fn on_claim(&self, call: impl Fn(&Digest) + Send + Sync + 'static) {
        *self.on_claim.lock().unwrap() = Some(Box::new(call));
    }

    /// Whether `key` was asked for less often than it says itself.
    fn is_early(&self, key: &Digest) -> bool {
        let mut asked = self.asked.lock().unwrap();
        let times = asked.entry(*key).or_default();
        *times += 1;
        *times <= key.as_bytes()[7] % 4
    }

    fn claim_now(self: &Arc<Self>, key: &Digest) -> Result<KeyClaim, StoreError> {
        self.seen.lock().unwrap().claims += 1;
        if let Some(call) = &*self.on_claim.lock().unwrap() {
            call(key);
        }
        let claims = *self.claims.lock().unwrap();
        match claims {
            Claims::Alone => Ok(KeyClaim::Granted(KeyHold::nothing())),
            Claims::Taken => Ok(KeyClaim::Taken { by: Some(4711) }),
            Claims::Fails => Err(StoreError::new("the folder `locks` is gone: make it again")),
            Claims::Panics => panic!("a bug of the store"),
            Claims::Sometimes if self.is_early(key) => Ok(KeyClaim::Taken { by: None }),
            Claims::Free | Claims::Sometimes => {
                let (spy, key) = (Arc::clone(self), *key);
                Ok(KeyClaim::Granted(KeyHold::new(move || {
                    let there = now(spy.inner.head(&key)).unwrap().found().is_some();
                    spy.seen.lock().unwrap().given_back.push(there);
                })))
            }
        }
    }
}

/// What a session is given: the store itself stays with the test.
pub(crate) struct Handle(pub(crate) Arc<Spy>);

impl CacheStore for Handle {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        self.0.inner.head(key)
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        self.0.seen.lock().unwrap().gets += 1;
        self.0.inner.get(key)
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        if self.0.refuses.load(Ordering::SeqCst) {
            return Box::pin(async { Ok(Put::Refused("too large for this test".into())) });
        }
        Box::pin(async move {
            let put = self.0.inner.put(key, artifact).await;
            let call = self.0.after_put.lock().unwrap().take();
            if let Some(call) = call {
                call();
            }
            put
        })
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        self.0.inner.remove(key)
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        self.0.inner.clear()
    }

    fn location(&self) -> String {
        "the spy".into()
    }

    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        {
            let mut seen = self.0.seen.lock().unwrap();
            seen.finds += 1;
            seen.keys += keys.len();
        }
        Box::pin(async move {
            if keys.len() > 1 && self.0.find_fails.load(Ordering::SeqCst) {
                return Err(StoreError::new("too many at once: ask for one"));
            }
            let mut found = self.0.inner.find(keys).await?;
            if keys.len() > 1 && self.0.find_forgets_one.load(Ordering::SeqCst) {
                found.remove(0);
            }
            Ok(found)
        })
    }

    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        let claim = self.0.claim_now(key);
        Box::pin(async move { claim })
    }

    fn begin_run(&self) -> u64 {
        let mut seen = self.0.seen.lock().unwrap();
        seen.begins += 1;
        seen.begins as u64
    }

    fn end_run<'a>(&'a self, report: &'a RunReport) -> StoreFuture<'a, ()> {
        let end = (report.clone(), thread::current().id());
        self.0.seen.lock().unwrap().ends.push(end);
        Box::pin(async move {
            // As long as a disk takes: whoever returns without waiting is seen.
            thread::sleep(Duration::from_millis(5));
            self.0.ended.fetch_add(1, Ordering::SeqCst);
            match self.0.end_fails.load(Ordering::SeqCst) {
                true => Err(StoreError::new("the disk is full: make room")),
                false => Ok(()),
            }
        })
    }

    fn notices(&self) -> Vec<String> {
        std::mem::take(&mut self.0.notices.lock().unwrap())
    }

    fn changes(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1 << 32);
        self.0.seen.lock().unwrap().changes += 1;
        match self.0.put_by_others.load(Ordering::SeqCst) {
            0 => NEXT.fetch_add(1, Ordering::SeqCst),
            counted => counted,
        }
    }

    fn removals(&self) -> u64 {
        self.0.inner.removals()
    }
}

/// The answer of a store that is always ready.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("this store never waits"),
    }
}

/// What `body` returns; a panic if it does not within twenty seconds.
pub(crate) fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(body()));
    receive.recv_timeout(Duration::from_secs(20)).expect("it hangs, or it panicked")
}

/// Waits until `holds`; a panic if that takes longer than ten seconds.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        thread::yield_now();
    }
}
