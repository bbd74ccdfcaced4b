//! What people ask of versions: what there is, tags, what is to go, how two differ, what made one. These calls block.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::super::diff::CheckpointDiff;
use super::super::lineage::{Lineage, lineage};
use super::super::prune::{Prune, Rule};
use super::super::version::Version;
use super::FileCheckpoints;
use super::values::{failed, meant};
use super::verify::CheckpointVerification;
use crate::error::{Error, ErrorKind};

impl FileCheckpoints {
    /// The versions of a checkpoint, oldest first; none if there is no such checkpoint.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// assert!(checkpoints.versions("model").unwrap().is_empty());
    /// ```
    ///
    /// # Errors
    ///
    /// The name is refused, or the folder cannot be read.
    pub fn versions(&self, name: &str) -> Result<Vec<String>, Error> {
        self.list_versions(name).map_err(failed)
    }

    /// The names of all checkpoints, sorted.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save("churn/model", &1u8).unwrap();
    /// checkpoints.save("churn", &1u8).unwrap();
    /// assert_eq!(checkpoints.names().unwrap(), ["churn", "churn/model"]);
    /// ```
    ///
    /// # Errors
    ///
    /// A folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        self.list_names().map_err(failed)
    }

    /// Deletes one version, and its tags.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// let saved = checkpoints.save("model", &1u8).unwrap();
    /// checkpoints.delete("model", saved.version()).unwrap();
    /// assert!(checkpoints.names().unwrap().is_empty());
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such version, or it cannot be deleted.
    pub fn delete(&self, name: &str, version: &str) -> Result<(), Error> {
        if self.delete_version(name, version).map_err(failed)? {
            return Ok(());
        }
        Err(self.missing(name, &Version::Exact(version.to_owned()))?)
    }

    /// Deletes the versions that `prune` says, and answers with those deleted, oldest first. A number keeps that many, the
    /// newest. Versions with tags stay, unless it is said that they should not, and so does the newest sound one, always.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// for epoch in 0..5u32 {
    ///     checkpoints.save("model", &epoch).unwrap();
    /// }
    /// assert_eq!(checkpoints.prune("model", 2).unwrap().len(), 3);
    /// assert_eq!(checkpoints.load::<u32>("model", "latest").unwrap(), 4);
    /// ```
    ///
    /// # Errors
    ///
    /// 0 are to be kept, there is no such checkpoint, or a version cannot be deleted.
    pub fn prune(&self, name: &str, prune: impl Into<Prune>) -> Result<Vec<String>, Error> {
        let prune = prune.into();
        if matches!(prune.rule, Rule::KeepLast(0)) {
            let advice = format!(
                "prune of `{name}` would keep nothing: keep 1 or more, or delete each version by name"
            );
            return Err(Error::new(ErrorKind::Checkpoint, advice));
        }
        if self.versions(name)?.is_empty() {
            return Err(self.missing(name, &Version::Latest)?);
        }
        self.prune_versions(name, &prune).map_err(failed)
    }

    /// Gives the tag `tag` to a version, takes it from the one that had it, and answers with that version.
    ///
    /// The tag moves at once: whoever loads it meanwhile gets the one version or the other.
    /// [`check_tag`](crate::checkpoint::check_tag) says which tags there are.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save("model", &1u8).unwrap();
    /// let version = checkpoints.tag("model", "latest", "prod").unwrap();
    /// assert_eq!(checkpoints.tags("model").unwrap(), [("prod".to_owned(), version)]);
    /// assert_eq!(checkpoints.load::<u8>("model", "prod").unwrap(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such version, the tag is refused, or the folder cannot be written.
    pub fn tag(&self, name: &str, version: impl Into<Version>, tag: &str) -> Result<String, Error> {
        let (name, version) = meant(name, version.into())?;
        if let Some(exact) = self.find_version(name, &version).map_err(failed)?
            && self.tag_version(name, &exact, tag).map_err(failed)?
        {
            return Ok(exact);
        }
        Err(self.missing(name, &version)?)
    }

    /// Takes the tag `tag` away; answers whether a version had it.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// # checkpoints.save("model", &1u8).unwrap();
    /// checkpoints.tag("model", "latest", "prod").unwrap();
    /// assert!(checkpoints.untag("model", "prod").unwrap());
    /// assert!(!checkpoints.untag("model", "prod").unwrap());
    /// ```
    ///
    /// # Errors
    ///
    /// The name is refused, or the folder cannot be written.
    pub fn untag(&self, name: &str, tag: &str) -> Result<bool, Error> {
        self.remove_tag(name, tag).map_err(failed)
    }

    /// The tags of a checkpoint, sorted, each with its version.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// assert!(checkpoints.tags("model").unwrap().is_empty());
    /// ```
    ///
    /// # Errors
    ///
    /// The name is refused, or the folder cannot be read.
    pub fn tags(&self, name: &str) -> Result<Vec<(String, String)>, Error> {
        self.list_tags(name).map_err(failed)
    }

    /// How two versions differ: in their metadata, and, if they are JSON, in which places of their values.
    ///
    /// ```
    /// # use daglite::{Checkpoint, FileCheckpoints};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// let old = checkpoints.save(Checkpoint::named("model").meta("alpha", 0.1), &1u8).unwrap();
    /// checkpoints.save(Checkpoint::named("model").meta("alpha", 0.2), &2u8).unwrap();
    /// let changes = checkpoints.diff("model", old.version(), "latest").unwrap();
    /// assert!(changes.metadata.iter().any(|change| change.field == "user.alpha"));
    /// ```
    ///
    /// # Errors
    ///
    /// One of the versions is not there, or damaged.
    pub fn diff(
        &self,
        name: &str,
        old: impl Into<Version>,
        new: impl Into<Version>,
    ) -> Result<CheckpointDiff, Error> {
        let [old, new] = [old.into(), new.into()];
        let [old_meta, new_meta] = [self.meta(name, &old)?, self.meta(name, &new)?];
        if old_meta.same_value(&new_meta) || old_meta.format != "json" || new_meta.format != "json"
        {
            return Ok(CheckpointDiff::of((&old_meta, &[]), (&new_meta, &[])));
        }
        // By their names: a tag may have moved meanwhile.
        let load = |version: &str| {
            let version = Version::Exact(version.to_owned());
            self.expect(name, &version, self.load_version(name, &version))
        };
        let [(old, old_bytes), (new, new_bytes)] =
            [load(&old_meta.version)?, load(&new_meta.version)?];
        Ok(CheckpointDiff::of((&old, &old_bytes), (&new, &new_bytes)))
    }

    /// Which checkpoints, inputs and code made a version, back to the first: of the latest of `name`, or of another, as in
    /// `model@prod`. [`Lineage`] has an example.
    ///
    /// # Errors
    ///
    /// There is no such version, or it is damaged. Of its ancestors it is noted if they are missing or damaged.
    pub fn lineage(&self, name: &str) -> Result<Lineage, Error> {
        let (name, version) = meant(name, Version::Latest)?;
        let found = ready_now(lineage(self, name, &version));
        self.expect(name, &version, found)
    }

    /// Reads every byte of every version of a checkpoint, and its tags, and reports what is wrong. Deletes nothing.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// # checkpoints.save("model", &1u8).unwrap();
    /// for flaw in checkpoints.verify("model")?.flaws {
    ///     println!("{flaw}");
    /// }
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such checkpoint, or its folder cannot be read.
    pub fn verify(&self, name: &str) -> Result<CheckpointVerification, Error> {
        let mut found = CheckpointVerification::default();
        self.verify_name(name, &mut found).map_err(failed)?;
        if found.versions == 0 {
            return Err(self.missing(name, &Version::Latest)?);
        }
        Ok(found)
    }

    /// [`verify`](Self::verify) for all checkpoints.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// assert!(checkpoints.verify_all()?.is_sound());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A folder cannot be read.
    pub fn verify_all(&self) -> Result<CheckpointVerification, Error> {
        let mut found = CheckpointVerification::default();
        for name in self.names()? {
            self.verify_name(&name, &mut found).map_err(failed)?;
        }
        Ok(found)
    }
}

/// The answer of a future that asks nobody but this store, whose answers are ready at once.
fn ready_now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("this store answers at once"),
    }
}
