//! Reads versions, and trusts nothing in them.

use std::time::Duration;

use daglite::Digest;
use daglite::checkpoint::{CheckpointMeta, Version, is_version, next_version};
use daglite::clock::Timestamp;
use daglite::store::StoreError;
use object_store::path::Path;

use super::{META, Shelf};
use crate::transfer;
use crate::trouble::Trouble;

/// No `meta.json` is longer.
pub(super) const LONGEST_META: u64 = 16 << 20;

/// How long a value may stand still on its way.
const STALL: Duration = Duration::from_secs(60);

/// Up to this size a value is read by one request.
const IN_ONE: u64 = 8 << 20;

/// How often another version is looked for because the one that was meant was deleted meanwhile.
const ATTEMPTS: usize = 5;

impl Shelf {
    /// The name of the version that is meant; an exact one as it is.
    pub(super) async fn resolve(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<Option<String>, StoreError> {
        self.above(name)?;
        match version {
            Version::Exact(version) => Ok(Some(version.clone())),
            Version::Tag(tag) => self.tagged(name, tag).await,
            Version::At(time) => {
                let mut versions = self.list(name).await?.complete;
                // Versions are moments: the first one of the next millisecond was saved later.
                let next = Timestamp::from_millis(time.millis().saturating_add(1));
                let next = next_version(next, None).unwrap_or_default();
                versions.truncate(versions.partition_point(|version| *version < next));
                Ok(versions.pop())
            }
            _ => Ok(self.list(name).await?.complete.pop()),
        }
    }

    /// The version that is meant, with its value, verified.
    pub(super) async fn load(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<Option<(CheckpointMeta, Vec<u8>)>, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(meant) = self.resolve(name, version).await? else { return Ok(None) };
            let found = self.load_exact(name, &meant).await?;
            if found.is_some() || matches!(version, Version::Exact(_)) {
                return Ok(found);
            }
        }
        Err(self.failed("load", name, &Trouble::Taken))
    }

    /// The metadata of the version that is meant.
    pub(super) async fn head(
        &self,
        name: &str,
        version: &Version,
    ) -> Result<Option<CheckpointMeta>, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(meant) = self.resolve(name, version).await? else { return Ok(None) };
            let found = self.head_exact(name, &meant).await?;
            if found.is_some() || matches!(version, Version::Exact(_)) {
                return Ok(found);
            }
        }
        Err(self.failed("load", name, &Trouble::Taken))
    }

    /// A version with its value, verified.
    async fn load_exact(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Option<(CheckpointMeta, Vec<u8>)>, StoreError> {
        let Some(meta) = self.head_exact(name, version).await? else {
            return Ok(None);
        };
        let why = match self.value(&meta).await {
            Ok(bytes) => return Ok(Some((meta, bytes))),
            // Its metadata goes first when a version is deleted.
            Err(Trouble::Missing) if !self.list(name).await?.has(version) => return Ok(None),
            Err(Trouble::Missing) => "its value is missing".to_owned(),
            Err(Trouble::Wrong(why)) => format!("its value is not what was saved: {why}"),
            Err(trouble) => return Err(self.failed("load", name, &trouble)),
        };
        Err(self.damaged(name, version, &why).await)
    }

    /// The metadata of a version.
    async fn head_exact(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Option<CheckpointMeta>, StoreError> {
        // Nothing else is a version, and much of it is no safe name.
        if !is_version(version) {
            return Ok(None);
        }
        match self.document(name, version).await {
            Ok(meta) => Ok(Some(meta)),
            Err(Trouble::Missing) => Ok(None),
            Err(Trouble::Wrong(why)) => Err(self.damaged(name, version, &why).await),
            Err(trouble) => Err(self.failed("load", name, &trouble)),
        }
    }

    /// The metadata of a version, as it is written.
    pub(super) async fn document(
        &self,
        name: &str,
        version: &str,
    ) -> Result<CheckpointMeta, Trouble> {
        let folder =
            self.folder(name, version).map_err(|error| Trouble::failed(error.to_string()))?;
        let path = folder.join(META);
        let text = transfer::whole(&**self.place.store(), &path, LONGEST_META, STALL);
        let text = text.await.map_err(|trouble| match trouble {
            Trouble::Wrong(why) => Trouble::Wrong(format!("its meta.json is too long: {why}")),
            other => other,
        })?;
        CheckpointMeta::from_document(&text, name, version).map_err(Trouble::Wrong)
    }

    /// The value that `meta` is about, verified.
    pub(super) async fn value(&self, meta: &CheckpointMeta) -> Result<Vec<u8>, Trouble> {
        let folder = self.folder(&meta.name, &meta.version);
        let folder = folder.map_err(|error| Trouble::failed(error.to_string()))?;
        let (store, path) = (self.place.store(), value_object(folder, meta));
        let (bytes, digest) = if meta.size <= IN_ONE {
            let bytes = transfer::whole(&**store, &path, meta.size, STALL).await?;
            let digest = Digest::of_bytes(&bytes);
            (bytes, digest)
        } else {
            transfer::download(store, &path, meta.size, STALL).await?
        };
        if bytes.len() as u64 != meta.size {
            let (has, size) = (bytes.len(), meta.size);
            return Err(Trouble::wrong(format!("it has {has} of {size} bytes")));
        }
        if digest != meta.digest {
            return Err(Trouble::wrong("it does not match its digest"));
        }
        Ok(bytes)
    }

    /// The error for a damaged version: it names the ones before.
    async fn damaged(&self, name: &str, version: &str, why: &str) -> StoreError {
        const FEW: usize = 5;
        let mut before = self.list(name).await.unwrap_or_default().complete;
        before.retain(|other| other.as_str() < version);
        let shown: Vec<_> = before.iter().rev().take(FEW).cloned().collect();
        let more = match before.len().saturating_sub(FEW) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let advice = if shown.is_empty() {
            "there is none before it: delete it, and compute it again".to_owned()
        } else {
            format!("load one of those before it: {}{more}", shown.join(", "))
        };
        let place = &self.place;
        StoreError::new(format!(
            "version {version} of checkpoint `{name}` in `{place}` is damaged: {why}; {advice}"
        ))
    }
}

/// The object of a value in the folder of its version. The extension was checked when the metadata was made or read.
pub(super) fn value_object(folder: Path, meta: &CheckpointMeta) -> Path {
    folder.join(format!("value.{}", meta.extension))
}
