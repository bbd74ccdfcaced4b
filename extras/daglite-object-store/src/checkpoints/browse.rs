//! Lists what there is, and deletes.

use std::collections::BTreeSet;

use daglite::checkpoint::{check_name, check_tag, is_version};
use daglite::store::StoreError;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::tags::TAGS;
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
    /// The names of all tags, sorted, also of those whose version is gone.
    pub(super) tags: Vec<String>,
}

impl Listing {
    /// Whether a version is whole.
    pub(super) fn has(&self, version: &str) -> bool {
        self.complete.binary_search_by(|there| there.as_str().cmp(version)).is_ok()
    }
}

impl Shelf {
    /// What lies under `name`.
    pub(super) async fn list(&self, name: &str) -> Result<Listing, StoreError> {
        let above = self.above(name)?;
        let failed = |trouble: Trouble| self.failed("list the versions of", name, &trouble);
        let mut complete = BTreeSet::new();
        let (mut values, mut tags) = (Vec::new(), Vec::new());
        let mut found = self.place.store().list(Some(&above));
        while let Some(object) = found.next().await {
            let object = match object.map_err(Trouble::from) {
                Ok(object) => object,
                Err(Trouble::Missing) => break,
                Err(trouble) => return Err(failed(trouble)),
            };
            match part_of(&above, &object.location) {
                Some(PartOf::Version(version, file)) if file == META => {
                    complete.insert(version);
                }
                Some(PartOf::Version(version, _)) => values.push((version, object)),
                Some(PartOf::Tags(tag)) => tags.push(tag),
                None => {}
            }
        }
        tags.sort_unstable();
        let newest = values.iter().map(|(version, _)| version).chain(&complete).max().cloned();
        values.retain(|(version, _)| !complete.contains(version));
        let complete = complete.into_iter().collect();
        Ok(Listing { complete, newest, halves: values, tags })
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

/// What an object right below a name may be.
enum PartOf {
    /// One of this version, with its own name.
    Version(String, String),
    /// The tag of this name.
    Tags(String),
}

/// What the object at `location` is for the name at `above`.
fn part_of(above: &Path, location: &Path) -> Option<PartOf> {
    let [folder, file] = parts_below(above, location)?.try_into().ok()?;
    if folder == TAGS {
        return check_tag(&file).is_ok().then_some(PartOf::Tags(file));
    }
    is_version(&folder).then_some(PartOf::Version(folder, file))
}

/// Whether `location` is that of a tag: one of a name without versions is no checkpoint.
pub(super) fn is_tag(location: &Path) -> bool {
    location.parts().any(|part| part.as_ref() == TAGS)
}

/// The name of the checkpoint, if `location` is the metadata of one of its versions.
fn name_of(root: &Path, location: &Path) -> Option<String> {
    let mut parts = parts_below(root, location)?;
    let (meta, version) = (parts.pop()?, parts.pop()?);
    let name = parts.join("/");
    // What no checkpoint can be called is somebody else's.
    (meta == META && is_version(&version) && check_name(&name).is_ok()).then_some(name)
}
