//! Tags: a small object each, beside the versions, that has the name of one.

use std::time::Duration;

use daglite::checkpoint::{check_tag, is_version};
use daglite::store::StoreError;
use futures_util::future::join_all;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, UpdateVersion};

use super::browse::ignore_missing;
use super::{META, Shelf};
use crate::transfer;
use crate::trouble::Trouble;

/// What holds the tags of a name. No name has a part that starts with a dot.
pub(super) const TAGS: &str = ".tags";

/// More than a version and the end of a line.
const LONGEST: u64 = 64;

/// How long a tag may stand still on its way.
const STALL: Duration = Duration::from_secs(60);

/// How often a tag that others move as well is tried to be moved.
const ATTEMPTS: usize = 100;

/// What is in the place of a tag.
struct There {
    /// What replaces exactly this one.
    update: UpdateVersion,
    /// The version that it says, or what is wrong with it.
    said: Result<String, String>,
}

impl Shelf {
    /// Gives `tag` to a version, and takes it from the one that had it; `false` if there is no such version.
    pub(super) async fn tag(
        &self,
        name: &str,
        version: &str,
        tag: &str,
    ) -> Result<bool, StoreError> {
        check_tag(tag)?;
        self.above(name)?;
        let failed = |trouble: Trouble| self.failed("tag", name, &trouble);
        if !self.is_there(name, version).await.map_err(failed)? {
            return Ok(false);
        }
        self.move_tag(name, version, tag).await.map_err(|trouble| match trouble {
            Trouble::Unable => self.cannot_save(name),
            trouble => failed(trouble),
        })?;
        // Whoever deletes does not look at tags; one of a version that is gone means nothing.
        self.is_there(name, version).await.map_err(failed)
    }

    /// Writes the tag: where there is none, or over the one that was read, so that each move is one after another.
    async fn move_tag(&self, name: &str, version: &str, tag: &str) -> Result<(), Trouble> {
        let path = self.tag_path(name, tag);
        let text = format!("{version}\n");
        let put = async |mode| {
            transfer::put(&**self.place.store(), &path, text.clone().into(), mode).await
        };
        for _ in 0..ATTEMPTS {
            let outcome = match self.read_tag(name, tag).await {
                Ok(There { said: Ok(said), .. }) if said == version => return Ok(()),
                Ok(There { update, .. }) => match put(PutMode::Update(update)).await {
                    // A folder knows no such condition; it replaces as a whole all the same.
                    Err(Trouble::Unable) => put(PutMode::Overwrite).await,
                    other => other,
                },
                Err(Trouble::Missing) => put(PutMode::Create).await,
                Err(trouble) => Err(trouble),
            };
            match outcome {
                // Taken away between the look and the put, or moved.
                Err(Trouble::Taken | Trouble::Missing) => {}
                other => return other,
            }
        }
        Err(Trouble::Taken)
    }

    /// Takes a tag away; answers whether a version had it.
    pub(super) async fn untag(&self, name: &str, tag: &str) -> Result<bool, StoreError> {
        self.above(name)?;
        if check_tag(tag).is_err() {
            return Ok(false);
        }
        let had = self.tagged(name, tag).await?.is_some();
        let deleted = self.place.store().delete(&self.tag_path(name, tag)).await;
        ignore_missing(deleted).map_err(|error| self.failed("untag", name, &error.into()))?;
        Ok(had)
    }

    /// The tags of versions that are there, sorted, each with its version.
    pub(super) async fn tags(&self, name: &str) -> Result<Vec<(String, String)>, StoreError> {
        let listing = self.list(name).await?;
        let mut tags = Vec::new();
        for (tag, version) in self.read_tags(name, &listing.tags).await? {
            // One that was saved after the list was made may have the tag by now.
            let failed = |trouble: Trouble| self.failed("read the tags of", name, &trouble);
            if listing.has(&version) || self.is_there(name, &version).await.map_err(failed)? {
                tags.push((tag, version));
            }
        }
        Ok(tags)
    }

    /// What those of `tags` say that say anything.
    pub(super) async fn read_tags(
        &self,
        name: &str,
        tags: &[String],
    ) -> Result<Vec<(String, String)>, StoreError> {
        let all = join_all(tags.iter().map(|tag| self.read_tag(name, tag))).await;
        let mut read = Vec::new();
        for (tag, there) in tags.iter().zip(all) {
            match there {
                Ok(There { said: Ok(version), .. }) => read.push((tag.clone(), version)),
                Ok(There { said: Err(_), .. }) | Err(Trouble::Missing) => {}
                Err(trouble) => return Err(self.failed("read the tags of", name, &trouble)),
            }
        }
        Ok(read)
    }

    /// The version that has `tag`, if one has it.
    pub(super) async fn tagged(&self, name: &str, tag: &str) -> Result<Option<String>, StoreError> {
        self.above(name)?;
        if check_tag(tag).is_err() {
            return Ok(None);
        }
        let failed = |trouble: Trouble| self.failed("read a tag of", name, &trouble);
        match self.read_tag(name, tag).await {
            Ok(There { said: Ok(version), .. }) => {
                let is_there = self.is_there(name, &version).await.map_err(failed)?;
                Ok(is_there.then_some(version))
            }
            Ok(There { said: Err(why), .. }) => {
                let place = &self.place;
                Err(StoreError::new(format!(
                    "tag `{tag}` of checkpoint `{name}` in `{place}` is damaged: {why}; give the tag again"
                )))
            }
            Err(Trouble::Missing) => Ok(None),
            Err(trouble) => Err(failed(trouble)),
        }
    }

    /// What is in the place of a tag.
    async fn read_tag(&self, name: &str, tag: &str) -> Result<There, Trouble> {
        let path = self.tag_path(name, tag);
        let (text, object) = transfer::small(&**self.place.store(), &path, LONGEST, STALL).await?;
        let update = UpdateVersion { e_tag: object.e_tag, version: object.version };
        let text = text.as_deref().and_then(|text| std::str::from_utf8(text).ok());
        let version = text.map(|text| text.strip_suffix('\n').unwrap_or(text));
        let said = match version {
            Some(version) if is_version(version) => Ok(version.to_owned()),
            _ => Err("it has no version in it".to_owned()),
        };
        Ok(There { update, said })
    }

    /// Whether a version is there as a whole.
    async fn is_there(&self, name: &str, version: &str) -> Result<bool, Trouble> {
        if !is_version(version) {
            return Ok(false);
        }
        let folder = self.folder(name, version);
        let folder = folder.map_err(|error| Trouble::failed(error.to_string()))?;
        match self.place.store().head(&folder.join(META)).await.map_err(Trouble::from) {
            Ok(_) => Ok(true),
            Err(Trouble::Missing) => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }

    /// The object of a tag of a name, both of which have been checked.
    fn tag_path(&self, name: &str, tag: &str) -> Path {
        self.place.path(name.split('/').chain([TAGS, tag]))
    }
}
