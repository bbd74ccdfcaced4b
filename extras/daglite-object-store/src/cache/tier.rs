//! The remote entries: an object for each, and another one for a value above 16 MiB.
//!
//! ```text
//! <prefix>/v1/entries/ab/<62 digits>     what is known of a value, and the value up to 16 MiB
//! <prefix>/v1/objects/ab/<62 digits>     a larger value, by its digest
//! <prefix>/v1/records/ab/<62 digits>     what entries of a task have in common, by its digest
//! ```

use std::time::Duration;

use bytes::Bytes;
use daglite::Digest;
use daglite::store::{Artifact, ArtifactMeta, Glimpse, TaskRecord};
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use tokio::task::spawn_blocking;

use super::entry::{self, LONGEST_HEADER, Lies, PRELUDE};
use crate::place::Place;
use crate::transfer::{self, IN_ONE};
use crate::trouble::Trouble;

/// So much of an entry is read to know what it is: a small value comes along.
const PEEK: u64 = 64 << 10;

/// No record is longer.
const LONGEST_RECORD: u64 = 4 << 20;

/// How often a put tries to replace an entry that others replace as well.
const ATTEMPTS: usize = 20;

/// What is wrong with a value that is not the one that its metadata is about.
const NOT_ITS_OWN: &str =
    "it does not match its own metadata: set `size` and `digest` from its bytes";

/// What a put of an entry may do to one that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replace {
    /// Leave a younger one.
    Older,
    /// Nothing of it is of use.
    Anything,
}

/// The remote entries.
pub(super) struct Tier {
    pub(super) place: Place,
    pub(super) max_value: u64,
}

impl Tier {
    /// The store.
    fn store(&self) -> &dyn ObjectStore {
        &**self.place.store()
    }

    /// The object of `digest` among the `kind`s.
    fn object(&self, kind: &str, digest: &Digest) -> Path {
        let digits = digest.to_string();
        let (first, rest) = digits.split_at(2);
        self.place.path(["v1", kind, first, rest])
    }

    /// What is under `key`, with its value if that is small.
    pub(super) async fn peek(&self, key: &Digest) -> Result<Glimpse, Trouble> {
        let path = self.object("entries", key);
        let (mut bytes, object) = transfer::start_of(self.store(), &path, PEEK).await?;
        let prelude = entry::prelude(&bytes, key).map_err(Trouble::Wrong)?;
        if bytes.len() < prelude.header_end() {
            let end = prelude.header_end() as u64;
            bytes = transfer::start_of(self.store(), &path, end).await?.0;
        }
        let meta = entry::metadata(&bytes, &prelude).map_err(Trouble::Wrong)?;
        self.check_sizes(&prelude, &meta, object.size)?;
        let is_whole = prelude.lies() == Lies::Here && bytes.len() as u64 == object.size;
        let bytes = if is_whole {
            let value = bytes.split_off(prelude.header_end());
            Some(verified(&meta, value, None)?)
        } else {
            None
        };
        Ok(Glimpse { meta, bytes })
    }

    /// The entry under `key`, its value verified; what is known of it is told as soon as it is, since the value may take long.
    pub(super) async fn fetch(
        &self,
        key: &Digest,
        stall: Duration,
        announce: impl FnOnce(&ArtifactMeta) + Send,
    ) -> Result<Artifact, Trouble> {
        let path = self.object("entries", key);
        let most = PRELUDE as u64 + LONGEST_HEADER + IN_ONE;
        let mut announce = Some(announce);
        let mut told = |bytes: &[u8]| {
            if announce.is_some()
                && let Ok(prelude) = entry::prelude(bytes, key)
                && let Ok(meta) = entry::metadata(bytes, &prelude)
                && let Some(announce) = announce.take()
            {
                announce(&meta);
            }
        };
        let mut bytes =
            transfer::whole_watched(self.store(), &path, most, stall, &mut told).await?;
        let prelude = entry::prelude(&bytes, key).map_err(Trouble::Wrong)?;
        let meta = entry::metadata(&bytes, &prelude).map_err(Trouble::Wrong)?;
        self.check_sizes(&prelude, &meta, bytes.len() as u64)?;
        let (value, digest) = match prelude.lies() {
            // The entry was made room for as a whole: the value moves to its front.
            Lies::Here => {
                bytes.drain(..prelude.header_end());
                (bytes, None)
            }
            Lies::Apart => {
                let path = self.object("objects", &meta.digest);
                let fetched = transfer::download(self.place.store(), &path, meta.size, stall).await;
                let (value, digest) = fetched.map_err(|trouble| match trouble {
                    Trouble::Missing => Trouble::wrong("its value is missing"),
                    other => other,
                })?;
                (value, Some(digest))
            }
        };
        let bytes = verified(&meta, value, digest)?;
        Ok(Artifact { meta, bytes })
    }

    /// Refuses an entry whose parts do not have the lengths that it tells.
    fn check_sizes(
        &self,
        prelude: &entry::Prelude,
        meta: &ArtifactMeta,
        length: u64,
    ) -> Result<(), Trouble> {
        if prelude.entry_length() != length {
            let told = prelude.entry_length();
            return Err(Trouble::wrong(format!("it has {length} of {told} bytes")));
        }
        if meta.size > self.max_value {
            return Err(Trouble::wrong(format!(
                "its value has {} bytes where {} are the most",
                meta.size, self.max_value
            )));
        }
        Ok(())
    }

    /// Writes the entry under `key`; `progress` is called for each part that has arrived.
    pub(super) async fn put(
        &self,
        key: &Digest,
        meta: &ArtifactMeta,
        value: Bytes,
        replace: Replace,
        progress: &(dyn Fn() + Sync),
    ) -> Result<(), Trouble> {
        if value.len() as u64 != meta.size {
            return Err(Trouble::wrong(NOT_ITS_OWN));
        }
        let lies = if meta.size <= IN_ONE { Lies::Here } else { Lies::Apart };
        let start = entry::encode(key, meta, lies).map_err(Trouble::Wrong)?;
        let payload: PutPayload = match lies {
            Lies::Here => {
                verify(meta, &value, None).map_err(|_| Trouble::wrong(NOT_ITS_OWN))?;
                [Bytes::from(start), value].into_iter().collect()
            }
            Lies::Apart => {
                self.put_apart(meta, value, replace, progress).await?;
                Bytes::from(start).into()
            }
        };
        self.put_entry(key, meta, payload, replace).await?;
        progress();
        Ok(())
    }

    /// Writes a large value, unless it is there: equal names have equal bytes.
    async fn put_apart(
        &self,
        meta: &ArtifactMeta,
        value: Bytes,
        replace: Replace,
        progress: &(dyn Fn() + Sync),
    ) -> Result<(), Trouble> {
        let path = self.object("objects", &meta.digest);
        let (digest, bytes) = (meta.digest, value.clone());
        // While parts are on their way already.
        let hashed = spawn_blocking(move || Digest::of_bytes(&bytes) == digest);
        let sound = async {
            match hashed.await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Trouble::wrong(NOT_ITS_OWN)),
                Err(_) => Err(Trouble::failed("its digest was cut off: please report it")),
            }
        };
        if replace == Replace::Older {
            match self.store().head(&path).await {
                Ok(there) if there.size == meta.size => return sound.await,
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        transfer::upload(self.store(), &path, value, sound, progress).await
    }

    /// Writes an entry where there is none, or over one that is older.
    async fn put_entry(
        &self,
        key: &Digest,
        meta: &ArtifactMeta,
        payload: PutPayload,
        replace: Replace,
    ) -> Result<(), Trouble> {
        let path = self.object("entries", key);
        let put = async |mode| transfer::put(self.store(), &path, payload.clone(), mode).await;
        if replace == Replace::Anything {
            return put(PutMode::Overwrite).await;
        }
        let mut mode = PutMode::Create;
        for _ in 0..ATTEMPTS {
            match put(mode).await {
                Err(Trouble::Taken) => {}
                // The place cannot tell what is there; it replaces as a whole all the same.
                Err(Trouble::Unable) => return put(PutMode::Overwrite).await,
                other => return other,
            }
            match self.there(key, &path).await {
                Ok((theirs, object)) if supersedes(&theirs, meta) => {
                    drop(object);
                    return Ok(());
                }
                Ok((_, object)) => {
                    mode = PutMode::Update(UpdateVersion {
                        e_tag: object.e_tag,
                        version: object.version,
                    });
                }
                Err(Trouble::Missing) => mode = PutMode::Create,
                Err(Trouble::Wrong(_)) => return put(PutMode::Overwrite).await,
                Err(trouble) => return Err(trouble),
            }
        }
        // Among so many at once, any order is as good as another.
        put(PutMode::Overwrite).await
    }

    /// The metadata of the entry that is there, and of its object.
    async fn there(
        &self,
        key: &Digest,
        path: &Path,
    ) -> Result<(ArtifactMeta, ObjectMeta), Trouble> {
        let object = self.store().head(path).await.map_err(Trouble::from)?;
        let glimpse = self.peek(key).await?;
        Ok((glimpse.meta, object))
    }

    /// Removes the entry under `key`; answers whether there was one.
    pub(super) async fn remove(&self, key: &Digest) -> Result<bool, Trouble> {
        let path = self.object("entries", key);
        match self.store().head(&path).await.map_err(Trouble::from) {
            Ok(_) => {}
            Err(Trouble::Missing) => return Ok(false),
            Err(trouble) => return Err(trouble),
        }
        match self.store().delete(&path).await.map_err(Trouble::from) {
            Ok(()) => Ok(true),
            Err(Trouble::Missing) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// Removes every entry, value and record.
    pub(super) async fn clear(&self) -> Result<(), Trouble> {
        let root = self.place.path(["v1"]);
        let objects = self.store().list(Some(&root));
        let paths = objects.map(|object| object.map(|object| object.location)).boxed();
        let mut deleted = self.store().delete_stream(paths);
        while let Some(deleted) = deleted.next().await {
            match deleted.map_err(Trouble::from) {
                Ok(_) | Err(Trouble::Missing) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    /// Writes a record, unless it is there.
    pub(super) async fn put_record(&self, record: &TaskRecord) -> Result<(), Trouble> {
        let path = self.object("records", &record.id());
        let bytes = Bytes::from(record.to_bytes());
        match transfer::put(self.store(), &path, bytes.clone().into(), PutMode::Create).await {
            Ok(()) | Err(Trouble::Taken) => Ok(()),
            Err(Trouble::Unable) => {
                transfer::put(self.store(), &path, bytes.into(), PutMode::Overwrite).await
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// The record under `id`.
    pub(super) async fn record(&self, id: &Digest, stall: Duration) -> Result<TaskRecord, Trouble> {
        let path = self.object("records", id);
        let bytes = transfer::whole(self.store(), &path, LONGEST_RECORD, stall).await?;
        TaskRecord::from_bytes(&bytes, id).ok_or_else(|| Trouble::wrong("it is no record"))
    }

    /// Whether the place answers a question.
    pub(super) async fn answers(&self) -> Result<(), Trouble> {
        match self.store().head(&self.place.path(["v1", "probe"])).await.map_err(Trouble::from) {
            Ok(_) | Err(Trouble::Missing) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Whether the place takes an object.
    pub(super) async fn takes(&self) -> Result<(), Trouble> {
        let path = self.place.path(["v1", "probe"]);
        let said = Bytes::from_static(b"written to see whether it can be\n");
        transfer::put(self.store(), &path, said.into(), PutMode::Overwrite).await
    }
}

/// Whether the entry that is there may stay where `ours` was to be put.
fn supersedes(theirs: &ArtifactMeta, ours: &ArtifactMeta) -> bool {
    theirs == ours || theirs.created > ours.created
}

/// The value, if it is the one that `meta` is about.
fn verified(
    meta: &ArtifactMeta,
    value: Vec<u8>,
    digest: Option<Digest>,
) -> Result<Vec<u8>, Trouble> {
    verify(meta, &value, digest)?;
    Ok(value)
}

/// Refuses a value that is not the one that `meta` is about.
fn verify(meta: &ArtifactMeta, value: &[u8], digest: Option<Digest>) -> Result<(), Trouble> {
    if value.len() as u64 != meta.size {
        return Err(Trouble::wrong(format!(
            "its value has {} of {} bytes",
            value.len(),
            meta.size
        )));
    }
    if digest.unwrap_or_else(|| Digest::of_bytes(value)) != meta.digest {
        return Err(Trouble::wrong("its value does not match its digest"));
    }
    Ok(())
}
