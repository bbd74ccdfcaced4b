//! Lists what there is, and deletes.

use std::collections::BTreeSet;

use daglite::checkpoint::{check_name, is_version};
use daglite::store::StoreError;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::{META, Shelf};
use crate::trouble::Trouble;

/// What lies under a name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The versions that are whole, oldest first.
    pub(super) complete: Vec<String>,
    /// The newest of all versions, also of those that are being written or deleted.
    pub(super) newest: Option<String>,
    /// The objects of versions that are not whole, with the version.
    pub(super) halves: Vec<(String, ObjectMeta)>,
}

impl Shelf {
    /// What lies under `name`.
    pub(super) async fn list(&self, name: &str) -> Result<Listing, StoreError> {
        let above = self.above(name)?;
        let failed = |trouble: Trouble| self.failed("list the versions of", name, &trouble);
        let mut complete = BTreeSet::new();
        let mut values = Vec::new();
        let mut found = self.place.store().list(Some(&above));
        while let Some(object) = found.next().await {
            let object = match object.map_err(Trouble::from) {
                Ok(object) => object,
                Err(Trouble::Missing) => break,
                Err(trouble) => return Err(failed(trouble)),
            };
            let Some((version, file)) = version_and_file(&above, &object.location) else {
                continue;
            };
            if file == META {
                complete.insert(version);
            } else {
                values.push((version, object));
            }
        }
        let newest = values.iter().map(|(version, _)| version).chain(&complete).max().cloned();
        values.retain(|(version, _)| !complete.contains(version));
        Ok(Listing { complete: complete.into_iter().collect(), newest, halves: values })
    }

    /// The names of all checkpoints, sorted.
    pub(super) async fn names(&self) -> Result<Vec<String>, StoreError> {
        let root = self.place.path([]);
        let mut names = BTreeSet::new();
        let mut found = self.place.store().list(Some(&root));
        while let Some(object) = found.next().await {
            let object = match object.map_err(Trouble::from) {
                Ok(object) => object,
                Err(Trouble::Missing) => break,
                Err(trouble) => {
                    let place = &self.place;
                    return Err(StoreError::new(format!(
                        "cannot list the checkpoints in `{place}`: {trouble}"
                    )));
                }
            };
            names.extend(name_of(&root, &object.location));
        }
        Ok(names.into_iter().collect())
    }

    /// Deletes a version; answers whether it was there.
    pub(super) async fn delete(&self, name: &str, version: &str) -> Result<bool, StoreError> {
        let folder = self.folder(name, version)?;
        if !is_version(version) {
            return Ok(false);
        }
        let failed = |error: object_store::Error| self.failed("delete", name, &error.into());
        let store = self.place.store();
        let meta = folder.clone().join(META);
        match store.head(&meta).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(failed(error)),
        }
        // From here on nobody sees it.
        ignore_missing(store.delete(&meta).await).map_err(failed)?;
        let mut rest = store.list(Some(&folder));
        while let Some(object) = rest.next().await {
            let object = object.map_err(failed)?;
            ignore_missing(store.delete(&object.location).await).map_err(failed)?;
        }
        Ok(true)
    }
}

/// What is gone already need not be deleted.
pub(super) fn ignore_missing(deleted: object_store::Result<()>) -> object_store::Result<()> {
    match deleted {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        other => other,
    }
}

/// The parts of `location` below `above`.
fn parts_below(above: &Path, location: &Path) -> Option<Vec<String>> {
    location.prefix_match(above).map(|parts| parts.map(|part| part.as_ref().to_owned()).collect())
}

/// The version and the object's own name, if `location` is that of a part of a version right below `above`.
fn version_and_file(above: &Path, location: &Path) -> Option<(String, String)> {
    let [version, file] = parts_below(above, location)?.try_into().ok()?;
    is_version(&version).then_some((version, file))
}

/// The name of the checkpoint, if `location` is the metadata of one of its versions.
fn name_of(root: &Path, location: &Path) -> Option<String> {
    let mut parts = parts_below(root, location)?;
    let (meta, version) = (parts.pop()?, parts.pop()?);
    let name = parts.join("/");
    // What no checkpoint can be called is somebody else's.
    (meta == META && is_version(&version) && check_name(&name).is_ok()).then_some(name)
}
