//! `TypeFormats`: what a registry knows of one type, also of a type that serde does not know.

use std::any::type_name;
use std::fmt;

use super::Registry;
use super::value::{BuiltIn, Formats};
use crate::{Digest, Error};

/// What a [`Registry`] knows of one type: made by [`Registry::own`] and [`Registry::registered`].
///
/// ```
/// use daglite::{Format, Registry};
///
/// /// Serde does not know it, and it has no formats of its own.
/// struct Level(u8);
///
/// let registry = Registry::new();
/// let decode = |bytes: &[u8]| Ok(Level(*bytes.first().ok_or("it is empty")?));
/// registry.register(Format::new("level", "bin", |level: &Level| Ok(vec![level.0]), decode))?;
///
/// let levels = registry.registered::<Level>();
/// assert_eq!(levels.names(), ["level"]);
/// assert_eq!(levels.serialize(&Level(7), None)?, [7]);
/// assert_eq!(levels.deserialize(&[7], "level")?.0, 7);
/// # Ok::<(), daglite::Error>(())
/// ```
pub struct TypeFormats<'a, T> {
    /// What users have added.
    registry: &'a Registry,
    /// What there is without that.
    built_in: fn() -> BuiltIn<T>,
}

impl<'a, T: Send + Sync + 'static> TypeFormats<'a, T> {
    /// What `registry` knows of a type that has `built_in` without it.
    pub(super) fn new(registry: &'a Registry, built_in: fn() -> BuiltIn<T>) -> Self {
        Self { registry, built_in }
    }

    /// What there is at this moment.
    fn now(&self) -> Formats<T> {
        Formats::of(self.registry, (self.built_in)())
    }

    /// The bytes of `value`, in the named format or in the default one.
    ///
    /// # Errors
    ///
    /// If there is no such format, or it cannot hold the value.
    pub fn serialize(&self, value: &T, format: Option<&str>) -> Result<Vec<u8>, Error> {
        self.now().encode(value, format).map(|encoded| encoded.bytes)
    }

    /// The value of `bytes` in the named format.
    ///
    /// # Errors
    ///
    /// If there is no such format, or the bytes are not of it: says where, as far as the format knows.
    pub fn deserialize(&self, bytes: &[u8], format: &str) -> Result<T, Error> {
        self.now().decode(bytes, format)
    }

    /// The names of the formats, the default first.
    pub fn names(&self) -> Vec<String> {
        self.now().names()
    }

    /// The ending of files in the named format or in the default one, without the dot.
    ///
    /// # Errors
    ///
    /// If there is no such format.
    pub fn extension(&self, format: Option<&str>) -> Result<String, Error> {
        Ok(self.now().named_or_default(format)?.extension().to_owned())
    }

    /// Makes a format the one that is used when none is named.
    ///
    /// # Errors
    ///
    /// If there is no such format.
    pub fn set_default(&self, name: &str) -> Result<(), Error> {
        let names = self.now().names();
        self.registry.set_default::<T>(name, |name| names.iter().any(|known| known == name))
    }

    /// The digest of a value's content, by what was registered for its type.
    ///
    /// # Errors
    ///
    /// If nothing was, or a part of the value cannot be hashed.
    pub fn hash_value(&self, value: &T) -> Result<Digest, Error> {
        let mut hasher = self.registry.hasher_for::<T>();
        self.registry.hash_dyn(value, type_name::<T>(), &mut hasher);
        Ok(hasher.finish()?)
    }
}

impl<T> Clone for TypeFormats<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TypeFormats<'_, T> {}

impl<T: Send + Sync + 'static> fmt::Debug for TypeFormats<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypeFormats").field(&type_name::<T>()).field(&self.names()).finish()
    }
}
