//! `ValueFormats`: how the engine encodes and decodes a result whose type it does not know.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::registry::Registered;
use super::shape::{Readers, Shape};
use super::{Format, HasFormat, Registry, json, postcard, raw};
use crate::error::BoxError;
use crate::{Digest, Error, ErrorKind};

/// A value as bytes, with all that is needed to read it again.
///
/// ```
/// use daglite::{Registry, ValueFormats};
///
/// let encoded = ValueFormats::serde::<u32>().encode(&Registry::new(), &7_u32, Some("json"))?;
/// assert_eq!((encoded.bytes, encoded.format.as_str()), (b"7".to_vec(), "json"));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The name of the format.
    pub format: String,
    /// The ending of files in it, without the dot.
    pub extension: String,
    /// Stands for what the type looks like; bytes of another shape are not decoded.
    pub shape: Digest,
}

type EncodeFn = fn(&Registry, &(dyn Any + Send + Sync), Option<&str>) -> Result<Encoded, Error>;
type FitsFn = fn(&Registry, &str, &Digest) -> Option<bool>;
type DecodeFn = fn(&Registry, &[u8], &str, Digest) -> Result<Arc<dyn Any + Send + Sync>, Error>;

/// How a type is encoded and decoded, with the type erased.
///
/// ```
/// use daglite::{Registry, ValueFormats};
///
/// const FORMATS: ValueFormats = ValueFormats::serde::<Vec<f64>>();
/// let registry = Registry::new();
/// let encoded = FORMATS.encode(&registry, &vec![0.5_f64], None)?;
/// let value = FORMATS.decode(&registry, &encoded.bytes, &encoded.format, encoded.shape)?;
/// assert_eq!(value.downcast_ref::<Vec<f64>>(), Some(&vec![0.5]));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct ValueFormats {
    encode: EncodeFn,
    decode: DecodeFn,
    fits: FitsFn,
    has_files: fn() -> bool,
    is_err: fn(&(dyn Any + Send + Sync)) -> bool,
    type_name: fn() -> &'static str,
}

impl ValueFormats {
    /// The formats that serde gives.
    pub const fn serde<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            encode: |registry, value, format| {
                encode::<T>(Formats::of(registry, BuiltIn::serde()), value, format)
            },
            decode: |registry, bytes, format, shape| {
                decode::<T>(Formats::of(registry, BuiltIn::serde()), bytes, format, shape)
            },
            fits: |registry, format, shape| {
                Formats::<T>::of(registry, BuiltIn::serde()).fits(format, shape)
            },
            has_files: || {
                let of = |readers| Shape::of::<T>(readers).files;
                of(Readers::Machines) || of(Readers::People)
            },
            is_err: is_err::<T>,
            type_name: type_name::<T>,
        }
    }

    /// The formats that the type brings itself.
    pub const fn own<T: HasFormat>() -> Self {
        Self {
            encode: |registry, value, format| {
                encode::<T>(Formats::of(registry, BuiltIn::own()), value, format)
            },
            decode: |registry, bytes, format, shape| {
                decode::<T>(Formats::of(registry, BuiltIn::own()), bytes, format, shape)
            },
            fits: |registry, format, shape| {
                Formats::<T>::of(registry, BuiltIn::own()).fits(format, shape)
            },
            has_files: || false,
            // The standard library's `Result` cannot have formats of a user's.
            is_err: |_| false,
            type_name: type_name::<T>,
        }
    }

    /// The name of the type, for people.
    pub(crate) fn type_name(&self) -> &'static str {
        (self.type_name)()
    }

    /// Encodes a value in the named format or in the default one.
    ///
    /// # Errors
    ///
    /// If there is no such format, or it cannot hold the value.
    pub fn encode(
        &self,
        registry: &Registry,
        value: &(dyn Any + Send + Sync),
        format: Option<&str>,
    ) -> Result<Encoded, Error> {
        (self.encode)(registry, value, format)
    }

    /// Decodes what was encoded when the type had the given shape.
    ///
    /// # Errors
    ///
    /// If there is no such format, the type has another shape now, or the bytes are damaged.
    pub fn decode(
        &self,
        registry: &Registry,
        bytes: &[u8],
        format: &str,
        shape: Digest,
    ) -> Result<Arc<dyn Any + Send + Sync>, Error> {
        (self.decode)(registry, bytes, format, shape)
    }

    /// Whether the type still has `shape` in the named format, as far as that can be told without reading the value;
    /// `None` if it has no such format.
    pub fn fits(&self, registry: &Registry, format: &str, shape: &Digest) -> Option<bool> {
        (self.fits)(registry, format, shape)
    }

    /// Whether a value is a `Result` that is an `Err`.
    pub(crate) fn is_err(&self, value: &(dyn Any + Send + Sync)) -> bool {
        (self.is_err)(value)
    }

    /// Whether an [`InputFile`](crate::InputFile), [`InputDir`](crate::InputDir) or [`OutputFile`](crate::OutputFile)
    /// can be seen in the type.
    pub(crate) fn has_files(&self) -> bool {
        (self.has_files)()
    }
}

/// Whether a value is an `Err`. A generic task does not know that its result is a `Result` until it is called.
fn is_err<T: Serialize + 'static>(value: &(dyn Any + Send + Sync)) -> bool {
    if !type_name::<T>().starts_with("core::result::Result<") {
        return false;
    }
    // An enum begins with the number of its variant: 1 for `Err`. There is no room for more, and no need.
    let mut variant = [0];
    if let Some(value) = value.downcast_ref::<T>() {
        drop(::postcard::to_slice(value, &mut variant));
    }
    variant == [1]
}

impl fmt::Debug for ValueFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValueFormats")
    }
}

fn encode<T: Send + Sync + 'static>(
    formats: Formats<T>,
    value: &(dyn Any + Send + Sync),
    format: Option<&str>,
) -> Result<Encoded, Error> {
    let Some(value) = value.downcast_ref::<T>() else {
        let name = type_name::<T>();
        return Err(Error::new(
            ErrorKind::Format,
            format!("the value to encode is not a `{name}`"),
        ));
    };
    formats.encode(value, format)
}

fn decode<T: Send + Sync + 'static>(
    formats: Formats<T>,
    bytes: &[u8],
    format: &str,
    shape: Digest,
) -> Result<Arc<dyn Any + Send + Sync>, Error> {
    let format = formats.named(format)?;
    let changed = || {
        let name = type_name::<T>();
        Error::new(
            ErrorKind::Format,
            format!("the shape of `{name}` has changed since this was written: compute it again"),
        )
    };
    let known = format.shape();
    if known.is_some_and(|known| known != shape) {
        return Err(changed());
    }
    let of_format = |error| decode_error::<T>(format.name(), error);
    let value = match (format.decode(bytes), known) {
        (Ok(value), _) => value,
        (Err(error), Some(_)) => return Err(of_format(error)),
        // What is written is tried before: it could be read by the type of that time.
        (Err(error), None) => return Err(changed().with_source(error)),
    };
    if known.is_none() && format.shape_of(&value).map_err(of_format)? != shape {
        return Err(changed());
    }
    Ok(Arc::new(value))
}

/// The error of bytes that cannot be decoded.
pub(super) fn decode_error<T>(format: &str, source: BoxError) -> Error {
    let name = type_name::<T>();
    Error::new(ErrorKind::Format, format!("cannot decode a `{name}` from {format}: {source}"))
        .with_source(source)
}

/// The formats that a type has without being registered.
pub(super) struct BuiltIn<T> {
    /// Their names, the default first.
    names: fn() -> Vec<String>,
    /// The default.
    default: fn() -> Option<Format<T>>,
    /// The name of the one for a value that the default does not hold.
    preferred: fn(&T) -> Option<&'static str>,
    /// The one of a name.
    named: fn(&str) -> Option<Format<T>>,
}

impl<T: Serialize + DeserializeOwned + 'static> BuiltIn<T> {
    pub(super) fn serde() -> Self {
        Self {
            names: || {
                let raw = raw::format_of::<T>().map(|_| raw::NAME);
                let postcard = postcard::suits::<T>().then_some(postcard::NAME);
                let names = raw.into_iter().chain(postcard).chain([json::NAME]);
                names.map(str::to_owned).collect()
            },
            default: || match raw::format_of() {
                Some(raw) => Some(raw),
                None if postcard::suits::<T>() => Some(Format::postcard()),
                None => Some(Format::json()),
            },
            preferred: |_| None,
            named: |name| match name {
                postcard::NAME => Some(Format::postcard()),
                json::NAME => Some(Format::json()),
                raw::NAME => raw::format_of(),
                _ => None,
            },
        }
    }
}

impl<T: HasFormat> BuiltIn<T> {
    fn own() -> Self {
        Self {
            names: || T::formats().iter().map(|format| format.name().to_owned()).collect(),
            default: || T::formats().into_iter().next(),
            preferred: T::preferred_format,
            named: |name| T::formats().into_iter().find(|format| format.name() == name),
        }
    }
}

/// All formats of a type: the registered ones, and behind them the built-in ones.
pub(super) struct Formats<T> {
    registered: Option<Arc<Registered<T>>>,
    built_in: BuiltIn<T>,
}

impl<T: 'static> Formats<T> {
    pub(super) fn of(registry: &Registry, built_in: BuiltIn<T>) -> Self {
        Self { registered: registry.registered(), built_in }
    }

    /// The named format.
    pub(super) fn named(&self, name: &str) -> Result<Format<T>, Error> {
        let mut registered = self.registered().iter();
        let registered = registered.find(|format| format.name() == name).cloned();
        registered.or_else(|| (self.built_in.named)(name)).ok_or_else(|| self.unknown(name))
    }

    /// Whether the type has `shape` in the named format, if there is such a format.
    fn fits(&self, format: &str, shape: &Digest) -> Option<bool> {
        let format = self.named(format).ok()?;
        Some(format.shape().is_none_or(|now| now == *shape))
    }

    /// The named format, or the default one.
    pub(super) fn named_or_default(&self, name: Option<&str>) -> Result<Format<T>, Error> {
        if let Some(name) = name.or_else(|| self.default_name()) {
            return self.named(name);
        }
        // A registered format may stand in for the built-in one of its name.
        let default = (self.built_in.default)().ok_or_else(|| self.unknown("default"))?;
        self.named(default.name())
    }

    /// The names, the default first, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = (self.built_in.names)();
        let registered = self.registered().iter().map(Format::name);
        for name in registered {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        if let Some(default) = self.default_name() {
            names.retain(|name| name != default);
            names.insert(0, default.to_owned());
        }
        names
    }

    pub(super) fn encode(&self, value: &T, format: Option<&str>) -> Result<Encoded, Error> {
        let preferred =
            || (self.built_in.preferred)(value).filter(|_| self.default_name().is_none());
        let format = self.named_or_default(format.or_else(preferred))?;
        let of_format = |source: BoxError| {
            let (ty, name) = (type_name::<T>(), format.name());
            Error::new(ErrorKind::Format, format!("cannot encode a `{ty}` as {name}: {source}"))
                .with_source(source)
        };
        let bytes = format.encode(value).map_err(of_format)?;
        let shape = format.shape_of(value).map_err(of_format)?;
        Ok(Encoded {
            bytes,
            format: format.name().to_owned(),
            extension: format.extension().to_owned(),
            shape,
        })
    }

    fn registered(&self) -> &[Format<T>] {
        self.registered.as_deref().map_or(&[], |registered| &registered.formats)
    }

    fn default_name(&self) -> Option<&str> {
        self.registered.as_deref()?.default.as_deref()
    }

    fn unknown(&self, name: &str) -> Error {
        let (ty, known) = (type_name::<T>(), self.names().join("`, `"));
        Error::new(
            ErrorKind::Format,
            format!("`{ty}` has no format `{name}`: use one of `{known}`, or register it"),
        )
    }
}
