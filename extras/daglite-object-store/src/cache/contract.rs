//! The cache store: local first, then remote, and what comes from there is kept.

use std::sync::Arc;

use bytes::Bytes;
use daglite::store::{
    Artifact, ArtifactMeta, CacheStore, Evicted, Fate, Glimpse, KeyClaim, Lookup, Put, RunReport,
    StoreFuture, TaskRecord,
};
use daglite::{Digest, store::StoreError};

use super::RemoteCache;
use super::settings::Upload;
use super::uploads::Job;

/// How many keys are looked for in one go: bounds the memory for what comes along.
const MANY: usize = 256;

impl RemoteCache {
    /// Keeps what came from the remote, unless entries were removed since there were `removals`. A local store that cannot says
    /// so itself when something is put.
    async fn keep(&self, key: &Digest, artifact: &Artifact, removals: u64) {
        if self.removals() == removals {
            let _ = self.local.put(key, artifact).await;
        }
    }

    /// Looks for the keys at `places` of `found` in the remote, and fills in what is there.
    async fn find_remote(
        &self,
        keys: &[Digest],
        places: &[usize],
        found: &mut [Lookup<Glimpse>],
    ) -> Result<(), StoreError> {
        for places in places.chunks(MANY) {
            if !self.remote.is_asked() {
                return Ok(());
            }
            let removals = self.removals();
            let asked = places.iter().map(|&at| keys[at]).collect();
            let answers = self.runtime.start_work(Arc::clone(&self.remote).find(asked)).await?;
            for (&at, answer) in places.iter().zip(answers) {
                if let Lookup::Found(Glimpse { meta, bytes: Some(bytes) }) = answer {
                    let artifact = Artifact { meta, bytes };
                    self.keep(&keys[at], &artifact, removals).await;
                    let Artifact { meta, bytes } = artifact;
                    found[at] = Lookup::Found(Glimpse { meta, bytes: Some(bytes) });
                } else if !matches!(answer, Lookup::Absent) {
                    found[at] = answer;
                }
            }
        }
        Ok(())
    }

    /// What is under `key` in both.
    async fn head_both(&self, key: &Digest) -> Result<Lookup<ArtifactMeta>, StoreError> {
        let found = self.local.head(key).await?;
        if matches!(found, Lookup::Found(_)) || !self.remote.is_asked() {
            return Ok(found);
        }
        let mut answer = [match found {
            Lookup::Damaged(why) => Lookup::Damaged(why),
            _ => Lookup::Absent,
        }];
        self.find_remote(std::slice::from_ref(key), &[0], &mut answer).await?;
        let [answer] = answer;
        Ok(match answer {
            Lookup::Found(glimpse) => Lookup::Found(glimpse.meta),
            Lookup::Absent => Lookup::Absent,
            Lookup::Damaged(why) => Lookup::Damaged(why),
        })
    }

    /// The entry under `key` of both.
    async fn get_both(&self, key: &Digest) -> Result<Lookup<Artifact>, StoreError> {
        let found = self.local.get(key).await?;
        if matches!(found, Lookup::Found(_)) || !self.remote.is_asked() {
            return Ok(found);
        }
        let removals = self.removals();
        let fetched = self.runtime.start_work(Arc::clone(&self.remote).fetch(*key)).await?;
        Ok(match fetched {
            Lookup::Found(artifact) => {
                self.keep(key, &artifact, removals).await;
                Lookup::Found(artifact)
            }
            Lookup::Absent => found,
            damaged => damaged,
        })
    }

    /// Puts `artifact` into the local store, and has it uploaded.
    async fn put_both(&self, key: &Digest, artifact: &Artifact) -> Result<Put, StoreError> {
        let kept = self.local.put(key, artifact).await;
        let is_shared = self.share(key, artifact).await?;
        let found_again = is_shared && self.remote.settings.access.reads();
        match kept? {
            Put::Refused(_) if found_again => Ok(Put::Kept),
            kept => Ok(kept),
        }
    }

    /// Uploads `artifact`, or has it wait for that; answers whether it is there now.
    async fn share(&self, key: &Digest, artifact: &Artifact) -> Result<bool, StoreError> {
        let is_too_large = artifact.bytes.len() as u64 > self.remote.settings.max_value;
        if !self.remote.is_written() || is_too_large {
            return Ok(false);
        }
        let (meta, value) = (artifact.meta.clone(), Bytes::copy_from_slice(&artifact.bytes));
        let job = Job::Entry { key: *key, meta, value };
        match self.remote.settings.upload {
            Upload::Background => {
                self.remote.enqueue(job);
                Ok(false)
            }
            Upload::Inline => {
                self.runtime.start_work(Arc::clone(&self.remote).upload_inline(job)).await?
            }
        }
    }
}

// All methods but `put_with` and `get_with`: what flows is gathered, as it is sent and verified whole.
impl CacheStore for RemoteCache {
    fn head<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<ArtifactMeta>> {
        Box::pin(self.head_both(key))
    }

    fn get<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Lookup<Artifact>> {
        Box::pin(self.get_both(key))
    }

    fn put<'a>(&'a self, key: &'a Digest, artifact: &'a Artifact) -> StoreFuture<'a, Put> {
        Box::pin(self.put_both(key, artifact))
    }

    fn remove<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let local = self.local.remove(key).await;
            let remote = self.runtime.start_work(Arc::clone(&self.remote).remove(*key)).await?;
            Ok(local? | remote?)
        })
    }

    fn clear<'a>(&'a self) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let local = self.local.clear().await;
            let remote = self.runtime.start_work(Arc::clone(&self.remote).clear()).await?;
            local.and(remote)
        })
    }

    fn location(&self) -> String {
        format!("{}, and {} behind it", self.local.location(), self.remote.tier.place)
    }

    fn find<'a>(&'a self, keys: &'a [Digest]) -> StoreFuture<'a, Vec<Lookup<Glimpse>>> {
        Box::pin(async move {
            let mut found = self.local.find(keys).await?;
            let is_missing = |(at, found): (usize, &Lookup<Glimpse>)| {
                (!matches!(found, Lookup::Found(_))).then_some(at)
            };
            let missing: Vec<_> = found.iter().enumerate().filter_map(is_missing).collect();
            self.find_remote(keys, &missing, &mut found).await?;
            Ok(found)
        })
    }

    /// Among the processes that share the local store.
    fn claim<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, KeyClaim> {
        self.local.claim(key)
    }

    fn begin_run(&self) -> u64 {
        self.remote.begin();
        self.local.begin_run()
    }

    fn end_run<'a>(&'a self, report: &'a RunReport) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let ended = self.local.end_run(report).await;
            if self.remote.has_uploads() {
                self.runtime.start_work(Arc::clone(&self.remote).flush()).await?;
            }
            ended
        })
    }

    fn evicted(&self) -> Evicted {
        self.local.evicted()
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = self.local.notices();
        notices.extend(self.remote.notices());
        notices
    }

    /// Of those who share the local store, as claims are. What another machine puts between a look and a claim is computed
    /// here too; to look once more would cost each computed task a round trip.
    fn changes(&self) -> u64 {
        self.local.changes()
    }

    fn removals(&self) -> u64 {
        self.local.removals().wrapping_add(self.remote.removals())
    }

    fn describe<'a>(&'a self, record: &'a TaskRecord) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            if self.remote.is_written() {
                self.remote.enqueue(Job::Record(record.clone()));
            }
            self.local.describe(record).await
        })
    }

    fn described<'a>(&'a self, id: &'a Digest) -> StoreFuture<'a, Option<TaskRecord>> {
        Box::pin(async move {
            let known = self.local.described(id).await?;
            if known.is_some() || !self.remote.is_asked() {
                return Ok(known);
            }
            let record = self.runtime.start_work(Arc::clone(&self.remote).record(*id)).await?;
            if let Some(record) = &record {
                let _ = self.local.describe(record).await;
            }
            Ok(record)
        })
    }

    fn history<'a>(
        &'a self,
        task: &'a str,
        most: usize,
    ) -> StoreFuture<'a, Vec<(Digest, ArtifactMeta)>> {
        self.local.history(task, most)
    }

    fn fate<'a>(&'a self, key: &'a Digest) -> StoreFuture<'a, Option<Fate>> {
        self.local.fate(key)
    }

    /// Of this machine's files, for instance: of no use elsewhere.
    fn note<'a>(&'a self, name: &'a Digest, bytes: &'a [u8]) -> StoreFuture<'a, ()> {
        self.local.note(name, bytes)
    }

    fn noted<'a>(&'a self, name: &'a Digest) -> StoreFuture<'a, Option<Vec<u8>>> {
        self.local.noted(name)
    }
}
