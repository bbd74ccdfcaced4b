//! Typed values in and out, for people and scripts: these calls block.

use std::any::{Any, type_name};
use std::io::Read;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::checkpoint::{Checkpoint, Policy};
use super::super::contract::Saved;
use super::super::flow::{Incoming, Outgoing};
use super::super::meta::CheckpointMeta;
use super::super::name::split_reference;
use super::super::nearest::{by_likeness, listed, no_such_version};
use super::super::version::Version;
use super::FileCheckpoints;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind};
use crate::registry::{HasFormat, Registry, ValueFormats};
use crate::store::StoreError;

impl FileCheckpoints {
    /// Saves `value` as the next version, unless it is what the latest version has.
    ///
    /// ```
    /// # use daglite::{FileCheckpoints, checkpoint::Saved};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// let Saved::New(first) = checkpoints.save("answer", &42u32).unwrap() else { panic!("it is new") };
    /// assert_eq!(checkpoints.save("answer", &42u32).unwrap(), Saved::Unchanged(first));
    /// ```
    ///
    /// # Errors
    ///
    /// The name is refused, the value cannot be encoded, or the folder cannot be written.
    pub fn save<T>(&self, checkpoint: impl Into<Checkpoint>, value: &T) -> Result<Saved, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.save_as(checkpoint.into(), value, ValueFormats::serde::<T>(), type_name::<T>())
    }

    /// [`save`](Self::save) for values that bring formats of their own and know nothing of serde: tables, arrays, images.
    ///
    /// ```
    /// use daglite::{FileCheckpoints, Format, HasFormat};
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct Note(String);
    ///
    /// impl HasFormat for Note {
    ///     fn formats() -> Vec<Format<Self>> {
    ///         let decode = |bytes: &[u8]| Ok(Note(String::from_utf8(bytes.to_vec())?));
    ///         vec![Format::new("text", "txt", |note: &Note| Ok(note.0.clone().into_bytes()), decode)]
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), daglite::Error> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// checkpoints.save_own("note", &Note("remember".to_owned()))?;
    /// assert_eq!(checkpoints.load_own::<Note>("note", "latest")?.0, "remember");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`save`](Self::save).
    pub fn save_own<T: HasFormat>(
        &self,
        checkpoint: impl Into<Checkpoint>,
        value: &T,
    ) -> Result<Saved, Error> {
        self.save_as(checkpoint.into(), value, ValueFormats::own::<T>(), type_name::<T>())
    }

    /// Saves a value in one of `formats`.
    fn save_as(
        &self,
        checkpoint: Checkpoint,
        value: &(dyn Any + Send + Sync),
        formats: ValueFormats,
        type_name: &str,
    ) -> Result<Saved, Error> {
        checkpoint.check()?;
        if checkpoint.policy() == Policy::IfAbsent
            && let Some(first) = self.list_versions(checkpoint.name()).map_err(failed)?.pop()
        {
            return Ok(Saved::Unchanged(first));
        }
        let encoding = formats.begin(Registry::global(), value, checkpoint.wanted_format())?;
        let mut outgoing = Outgoing::new(encoding);
        let meta = outgoing.described(CheckpointMeta {
            type_name: type_name.to_owned(),
            user: checkpoint.user_meta().clone(),
            always: checkpoint.policy() == Policy::Always,
            ..CheckpointMeta::new(checkpoint.name(), &[], Clock::system().now())
        });
        let saved = self.save_written(meta, &mut |to| outgoing.write(to));
        match outgoing.into_flaw() {
            Some(flaw) => Err(flaw),
            None => saved.map_err(failed),
        }
    }

    /// The value of a version: `"latest"`, a tag, the name of a version, or [`Version::at`] a time.
    ///
    /// The name may say the version, as in `model@prod`; then `version` is `"latest"`.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save("model/airports", &vec!["JFK".to_owned()]).unwrap();
    /// let airports: Vec<String> = checkpoints.load("model/airports", "latest").unwrap();
    /// assert_eq!(airports, ["JFK"]);
    ///
    /// let error = checkpoints.load::<Vec<String>>("airports", "latest").unwrap_err();
    /// assert!(error.to_string().contains("there are `model/airports`"));
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such checkpoint or version (the message lists what there is), it is damaged, or it was saved from a
    /// type of another structure.
    pub fn load<T>(&self, name: &str, version: impl Into<Version>) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.load_as(name, version.into(), ValueFormats::serde::<T>())
    }

    /// The value of the latest version; of another, if the name says it, as in `model@prod`.
    ///
    /// ```
    /// # use daglite::FileCheckpoints;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save("model", &1u8).unwrap();
    /// checkpoints.tag("model", "latest", "prod").unwrap();
    /// checkpoints.save("model", &2u8).unwrap();
    /// assert_eq!(checkpoints.load_latest::<u8>("model").unwrap(), 2);
    /// assert_eq!(checkpoints.load_latest::<u8>("model@prod").unwrap(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn load_latest<T>(&self, name: &str) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.load(name, Version::Latest)
    }

    /// [`load`](Self::load) for values that bring formats of their own; [`save_own`](Self::save_own) has an example.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub fn load_own<T: HasFormat>(
        &self,
        name: &str,
        version: impl Into<Version>,
    ) -> Result<T, Error> {
        self.load_as(name, version.into(), ValueFormats::own::<T>())
    }

    /// The value of a version, in one of `formats`.
    fn load_as<T: Send + Sync + 'static>(
        &self,
        name: &str,
        version: Version,
        formats: ValueFormats,
    ) -> Result<T, Error> {
        let (name, version) = meant(name, version)?;
        let mut incoming = Incoming::new(Registry::global(), formats);
        let mut read = |meta: &CheckpointMeta, from: &mut dyn Read| incoming.read(meta, from);
        let meta =
            self.expect(name, &version, self.load_version_with(name, &version, &mut read))?;
        let value =
            incoming.finish(&meta).map_err(|cause| unreadable(&meta, type_name::<T>(), cause))?;
        let value = value.downcast::<T>().ok().and_then(Arc::into_inner);
        Ok(value.expect(
            "the formats of a type decode to that type, and to a value that nobody shares yet",
        ))
    }

    /// The metadata of a version: `"latest"`, a tag, the name of a version, or [`Version::at`] a time.
    ///
    /// ```
    /// # use daglite::{Checkpoint, FileCheckpoints};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let checkpoints = FileCheckpoints::open(folder.path()).unwrap();
    /// checkpoints.save(Checkpoint::named("model").format("json").meta("alpha", 0.1), &[1u8, 2]).unwrap();
    /// let meta = checkpoints.meta("model", "latest").unwrap();
    /// assert_eq!((meta.format.as_str(), &meta.user["alpha"]), ("json", &0.1.into()));
    /// ```
    ///
    /// # Errors
    ///
    /// There is no such checkpoint or version, or its `meta.json` is damaged.
    pub fn meta(&self, name: &str, version: impl Into<Version>) -> Result<CheckpointMeta, Error> {
        let (name, version) = meant(name, version.into())?;
        self.expect(name, &version, self.read_meta(name, &version))
    }

    /// What was found; an error that lists what there is if nothing was.
    pub(super) fn expect<T>(
        &self,
        name: &str,
        version: &Version,
        found: Result<Option<T>, StoreError>,
    ) -> Result<T, Error> {
        match found.map_err(failed)? {
            Some(found) => Ok(found),
            None => Err(self.missing(name, version)?),
        }
    }

    /// The error for a version that is not there: it lists what is nearest.
    pub(super) fn missing(&self, name: &str, version: &Version) -> Result<Error, Error> {
        let versions = self.list_versions(name).map_err(failed)?;
        let message = if versions.is_empty() {
            let names = by_likeness(name, self.list_names().map_err(failed)?);
            let names = listed(&names, |name| format!("`{name}`"));
            let root = self.root.display();
            format!("no checkpoint is called `{name}` in `{root}`: there are {names}")
        } else {
            // Tags that cannot be read are no reason to say nothing.
            let tags = || self.list_tags(name).unwrap_or_default();
            format!("checkpoint `{name}` has {}", no_such_version(version, &versions, tags))
        };
        Ok(Error::new(ErrorKind::Checkpoint, message))
    }
}

/// The error of a checkpoint store as the one that users meet.
pub(super) fn failed(error: StoreError) -> Error {
    error.into_error(ErrorKind::Checkpoint)
}

/// The name and the version that are meant: the name may say the version.
pub(super) fn meant(name: &str, version: Version) -> Result<(&str, Version), Error> {
    if !name.contains('@') {
        return Ok((name, version));
    }
    let said = split_reference(name).map_err(failed)?;
    if version != Version::Latest {
        let message = format!(
            "`{name}` says the version already: leave out `{version}`, or what follows the `@`"
        );
        return Err(Error::new(ErrorKind::Checkpoint, message));
    }
    Ok(said)
}

/// The error for a value that cannot be decoded as the type that was asked for.
fn unreadable(meta: &CheckpointMeta, wanted: &str, cause: Error) -> Error {
    let CheckpointMeta { name, version, type_name, format, .. } = meta;
    // What is wrong with it as another type says nothing.
    let why = if type_name == wanted {
        cause.to_string()
    } else {
        format!("it was saved from `{type_name}` in format `{format}`: load it as that type")
    };
    let message =
        format!("version {version} of checkpoint `{name}` cannot be read as `{wanted}`: {why}");
    Error::new(ErrorKind::Checkpoint, message).with_source(cause)
}
