//! `ValueFormats`: how the engine encodes and decodes a result whose type it does not know.

use std::any::{Any, type_name};
use std::fmt;
use std::io::{Read, Write};
use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::registry::{Registered, Snapshot};
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

/// A value on its way to bytes.
pub(crate) enum Encoding<'a> {
    /// The bytes are there.
    Whole(Encoded),
    /// They are written straight to where they go.
    Flowing(Flowing<'a>),
}

impl Encoding<'_> {
    /// The name of the format, the ending of files in it, and what stands for what the type looks like.
    pub(crate) fn format(&self) -> (&str, &str, Digest) {
        match self {
            Self::Whole(it) => (&it.format, &it.extension, it.shape),
            Self::Flowing(it) => (&it.format, &it.extension, it.shape),
        }
    }

    /// Writes the bytes.
    pub(crate) fn write(&self, to: &mut dyn Write) -> Result<(), Error> {
        match self {
            Self::Whole(encoded) => to.write_all(&encoded.bytes).map_err(|cause| {
                let message = format!("cannot write {}: {cause}", encoded.format);
                Error::new(ErrorKind::Format, message).with_source(cause)
            }),
            Self::Flowing(flowing) => flowing.write(to),
        }
    }
}

/// Writes the bytes of one value.
type WriteTo<'a> = dyn Fn(&mut dyn Write) -> Result<(), Error> + Send + Sync + 'a;

/// A value whose bytes are written to where they go, in one format.
pub(crate) struct Flowing<'a> {
    /// The name of the format.
    pub(crate) format: String,
    /// The ending of files in it, without the dot.
    pub(crate) extension: String,
    /// Stands for what the type looks like.
    pub(crate) shape: Digest,
    /// Writes the bytes.
    write: Box<WriteTo<'a>>,
}

impl Flowing<'_> {
    /// Writes the bytes.
    pub(crate) fn write(&self, to: &mut dyn Write) -> Result<(), Error> {
        (self.write)(to)
    }
}

/// Bytes to decode: as they are, or as they are read.
enum From<'a> {
    Bytes(&'a [u8]),
    Reader(&'a mut dyn Read, u64),
}

type BeginFn =
    for<'a> fn(&Registry, &'a (dyn Any + Send + Sync), Option<&str>) -> Result<Encoding<'a>, Error>;
type FlowsFn = fn(&Registry, &str) -> bool;
type EncodeFn = fn(&Registry, &(dyn Any + Send + Sync), Option<&str>) -> Result<Encoded, Error>;
type FitsFn = fn(&Registry, &str, &Digest) -> Option<bool>;
type GivesFn = fn(&Registry, &Encoded) -> bool;
type DecodeFn = fn(&Registry, From<'_>, &str, Digest) -> Result<Arc<dyn Any + Send + Sync>, Error>;

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
    begin: BeginFn,
    flows: FlowsFn,
    encode: EncodeFn,
    decode: DecodeFn,
    fits: FitsFn,
    gives: GivesFn,
    has_files: fn() -> bool,
    is_err: fn(&(dyn Any + Send + Sync)) -> bool,
    type_name: fn() -> &'static str,
}

impl ValueFormats {
    /// The formats that serde gives.
    pub const fn serde<T: Serialize + DeserializeOwned + Send + Sync + 'static>() -> Self {
        Self {
            begin: |registry, value, format| {
                begin::<T>(&Formats::of(registry, BuiltIn::serde()), value, format)
            },
            flows: |registry, format| {
                let formats = Formats::<T>::of(registry, BuiltIn::serde());
                formats.named(format).is_ok_and(|format| format.flows())
            },
            encode: |registry, value, format| {
                encode::<T>(Formats::of(registry, BuiltIn::serde()), value, format)
            },
            decode: |registry, bytes, format, shape| {
                decode::<T>(Formats::of(registry, BuiltIn::serde()), bytes, format, shape)
            },
            fits: |registry, format, shape| {
                Formats::<T>::of(registry, BuiltIn::serde()).fits(format, shape)
            },
            gives: |registry, encoded| Formats::<T>::of(registry, BuiltIn::serde()).gives(encoded),
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
            begin: |registry, value, format| {
                begin::<T>(&Formats::of(registry, BuiltIn::own()), value, format)
            },
            flows: |registry, format| {
                let formats = Formats::<T>::of(registry, BuiltIn::own());
                formats.named(format).is_ok_and(|format| format.flows())
            },
            encode: |registry, value, format| {
                encode::<T>(Formats::of(registry, BuiltIn::own()), value, format)
            },
            decode: |registry, bytes, format, shape| {
                decode::<T>(Formats::of(registry, BuiltIn::own()), bytes, format, shape)
            },
            fits: |registry, format, shape| {
                Formats::<T>::of(registry, BuiltIn::own()).fits(format, shape)
            },
            // Nobody can see whether there are files in it.
            gives: |_, _| false,
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
        (self.decode)(registry, From::Bytes(bytes), format, shape)
    }

    /// As [`encode`](Self::encode), but for what need not be in memory all at once.
    pub(crate) fn begin<'a>(
        &self,
        registry: &Registry,
        value: &'a (dyn Any + Send + Sync),
        format: Option<&str>,
    ) -> Result<Encoding<'a>, Error> {
        (self.begin)(registry, value, format)
    }

    /// Whether bytes of the named format need not be in memory all at once.
    pub(crate) fn flows(&self, registry: &Registry, format: &str) -> bool {
        (self.flows)(registry, format)
    }

    /// As [`decode`](Self::decode), of the next `length` bytes of `from`.
    pub(crate) fn read(
        &self,
        registry: &Registry,
        from: &mut dyn Read,
        length: u64,
        format: &str,
        shape: Digest,
    ) -> Result<Arc<dyn Any + Send + Sync>, Error> {
        (self.decode)(registry, From::Reader(from, length), format, shape)
    }

    /// Whether the type still has `shape` in the named format, as far as that can be told without reading the value;
    /// `None` if it has no such format.
    pub fn fits(&self, registry: &Registry, format: &str, shape: &Digest) -> Option<bool> {
        (self.fits)(registry, format, shape)
    }

    /// Whether `encoded`, which comes from elsewhere, is what a value of the type would be encoded as here, and the type
    /// shows all that there is to know of it.
    pub(crate) fn gives(&self, registry: &Registry, encoded: &Encoded) -> bool {
        (self.gives)(registry, encoded)
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

/// A value as the type it has.
fn typed<T: 'static>(value: &(dyn Any + Send + Sync)) -> Result<&T, Error> {
    value.downcast_ref::<T>().ok_or_else(|| {
        let name = type_name::<T>();
        Error::new(ErrorKind::Format, format!("the value to encode is not a `{name}`"))
    })
}

/// Encodes a value in the named format or in the default one.
fn encode<T: Send + Sync + 'static>(
    formats: Formats<T>,
    value: &(dyn Any + Send + Sync),
    format: Option<&str>,
) -> Result<Encoded, Error> {
    formats.encode(typed(value)?, format)
}

/// Encodes a value in the named format or in the default one, unless its bytes can be written as they come.
fn begin<'a, T: Send + Sync + 'static>(
    formats: &Formats<T>,
    value: &'a (dyn Any + Send + Sync),
    format: Option<&str>,
) -> Result<Encoding<'a>, Error> {
    let value = typed::<T>(value)?;
    let format = formats.format_for(value, format)?;
    if !format.flows() {
        return encode_as(&format, value).map(Encoding::Whole);
    }
    // What is registered may be replaced before it is written.
    let format = Format::clone(&format);
    Ok(Encoding::Flowing(Flowing {
        format: format.name().to_owned(),
        extension: format.extension().to_owned(),
        shape: format.shape_of(value).map_err(|error| encode_error::<T>(format.name(), error))?,
        write: Box::new(move |to| {
            format.write(value, to).map_err(|error| encode_error::<T>(format.name(), error))
        }),
    }))
}

/// Encodes a value in a format.
fn encode_as<T>(format: &Format<T>, value: &T) -> Result<Encoded, Error> {
    let of_format = |error| encode_error::<T>(format.name(), error);
    Ok(Encoded {
        bytes: format.encode(value).map_err(of_format)?,
        shape: format.shape_of(value).map_err(of_format)?,
        format: format.name().to_owned(),
        extension: format.extension().to_owned(),
    })
}

/// The error of a value that cannot be encoded.
fn encode_error<T>(format: &str, source: BoxError) -> Error {
    let name = type_name::<T>();
    Error::new(ErrorKind::Format, format!("cannot encode a `{name}` as {format}: {source}"))
        .with_source(source)
}

/// Decodes what was encoded when the type had the given shape.
fn decode<T: Send + Sync + 'static>(
    formats: Formats<T>,
    from: From<'_>,
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
    let decoded = match from {
        From::Bytes(bytes) => format.decode(bytes),
        From::Reader(from, length) => format.read(from, length),
    };
    let value = match (decoded, known) {
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
fn decode_error<T>(format: &str, source: BoxError) -> Error {
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

impl<T> BuiltIn<T> {
    /// None.
    pub(super) fn none() -> Self {
        Self { names: Vec::new, default: || None, preferred: |_| None, named: |_| None }
    }
}

impl<T: Serialize + DeserializeOwned + 'static> BuiltIn<T> {
    /// Those that serde gives.
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
    /// Those that the type brings.
    pub(super) fn own() -> Self {
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
    snapshot: Option<Snapshot>,
    built_in: BuiltIn<T>,
}

/// A format that was found: nothing is counted to use one that is registered.
pub(super) enum FoundFormat<'a, T> {
    /// It lies in the registry.
    Registered(&'a Format<T>),
    /// It was made for this use.
    Made(Format<T>),
}

impl<T> Deref for FoundFormat<'_, T> {
    type Target = Format<T>;

    fn deref(&self) -> &Format<T> {
        match self {
            Self::Registered(format) => format,
            Self::Made(format) => format,
        }
    }
}

impl<T: 'static> Formats<T> {
    /// Those of this moment.
    pub(super) fn of(registry: &Registry, built_in: BuiltIn<T>) -> Self {
        Self { snapshot: registry.snapshot(), built_in }
    }

    /// What is registered.
    fn registered(&self) -> Option<&Registered<T>> {
        self.snapshot.as_ref()?.of()
    }

    /// The named format.
    pub(super) fn named(&self, name: &str) -> Result<FoundFormat<'_, T>, Error> {
        if let Some(format) = self.registered().and_then(|registered| registered.named(name)) {
            return Ok(FoundFormat::Registered(format));
        }
        let made = (self.built_in.named)(name);
        made.map(FoundFormat::Made).ok_or_else(|| self.unknown(&format!("has no format `{name}`")))
    }

    /// Whether the type has `shape` in the named format, if there is such a format.
    fn fits(&self, format: &str, shape: &Digest) -> Option<bool> {
        let format = self.named(format).ok()?;
        Some(format.shape().is_none_or(|now| now == *shape))
    }

    /// Whether `encoded` is in the default format, and has a shape that was known beforehand.
    fn gives(&self, encoded: &Encoded) -> bool {
        self.named_or_default(None).is_ok_and(|format| {
            format.name() == encoded.format
                && format.extension() == encoded.extension
                && format.shape() == Some(encoded.shape)
        })
    }

    /// The named format, or the default one: that which was chosen, else the first built-in one, else the first registered.
    pub(super) fn named_or_default(&self, name: Option<&str>) -> Result<FoundFormat<'_, T>, Error> {
        if let Some(name) = name.or_else(|| self.default_name()) {
            return self.named(name);
        }
        match (self.built_in.default)() {
            // A registered format may stand in for the built-in one of its name.
            Some(default) => self.named(default.name()),
            None => match self.registered().and_then(|registered| registered.formats.first()) {
                Some(first) => Ok(FoundFormat::Registered(first)),
                None => Err(self.unknown("has no format")),
            },
        }
    }

    /// The names, the default first, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = (self.built_in.names)();
        for format in self.registered().map_or(&[][..], |registered| &registered.formats) {
            if !names.iter().any(|known| known == format.name()) {
                names.push(format.name().to_owned());
            }
        }
        if let Some(default) = self.default_name() {
            names.retain(|name| name != default);
            names.insert(0, default.to_owned());
        }
        names
    }

    /// The named format, or the default one, which the value may choose.
    fn format_for(&self, value: &T, name: Option<&str>) -> Result<FoundFormat<'_, T>, Error> {
        let preferred =
            || (self.built_in.preferred)(value).filter(|_| self.default_name().is_none());
        self.named_or_default(name.or_else(preferred))
    }

    /// The bytes of `value`, in the named format or in the default one.
    pub(super) fn encode(&self, value: &T, format: Option<&str>) -> Result<Encoded, Error> {
        encode_as(&*self.format_for(value, format)?, value)
    }

    /// The value of `bytes` in the named format.
    pub(super) fn decode(&self, bytes: &[u8], format: &str) -> Result<T, Error> {
        let format = self.named(format)?;
        format.decode(bytes).map_err(|error| decode_error::<T>(format.name(), error))
    }

    /// The name of the default that was chosen.
    fn default_name(&self) -> Option<&str> {
        self.registered()?.default.as_deref()
    }

    /// What to do when the type `lacks` a format.
    fn unknown(&self, lacks: &str) -> Error {
        let (ty, known) = (type_name::<T>(), self.names());
        let what_to_do = match &*known {
            [] => format!("call `Registry::register::<{ty}>(…)`"),
            known => format!("use one of `{}`, or register it", known.join("`, `")),
        };
        Error::new(ErrorKind::Format, format!("`{ty}` {lacks}: {what_to_do}"))
    }
}
