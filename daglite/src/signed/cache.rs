//! A cache store with signatures: the signature is one more part of an entry's metadata.

use std::sync::atomic::Ordering;

use super::Signed;
use crate::digest::Digest;
use crate::store::{
    Artifact, ArtifactMeta, CacheStore, Evicted, Fate, Glimpse, KeyClaim, KeyPart, Lookup, Put,
    RunReport, StoreError, StoreFuture, TaskRecord,
};

/// What is signed: an entry of a cache.
const KIND: &str = "daglite cache entry v1";
/// What is signed: a note, which a wrong one could make a wrong key of.
const NOTE: &str = "daglite cache note v1";
/// The name of the part that is the signature. No parameter and no variable can be called so.
const PART: &str = "daglite signature";

impl<S: CacheStore> Signed<S> {
    /// The metadata with its signature.
    fn signed(&self, key: &Digest, meta: &ArtifactMeta) -> ArtifactMeta {
        let signature = self.key.sign(KIND, &(key, meta));
        let mut meta = meta.clone();
        meta.parts.push(KeyPart::new(PART, signature));
        meta
    }

    /// The metadata without its signature, if that is right; else what is wrong.
    fn unsigned(&self, key: &Digest, mut meta: ArtifactMeta) -> Result<ArtifactMeta, &'static str> {
        let Some(part) = meta.parts.pop_if(|part| part.name == PART) else {
            return Err("it has no signature");
        };
        match self.key.is_signed(KIND, &(key, &meta), &part.digest) {
            true => Ok(meta),
            false => Err("its signature is not that of the signing key"),
        }
    }

    /// Removes an entry that nobody with the key has put, and says so.
    async fn refuse<T>(&self, key: &Digest, why: &str) -> Lookup<T> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Lookup::Damaged(match self.inner.remove(key).await {
            Ok(_) => why.to_owned(),
            Err(error) => format!("{why}; it cannot be removed: {error}"),
        })
    }

    /// What was found, if it is signed.
    async fn check<T, U>(
        &self,
        key: &Digest,
        found: Lookup<T>,
        part: impl FnOnce(T) -> (ArtifactMeta, U),
        whole: impl FnOnce(ArtifactMeta, U) -> T,
    ) -> Lookup<T> {
        match found {
            Lookup::Found(entry) => {
                let (meta, rest) = part(entry);
                match self.unsigned(key, meta) {
                    Ok(meta) => Lookup::Found(whole(meta, rest)),
                    Err(why) => self.refuse(key, why).await,
                }
            }
            other => other,
        }
    }
}

/// What is not overridden here goes the way of the trait, through `get` and `put`, and is signed as well.
impl<S: CacheStore> CacheStore for Signed<S> {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(async move {
            let found = self.inner.head(key).await?;
            Ok(self.check(key, found, |meta| (meta, ()), |meta, ()| meta).await)
        })
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        Box::pin(async move {
            let found = self.inner.get(key).await?;
            let part = |artifact: Artifact| (artifact.meta, artifact.bytes);
            Ok(self.check(key, found, part, |meta, bytes| Artifact { meta, bytes }).await)
        })
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        Box::pin(async move {
            let Artifact { meta, bytes } = artifact;
            // A store may find it damaged only later: nothing is signed that is not so.
            if meta.size != bytes.len() as u64 || meta.digest != Digest::of_bytes(bytes) {
                return Err(StoreError::new(
                    "the artifact does not match its metadata, so it is not signed: set `size` and `digest` from its bytes",
                ));
            }
            let signed = Artifact { meta: self.signed(key, meta), bytes: bytes.clone() };
            self.inner.put(key, &signed).await
        })
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        self.inner.remove(key)
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        self.inner.clear()
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        Box::pin(async move {
            let mut all = Vec::with_capacity(keys.len());
            for (key, found) in keys.iter().zip(self.inner.find(keys).await?) {
                let part = |glimpse: Glimpse| (glimpse.meta, glimpse.bytes);
                all.push(self.check(key, found, part, |meta, bytes| Glimpse { meta, bytes }).await);
            }
            Ok(all)
        })
    }

    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        self.inner.claim(key)
    }

    fn begin_run(&self) -> u64 {
        self.inner.begin_run()
    }

    fn end_run<'a>(&'a self, report: &'a RunReport) -> StoreFuture<'a, ()> {
        self.inner.end_run(report)
    }

    fn evicted(&self) -> Evicted {
        self.inner.evicted()
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = self.inner.notices();
        match self.refused.swap(0, Ordering::Relaxed) {
            0 => {}
            refused => notices.push(format!(
                "{} had {refused} entries that are not signed with the signing key: they were not used; if others write \
                 there without the key, find out who",
                self.inner.location()
            )),
        }
        notices
    }

    fn changes(&self) -> u64 {
        self.inner.changes()
    }

    fn removals(&self) -> u64 {
        self.inner.removals()
    }

    fn describe<'a>(&'a self, record: &'a TaskRecord) -> StoreFuture<'a, ()> {
        self.inner.describe(record)
    }

    fn described<'a>(&'a self, id: &'a Digest) -> StoreFuture<'a, Option<TaskRecord>> {
        self.inner.described(id)
    }

    fn history<'a>(
        &'a self,
        task: &'a str,
        most: usize,
    ) -> StoreFuture<'a, Vec<(Digest, ArtifactMeta)>> {
        Box::pin(async move {
            let history = self.inner.history(task, most).await?.into_iter();
            let signed = |(key, meta)| Some((key, self.unsigned(&key, meta).ok()?));
            Ok(history.filter_map(signed).collect())
        })
    }

    fn fate<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Option<Fate>> {
        self.inner.fate(key)
    }

    fn note<'a>(&'a self, name: &'a Digest, bytes: &'a [u8]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let mut signed = self.key.sign(NOTE, &(name, bytes)).as_bytes().to_vec();
            signed.extend_from_slice(bytes);
            self.inner.note(name, &signed).await
        })
    }

    fn noted<'a>(&'a self, name: &'a Digest) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            let Some(noted) = self.inner.noted(name).await? else { return Ok(None) };
            let Some((signature, bytes)) = noted.split_first_chunk::<32>() else { return Ok(None) };
            let signature = Digest::from_bytes(*signature);
            let is_ours = self.key.is_signed(NOTE, &(name, bytes), &signature);
            Ok(is_ours.then(|| bytes.to_vec()))
        })
    }
}
