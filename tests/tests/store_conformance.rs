//! Every cache store of the library keeps the contract, and the suite notices one that does not.

mod store_support;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use daglite::store::{Artifact, ArtifactMeta, CacheStore, Lookup, Put, StoreError, StoreFuture};
use daglite::{Digest, MemoryStore, conformance};
use daglite_tests::said;
use store_support::{now, open, open_index};

#[test]
fn the_memory_store_keeps_the_contract() {
    now(conformance::cache_store(MemoryStore::new));
}

#[test]
fn the_file_store_keeps_the_contract_with_an_index_and_with_files() {
    for open in [open, open_index] {
        let folder = tempfile::tempdir().unwrap();
        let made = Cell::new(0);
        now(conformance::cache_store(|| {
            made.set(made.get() + 1);
            open(&folder.path().join(made.get().to_string()))
        }));
    }
}

#[test]
fn a_shared_store_keeps_the_contract() {
    now(conformance::cache_store(|| Arc::new(MemoryStore::new()) as Arc<dyn CacheStore>));
}

#[test]
fn a_store_that_waits_on_another_thread_keeps_the_contract() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(conformance::cache_store(|| Faulty::new(Fault::None)));
}

#[test]
fn the_suite_finds_every_fault() {
    for (fault, rule) in [
        (Fault::ErrorWhenAbsent, "rule 4, missing is not an error"),
        (Fault::RemoveAlwaysTrue, "rule 4, missing is not an error"),
        (Fault::NoLocation, "rule 4, an error names the place"),
        (Fault::LosesParts, "rule 3, verified: what was put comes back"),
        (Fault::LosesLastByte, "rule 3, verified: what was put comes back"),
        (Fault::HeadDiffers, "rule 3, `head` is what `get` answers"),
        (Fault::HidesExpired, "rule 6, time is not the store's business"),
        (Fault::FirstPutWins, "rule 2, the last put wins"),
        (Fault::Trusts, "rule 3, verified: an artifact that does not match"),
        (Fault::RemovesNothing, "rule 8, gone means gone"),
        (Fault::ClearsNothing, "rule 8, gone means gone"),
        (Fault::ShortKeys, "rule 3, verified: every key has its own entry"),
        (Fault::MixesThreads, "rule 1, whole or not at all"),
    ] {
        let suite = conformance::cache_store(|| Faulty::new(fault));
        let panic = catch_unwind(AssertUnwindSafe(|| now(suite)))
            .expect_err(&format!("{fault:?} must be found"));
        let message = said(&*panic);
        assert!(message.starts_with(rule), "{fault:?} was found as: {message}");
    }
}

/// One way to break the contract.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    ErrorWhenAbsent,
    RemoveAlwaysTrue,
    NoLocation,
    LosesParts,
    LosesLastByte,
    HeadDiffers,
    HidesExpired,
    FirstPutWins,
    Trusts,
    RemovesNothing,
    ClearsNothing,
    ShortKeys,
    MixesThreads,
}

/// A sound store, broken in one way.
struct Faulty {
    fault: Fault,
    inner: MemoryStore,
    last_writer: Mutex<Option<ThreadId>>,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self { fault, inner: MemoryStore::new(), last_writer: Mutex::new(None) }
    }

    fn key(&self, key: &Digest) -> Digest {
        let mut bytes = *key.as_bytes();
        if self.fault == Fault::ShortKeys {
            bytes[31] = 0;
        }
        Digest::from_bytes(bytes)
    }

    async fn get_faulty(&self, key: &Digest) -> Result<Lookup<Artifact>, StoreError> {
        let mut found = match self.inner.get(&self.key(key)).await? {
            Lookup::Found(found) => found,
            Lookup::Absent if self.fault == Fault::ErrorWhenAbsent => {
                return Err(StoreError::new("not there: put it first"));
            }
            other => return Ok(other),
        };
        match self.fault {
            Fault::LosesParts => found.meta.parts.clear(),
            Fault::LosesLastByte => drop(found.bytes.pop()),
            Fault::HidesExpired if found.meta.expires.is_some_and(|time| time.millis() < 1_000) => {
                return Ok(Lookup::Absent);
            }
            _ => {}
        }
        Ok(Lookup::Found(found))
    }

    async fn put_faulty(&self, key: &Digest, artifact: &Artifact) -> Result<Put, StoreError> {
        let key = self.key(key);
        if self.fault == Fault::FirstPutWins && self.inner.get(&key).await?.found().is_some() {
            return Ok(Put::Kept);
        }
        let mut artifact = artifact.clone();
        if self.fault == Fault::MixesThreads {
            let mut last = self.last_writer.lock().unwrap();
            let me = Some(thread::current().id());
            if last.is_some() && *last != me {
                artifact.bytes.truncate(artifact.bytes.len() / 2);
                artifact.meta.size = artifact.bytes.len() as u64;
                artifact.meta.digest = Digest::of_bytes(&artifact.bytes);
            }
            *last = me;
        }
        if self.fault == Fault::Trusts {
            artifact.meta.size = artifact.bytes.len() as u64;
            artifact.meta.digest = Digest::of_bytes(&artifact.bytes);
        }
        self.inner.put(&key, &artifact).await
    }
}

impl CacheStore for Faulty {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(async move {
            Ok(match self.get_faulty(key).await? {
                Lookup::Found(mut found) => {
                    if self.fault == Fault::HeadDiffers {
                        found.meta.expires = None;
                    }
                    Lookup::Found(found.meta)
                }
                Lookup::Absent => Lookup::Absent,
                Lookup::Damaged(why) => Lookup::Damaged(why),
            })
        })
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        Box::pin(async move {
            if self.fault == Fault::None {
                let (tell, heard) = Hop::new();
                thread::spawn(tell);
                heard.await;
            }
            self.get_faulty(key).await
        })
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        Box::pin(self.put_faulty(key, artifact))
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        match self.fault {
            Fault::RemoveAlwaysTrue => Box::pin(async { Ok(true) }),
            Fault::RemovesNothing => {
                Box::pin(async move { Ok(self.inner.get(key).await?.found().is_some()) })
            }
            _ => Box::pin(async move { self.inner.remove(&self.key(key)).await }),
        }
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        match self.fault {
            Fault::ClearsNothing => Box::pin(async { Ok(()) }),
            _ => self.inner.clear(),
        }
    }

    fn location(&self) -> String {
        if self.fault == Fault::NoLocation { String::new() } else { self.inner.location() }
    }
}

/// A future that another thread completes: what a store with asynchronous I/O awaits.
struct Hop(Arc<Mutex<(bool, Option<std::task::Waker>)>>);

impl Hop {
    fn new() -> (impl FnOnce() + Send + 'static, Self) {
        let state = Arc::new(Mutex::new((false, None::<std::task::Waker>)));
        let other = Arc::clone(&state);
        let tell = move || {
            let mut state = other.lock().unwrap();
            state.0 = true;
            if let Some(waker) = state.1.take() {
                waker.wake();
            }
        };
        (tell, Self(state))
    }
}

impl Future for Hop {
    type Output = ();

    fn poll(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        let mut state = self.0.lock().unwrap();
        state.1 = Some(context.waker().clone());
        if state.0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    }
}
