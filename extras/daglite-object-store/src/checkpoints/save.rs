//! Saves versions: the value first, and last what makes it visible; nothing is ever written over.

use std::time::Duration;

use bytes::Bytes;
use daglite::checkpoint::{CheckpointMeta, Saved, case_twins, next_version};
use daglite::store::StoreError;
use futures_util::StreamExt;
use futures_util::future::join_all;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode};

use super::browse::{Listing, ignore_missing, is_tag};
use super::load::{LONGEST_META, value_object};
use super::{META, Shelf};
use crate::transfer;
use crate::trouble::Trouble;

/// How often a save picks another version because somebody else took the one it wanted.
const ATTEMPTS: usize = 100;

/// After this time what was not finished is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(7 * 24 * 3600);

impl Shelf {
    /// Saves `bytes` as the next version of `meta.name`, unless the latest has that value.
    pub(super) async fn save(
        &self,
        mut meta: CheckpointMeta,
        bytes: Vec<u8>,
    ) -> Result<Saved, StoreError> {
        meta.check(&bytes)?;
        let mut listing = self.list(&meta.name).await?;
        if let Some(version) = self.latest_with(&meta, &listing).await {
            return Ok(Saved::Unchanged(version));
        }
        self.refuse_case_twin(&meta.name).await?;
        let bytes = Bytes::from(bytes);
        for _ in 0..ATTEMPTS {
            let newest = self.newest(&meta.name, &listing).await?;
            let newest = newest.as_deref();
            meta.version = next_version(meta.created, newest).ok_or_else(|| {
                let (name, newest) = (&meta.name, newest.unwrap_or_default());
                StoreError::new(format!(
                    "no version can follow {newest} of checkpoint `{name}`: set the clock right, and delete that version"
                ))
            })?;
            match self.publish(&meta, &bytes).await {
                Ok(()) => {
                    self.sweep(&meta, &listing).await;
                    return Ok(Saved::New(meta.version));
                }
                Err(Trouble::Taken) => {}
                Err(Trouble::Unable) => return Err(self.cannot_save(&meta.name)),
                Err(trouble) => return Err(self.failed("save", &meta.name, &trouble)),
            }
            listing = self.list(&meta.name).await?;
            // The other one may have saved the same.
            if let Some(version) = self.latest_with(&meta, &listing).await {
                return Ok(Saved::Unchanged(version));
            }
        }
        Err(self.failed("save", &meta.name, &Trouble::Taken))
    }

    /// The newest version that there is or was: a tag of a deleted one must not come to mean another.
    async fn newest(&self, name: &str, listing: &Listing) -> Result<Option<String>, StoreError> {
        let tagged = self.read_tags(name, &listing.tags).await?;
        let tagged = tagged.into_iter().map(|(_, version)| version);
        Ok(listing.newest.clone().into_iter().chain(tagged).max())
    }

    /// The latest version, if it has the value of `meta` and is sound.
    async fn latest_with(&self, meta: &CheckpointMeta, listing: &Listing) -> Option<String> {
        let latest = listing.complete.last()?;
        // A latest version that cannot be read keeps nothing: the value is saved beside it.
        let kept = self.document(&meta.name, latest).await.ok()?;
        let is_same = kept.same_value(meta);
        (is_same && self.value(&kept).await.is_ok()).then(|| latest.clone())
    }

    /// Writes the version that `meta` names; [`Trouble::Taken`] if somebody else has it.
    async fn publish(&self, meta: &CheckpointMeta, bytes: &Bytes) -> Result<(), Trouble> {
        let internal = |error: StoreError| Trouble::failed(error.to_string());
        let text = meta.to_document().map_err(internal)?;
        if text.len() as u64 > LONGEST_META {
            return Err(Trouble::failed("its metadata is above 16 MiB: make its notes shorter"));
        }
        let folder = self.folder(&meta.name, &meta.version).map_err(internal)?;
        let (store, value) = (&**self.place.store(), value_object(folder.clone(), meta));
        if bytes.len() as u64 <= transfer::IN_ONE {
            transfer::put(store, &value, bytes.clone().into(), PutMode::Create).await?;
        } else {
            // Uploads in parts know no conditions: an empty object takes the place for them.
            transfer::put(store, &value, Bytes::new().into(), PutMode::Create).await?;
            // The metadata comes last, and was compared with the bytes.
            let sound = std::future::ready(Ok(()));
            let uploaded = transfer::upload(store, &value, bytes.clone(), sound, &|| ()).await;
            if let Err(trouble) = uploaded {
                let _ = store.delete(&value).await;
                return Err(trouble);
            }
        }
        let path = folder.join(META);
        match transfer::put(store, &path, text.clone().into(), PutMode::Create).await {
            Ok(()) => Ok(()),
            Err(trouble) => self.settle(meta, &text, &path, &value, trouble).await,
        }
    }

    /// Finds out whether metadata that was not acknowledged is there all the same, and gives up what is not.
    async fn settle(
        &self,
        meta: &CheckpointMeta,
        text: &str,
        path: &Path,
        value: &Path,
        trouble: Trouble,
    ) -> Result<(), Trouble> {
        let store = &**self.place.store();
        let stall = Duration::from_secs(10);
        match transfer::whole(store, path, LONGEST_META, stall).await {
            // A request that was repeated found its own work.
            Ok(there) if there == text.as_bytes() => Ok(()),
            Ok(_) => {
                // Somebody else has the version, with a value of another extension: ours is nobody's.
                let theirs = self.document(&meta.name, &meta.version).await;
                if theirs.is_ok_and(|theirs| theirs.extension != meta.extension) {
                    let _ = ignore_missing(store.delete(value).await);
                }
                Err(Trouble::Taken)
            }
            Err(Trouble::Missing) => {
                let _ = ignore_missing(store.delete(value).await);
                Err(trouble)
            }
            Err(_) => Err(trouble),
        }
    }

    /// An error if a checkpoint is there whose name differs from `name` in the case of letters alone.
    async fn refuse_case_twin(&self, name: &str) -> Result<(), StoreError> {
        let segments: Vec<_> = name.split('/').collect();
        let levels = (0..segments.len()).map(|level| {
            let above = self.place.path(segments[..level].iter().copied());
            async move { self.place.store().list_with_delimiter(Some(&above)).await }
        });
        for (level, found) in join_all(levels).await.into_iter().enumerate() {
            let found = match found.map_err(Trouble::from) {
                Ok(found) => found.common_prefixes,
                Err(Trouble::Missing) => continue,
                Err(trouble) => return Err(self.failed("save", name, &trouble)),
            };
            let there: Vec<_> =
                found.iter().filter_map(|path| Some((path, path.filename()?))).collect();
            let segment = segments[level];
            if there.iter().any(|(_, there)| *there == segment) {
                continue;
            }
            for (path, twin) in there.into_iter().filter(|(_, there)| case_twins(there, segment)) {
                // Some servers keep what once held something, and tags stay.
                let mut objects = self.place.store().list(Some(path));
                let mut has_some = false;
                while !has_some && let Some(object) = objects.next().await {
                    has_some = object.is_ok_and(|object| !is_tag(&object.location));
                }
                if !has_some {
                    continue;
                }
                let twin = [&segments[..level], &[twin]].concat().join("/");
                return Err(StoreError::new(format!(
                    "`{name}` cannot name a checkpoint: `{twin}` is there, which some systems take for the same name: \
                     write `{twin}`, or choose another name"
                )));
            }
        }
        Ok(())
    }

    /// Removes what was never finished, long before `saved` was. It does no harm, so nobody hears if that fails.
    async fn sweep(&self, saved: &CheckpointMeta, listing: &Listing) {
        if listing.halves.is_empty() {
            return;
        }
        let Ok(folder) = self.folder(&saved.name, &saved.version) else { return };
        // Ages by the clock that dates objects: ours may be years ahead, and somebody may be writing.
        let store = self.place.store();
        let Ok(now) = store.head(&folder.join(META)).await else { return };
        for (_, object) in &listing.halves {
            let age = now.last_modified.signed_duration_since(object.last_modified);
            if age.to_std().is_ok_and(|age| age > ABANDONED) {
                let _ = store.delete(&object.location).await;
            }
        }
    }

    /// The error for a place that cannot keep two writers apart.
    pub(super) fn cannot_save(&self, name: &str) -> StoreError {
        let place = &self.place;
        StoreError::new(format!(
            "cannot save the checkpoint `{name}` in `{place}`: it cannot write on condition that nothing is there: load \
             from it, and save to S3, GCS, Azure or a folder"
        ))
    }
}
