//! Every cache store of the library keeps the contract, and the suite notices one that does not.

mod store_support;

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use daglite::store::{
    Artifact, ArtifactMeta, CacheStore, Glimpse, KeyClaim, KeyHold, Lookup, Put, ReadValue,
    RunReport, StoreError, StoreFuture, WriteValue, Written,
};
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
        (Fault::RefusesAll, "rule 2, `put` answers what became of the artifact"),
        (Fault::KeepsNothing, "rule 2, `put` answers what became of the artifact"),
        (Fault::CountsNoRemoval, "rule 8, gone means gone: `removals` is the same after `remove`"),
        (Fault::CountsNoClear, "rule 8, gone means gone: `removals` is the same after `clear`"),
        (Fault::FindsBackwards, "rule 9, `find` is `head` of many"),
        (Fault::FindsTooFew, "rule 9, `find` is `head` of many: the number of answers"),
        (
            Fault::ForgetsTheShape,
            "rule 9, `find` is `head` of many: what `find_for_use` answers of key",
        ),
        (Fault::FindsWrongBytes, "rule 9, `find` is `head` of many: the bytes"),
        (Fault::ClaimsForEver, "rule 10, one at a time: `claim` of a key that was given back"),
        (Fault::ClaimsAll, "rule 10, one at a time: `claim` of another key"),
        (Fault::EndForgets, "rule 2, what was put stays after `end_run`"),
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
        (Fault::NotesOnce, "rule 13, notes may be missing and are never wrong"),
        (Fault::NotesAsOne, "rule 13, notes may be missing and are never wrong"),
        (Fault::ClearsNothing, "rule 8, gone means gone"),
        (Fault::ShortKeys, "rule 3, verified: every key has its own entry"),
        (Fault::MixesThreads, "rule 1, whole or not at all"),
        (
            Fault::KeepsHalfWritten,
            "rule 14, `put_with` is `put`, and `get_with` is `get`: what was",
        ),
        (
            Fault::AnswersWrongDigest,
            "rule 14, `put_with` is `put`, and `get_with` is `get`: the digest",
        ),
        (
            Fault::HidesTheEnd,
            "rule 14, `put_with` is `put`, and `get_with` is `get`: `get_with` shows",
        ),
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
    RefusesAll,
    KeepsNothing,
    CountsNoRemoval,
    CountsNoClear,
    FindsBackwards,
    FindsTooFew,
    ForgetsTheShape,
    FindsWrongBytes,
    ClaimsForEver,
    ClaimsAll,
    EndForgets,
    NotesOnce,
    NotesAsOne,
    KeepsHalfWritten,
    AnswersWrongDigest,
    HidesTheEnd,
}

/// A sound store, broken in one way.
struct Faulty {
    fault: Fault,
    inner: MemoryStore,
    last_writer: Mutex<Option<ThreadId>>,
    claimed: Mutex<Vec<Digest>>,
    removals: AtomicU64,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            inner: MemoryStore::new(),
            last_writer: Mutex::new(None),
            claimed: Mutex::default(),
            removals: AtomicU64::new(0),
        }
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
        match self.fault {
            Fault::RefusesAll => return Ok(Put::Refused("the store is shut: open it".to_owned())),
            Fault::KeepsNothing => return Ok(Put::Kept),
            _ => {}
        }
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

    fn put_with<'a>(
        &'a self,
        key: &'a Digest,
        mut meta: ArtifactMeta,
        write: &'a mut WriteValue<'_>,
    ) -> StoreFuture<'a, Written> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            let written = write(&mut bytes);
            (meta.digest, meta.size) = (Digest::of_bytes(&bytes), bytes.len() as u64);
            let (mut digest, size) = (meta.digest, meta.size);
            if self.fault == Fault::KeepsHalfWritten || written.is_ok() {
                self.inner.put(&self.key(key), &Artifact { meta, bytes }).await?;
            }
            if self.fault == Fault::AnswersWrongDigest {
                digest = Digest::of_bytes(b"");
            }
            written.map_err(|cause| StoreError::new(cause.to_string()))?;
            Ok(Written { digest, size, put: Ok(Put::Kept) })
        })
    }

    fn get_with<'a>(
        &'a self,
        key: &'a Digest,
        read: &'a mut ReadValue<'_>,
    ) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(async move {
            Ok(match self.get_faulty(key).await? {
                Lookup::Found(Artifact { meta, bytes }) => {
                    let less = usize::from(self.fault == Fault::HidesTheEnd).min(bytes.len());
                    read(&meta, &mut &bytes[..bytes.len() - less]);
                    Lookup::Found(meta)
                }
                Lookup::Absent => Lookup::Absent,
                Lookup::Damaged(why) => Lookup::Damaged(why),
            })
        })
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        match self.fault {
            Fault::RemoveAlwaysTrue => Box::pin(async { Ok(true) }),
            Fault::RemovesNothing => {
                Box::pin(async move { Ok(self.inner.get(key).await?.found().is_some()) })
            }
            _ => {
                let counts = self.fault != Fault::CountsNoRemoval;
                self.removals.fetch_add(u64::from(counts), Ordering::SeqCst);
                Box::pin(async move { self.inner.remove(&self.key(key)).await })
            }
        }
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        match self.fault {
            Fault::ClearsNothing => Box::pin(async { Ok(()) }),
            _ => {
                let counts = self.fault != Fault::CountsNoClear;
                self.removals.fetch_add(u64::from(counts), Ordering::SeqCst);
                self.inner.clear()
            }
        }
    }

    fn note<'a>(&'a self, name: &'a Digest, bytes: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let name = if self.fault == Fault::NotesAsOne { Digest::of_bytes(b"") } else { *name };
            if self.fault == Fault::NotesOnce && self.inner.noted(&name).await?.is_some() {
                return Ok(());
            }
            self.inner.note(&name, bytes).await
        })
    }

    fn noted<'a>(&'a self, name: &'a Digest) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let name = if self.fault == Fault::NotesAsOne { Digest::of_bytes(b"") } else { *name };
            self.inner.noted(&name).await
        })
    }

    fn location(&self) -> String {
        if self.fault == Fault::NoLocation { String::new() } else { self.inner.location() }
    }

    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        Box::pin(async move {
            let keys: Vec<_> = keys.iter().map(|key| self.key(key)).collect();
            let mut found = self.inner.find(&keys).await?;
            match self.fault {
                Fault::FindsBackwards => found.reverse(),
                Fault::FindsTooFew => drop(found.pop()),
                Fault::FindsWrongBytes => {
                    for found in &mut found {
                        if let Lookup::Found(Glimpse { bytes: Some(bytes), .. }) = found {
                            bytes.push(0);
                        }
                    }
                }
                _ => {}
            }
            Ok(found)
        })
    }

    fn find_for_use<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        Box::pin(async move {
            let mut found = self.find(keys).await?;
            for found in &mut found {
                if let Lookup::Found(Glimpse { meta, .. }) = found {
                    (meta.extension, meta.task, meta.parts) = Default::default();
                    if self.fault == Fault::ForgetsTheShape {
                        meta.shape = Digest::from_bytes([0; 32]);
                    }
                }
            }
            Ok(found)
        })
    }

    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        let mut claimed = self.claimed.lock().unwrap();
        let is_claimed = match self.fault {
            Fault::ClaimsForEver => claimed.contains(key),
            Fault::ClaimsAll => !claimed.is_empty(),
            _ => false,
        };
        claimed.push(*key);
        Box::pin(async move {
            Ok(match is_claimed {
                true => KeyClaim::Taken { by: None },
                false => KeyClaim::Granted(KeyHold::nothing()),
            })
        })
    }

    fn end_run<'a>(&'a self, _: &'a RunReport) -> StoreFuture<'a, ()> {
        match self.fault {
            Fault::EndForgets => self.inner.clear(),
            _ => Box::pin(async { Ok(()) }),
        }
    }

    fn removals(&self) -> u64 {
        self.removals.load(Ordering::SeqCst)
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

/// One way in which two handles do not share a store as they should.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rift {
    None,
    OwnEntries,
    PutsLate,
    GrantsEverything,
    HoldsNothing,
    HoldsAllKeys,
    NeverGivesBack,
    SeesNothingOfTheHolder,
}

/// What two handles share.
#[derive(Default)]
struct Common {
    entries: MemoryStore,
    held: Mutex<HashSet<Digest>>,
}

/// A handle on a store that processes share.
struct Shared {
    rift: Rift,
    common: Arc<Common>,
    /// Entries that only this handle sees.
    own: Arc<MemoryStore>,
    /// What is not told to others before the run ends.
    late: Mutex<Vec<(Digest, Artifact)>>,
}

impl Shared {
    fn two(rift: Rift) -> (Self, Self) {
        let common = Arc::<Common>::default();
        let handle = || Self {
            rift,
            common: Arc::clone(&common),
            own: Arc::default(),
            late: Mutex::default(),
        };
        (handle(), handle())
    }

    fn entries(&self) -> &MemoryStore {
        match self.rift {
            Rift::OwnEntries => &self.own,
            _ => &self.common.entries,
        }
    }
}

impl CacheStore for Shared {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        self.entries().head(key)
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        self.entries().get(key)
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        match self.rift {
            Rift::PutsLate => Box::pin(async { Ok(Put::Kept) }),
            Rift::SeesNothingOfTheHolder => {
                self.late.lock().unwrap().push((*key, artifact.clone()));
                Box::pin(async { Ok(Put::Kept) })
            }
            _ => self.entries().put(key, artifact),
        }
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        self.entries().remove(key)
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        self.entries().clear()
    }

    fn location(&self) -> String {
        "two handles".to_owned()
    }

    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        let mut held = self.common.held.lock().unwrap();
        let is_taken = match self.rift {
            Rift::GrantsEverything => false,
            Rift::HoldsAllKeys => !held.is_empty(),
            _ => held.contains(key),
        };
        let claim = match self.rift {
            _ if is_taken => KeyClaim::Taken { by: None },
            Rift::HoldsNothing => KeyClaim::Granted(KeyHold::nothing()),
            rift => {
                held.insert(*key);
                let (common, key) = (Arc::clone(&self.common), *key);
                KeyClaim::Granted(KeyHold::new(move || {
                    if rift != Rift::NeverGivesBack {
                        common.held.lock().unwrap().remove(&key);
                    }
                }))
            }
        };
        Box::pin(async move { Ok(claim) })
    }

    fn end_run<'a>(&'a self, _: &'a RunReport) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let late = std::mem::take(&mut *self.late.lock().unwrap());
            for (key, artifact) in late {
                self.entries().put(&key, &artifact).await?;
            }
            Ok(())
        })
    }
}

#[test]
fn a_store_that_is_shared_as_it_should_be_passes() {
    now(conformance::shared_cache_store(|| Shared::two(Rift::None)));
}

#[test]
fn the_suite_of_shared_stores_finds_every_fault() {
    for (rift, rule) in [
        (Rift::OwnEntries, "rule 2, other processes see a put no later than `end_run` returns"),
        (Rift::PutsLate, "rule 2, other processes see a put no later than `end_run` returns"),
        (Rift::GrantsEverything, "rule 10, one at a time: two processes were granted one key"),
        (Rift::HoldsNothing, "rule 10, one at a time: the hold of a shared store"),
        (Rift::HoldsAllKeys, "rule 10, one at a time: a hold on one key keeps others"),
        (Rift::NeverGivesBack, "rule 10, one at a time: a hold that was dropped goes on"),
        (Rift::SeesNothingOfTheHolder, "rule 10, one at a time: what the other process put"),
    ] {
        let suite = conformance::shared_cache_store(|| Shared::two(rift));
        let panic = catch_unwind(AssertUnwindSafe(|| now(suite)))
            .expect_err(&format!("{rift:?} must be found"));
        let message = said(&*panic);
        assert!(message.starts_with(rule), "{rift:?} was found as: {message}");
    }
}
