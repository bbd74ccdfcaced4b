//! A checkpoint store with signatures: the signature is one more note in the metadata.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::Value;

use super::Signed;
use crate::checkpoint::{CheckpointMeta, CheckpointStore, ReadCheckpoint, Saved, Version};
use crate::digest::Digest;
use crate::store::{StoreError, StoreFuture};

/// What is signed: a version of a checkpoint.
const KIND: &str = "daglite checkpoint v1";
/// The note that is the signature.
const NOTE: &str = "daglite.signature";

impl<S: CheckpointStore> Signed<S> {
    /// The signature of a version. Its own name is not covered: the store picks it later.
    fn signature(&self, meta: &CheckpointMeta) -> Digest {
        self.key.sign(KIND, &essence(meta))
    }

    /// The metadata without its signature, if that is right.
    fn checked(&self, mut meta: CheckpointMeta) -> Result<CheckpointMeta, StoreError> {
        let note = meta.user.remove(NOTE);
        let signature = note.as_ref().and_then(|note| note.as_str()?.parse::<Digest>().ok());
        let why = match signature {
            Some(signature) if self.key.is_signed(KIND, &essence(&meta), &signature) => {
                return Ok(meta);
            }
            Some(_) => "its signature is not that of the signing key",
            None => "it has no signature",
        };
        let (name, version, place) = (&meta.name, &meta.version, self.inner.location());
        Err(StoreError::new(format!(
            "version {version} of checkpoint `{name}` in {place} cannot be trusted: {why}; load another, or delete it"
        )))
    }
}

/// The metadata as text, with all but the version's name.
fn essence(meta: &CheckpointMeta) -> String {
    let meta = CheckpointMeta { version: String::new(), ..meta.clone() };
    let value = serde_json::to_value(&meta).expect("metadata has text keys alone");
    let mut text = String::new();
    write(&value, &mut text);
    text
}

/// Writes a value with the fields of objects sorted, which serde_json does or does not, as other crates of a program wish.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            text.push('{');
            for (name, value) in sorted {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

impl<S: CheckpointStore> CheckpointStore for Signed<S> {
    fn save<'a>(&'a self, mut meta: CheckpointMeta, bytes: Vec<u8>) -> StoreFuture<'a, Saved> {
        Box::pin(async move {
            let name = meta.name.clone();
            if meta.user.contains_key(NOTE) {
                return Err(StoreError::new(format!(
                    "the note `{NOTE}` of checkpoint `{name}` is kept for the signature: call yours something else"
                )));
            }
            let signature = self.signature(&meta).to_string();
            meta.user.insert(NOTE.to_owned(), signature.into());
            let saved = self.inner.save(meta, bytes).await?;
            if let Saved::Unchanged(version) = &saved {
                // Whoever put it there: it was not saved if nobody can load it.
                let version = Version::Exact(version.clone());
                if let Some(kept) = self.inner.head(&name, &version).await? {
                    self.checked(kept).map_err(|error| {
                        StoreError::new(format!(
                            "the value is there already, but {error}, and save it then"
                        ))
                    })?;
                }
            }
            Ok(saved)
        })
    }

    fn load<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<(CheckpointMeta, Vec<u8>)>> {
        Box::pin(async move {
            match self.inner.load(name, version).await? {
                Some((meta, bytes)) => Ok(Some((self.checked(meta)?, bytes))),
                None => Ok(None),
            }
        })
    }

    // `save_with` gathers: what is signed has to have its digest before the store sees it.

    fn load_with<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
        read: &'a mut ReadCheckpoint<'_>,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        Box::pin(async move {
            let mut read_if_signed = |meta: &CheckpointMeta, bytes: &mut dyn Read| {
                // What is not signed is an error below.
                if let Ok(meta) = self.checked(meta.clone()) {
                    read(&meta, bytes);
                }
            };
            let found = self.inner.load_with(name, version, &mut read_if_signed).await?;
            found.map(|meta| self.checked(meta)).transpose()
        })
    }

    fn head<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<CheckpointMeta>> {
        Box::pin(async move {
            let found = self.inner.head(name, version).await?;
            found.map(|meta| self.checked(meta)).transpose()
        })
    }

    fn versions<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<String>> {
        self.inner.versions(name)
    }

    fn names<'a>(&'a self) -> StoreFuture<'a, Vec<String>> {
        self.inner.names()
    }

    fn delete<'a>(&'a self, name: &'a str, version: &'a str) -> StoreFuture<'a, bool> {
        self.inner.delete(name, version)
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    fn resolve<'a>(
        &'a self,
        name: &'a str,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<String>> {
        self.inner.resolve(name, version)
    }

    fn keeps_tags(&self) -> bool {
        self.inner.keeps_tags()
    }

    fn tag<'a>(&'a self, name: &'a str, version: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        self.inner.tag(name, version, tag)
    }

    fn untag<'a>(&'a self, name: &'a str, tag: &'a str) -> StoreFuture<'a, bool> {
        self.inner.untag(name, tag)
    }

    fn tags<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<(String, String)>> {
        self.inner.tags(name)
    }
}
