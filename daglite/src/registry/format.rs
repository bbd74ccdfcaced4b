//! `Format`: one named way to turn a type into bytes and back.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::shape::{Readers, Shape};
use super::{RawNumber, json, postcard, raw};
use crate::Digest;
use crate::error::BoxError;

type Encode<T> = Coder<T, Vec<u8>>;
type Decode<T> = Coder<[u8], T>;
type Given<From, To> = Arc<dyn Fn(&From) -> Result<To, BoxError> + Send + Sync>;

/// A named way to turn a `T` into bytes and back.
///
/// ```
/// use daglite::{Format, Registry};
///
/// let lines = Format::new(
///     "lines",
///     "txt",
///     |words: &Vec<String>| Ok(words.join("\n").into_bytes()),
///     |bytes| Ok(std::str::from_utf8(bytes)?.lines().map(String::from).collect()),
/// );
/// let registry = Registry::new();
/// registry.register(lines)?;
///
/// let words = vec!["to".to_string(), "be".to_string()];
/// let bytes = registry.serialize(&words, Some("lines"))?;
/// assert_eq!(bytes, b"to\nbe");
/// assert_eq!(registry.deserialize::<Vec<String>>(&bytes, "lines")?, words);
/// # Ok::<(), daglite::Error>(())
/// ```
pub struct Format<T> {
    name: Cow<'static, str>,
    extension: Cow<'static, str>,
    encode: Encode<T>,
    decode: Decode<T>,
    layout: Layout<T>,
}

/// How one thing becomes another. A built-in format is made for each value that is read, so it must cost nothing.
enum Coder<From: ?Sized, To> {
    /// A function of ours.
    Plain(fn(&From) -> Result<To, BoxError>),
    /// What a user gave.
    Given(Given<From, To>),
}

impl<From: ?Sized, To> Coder<From, To> {
    fn call(&self, from: &From) -> Result<To, BoxError> {
        match self {
            Self::Plain(code) => code(from),
            Self::Given(code) => code(from),
        }
    }
}

impl<From: ?Sized, To> Clone for Coder<From, To> {
    fn clone(&self) -> Self {
        match self {
            Self::Plain(code) => Self::Plain(*code),
            Self::Given(code) => Self::Given(Arc::clone(code)),
        }
    }
}

/// What the layout of the bytes depends on.
enum Layout<T> {
    /// The shape of the type.
    Shape(fn() -> Digest),
    /// The shape of the type, and where that cannot be seen as a whole, of each value.
    Traced(fn() -> Shape, fn(&T) -> Result<Digest, BoxError>),
    /// The format's own version.
    Version(Arc<str>),
}

impl<T> Format<T> {
    /// A format of your own. `encode` and `decode` must be inverse; `decode` must refuse bytes that `encode` does not
    /// write.
    ///
    /// A file that was written before `T` or the format changed must not be taken for a new one: let `decode` notice,
    /// or give the format a new [`version`](Self::version).
    ///
    /// ```
    /// use daglite::Format;
    ///
    /// let format = Format::new("be", "bin", |n: &u16| Ok(vec![(n >> 8) as u8, *n as u8]), |bytes| {
    ///     let [high, low] = bytes.try_into()?;
    ///     Ok(u16::from(high) << 8 | u16::from(low))
    /// });
    /// assert_eq!(format.decode(&format.encode(&513)?)?, 513);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        extension: impl Into<Cow<'static, str>>,
        encode: impl Fn(&T) -> Result<Vec<u8>, BoxError> + Send + Sync + 'static,
        decode: impl Fn(&[u8]) -> Result<T, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            extension: extension.into(),
            encode: Coder::Given(Arc::new(encode)),
            decode: Coder::Given(Arc::new(decode)),
            layout: Layout::Version(Arc::from("")),
        }
    }

    /// A format of ours.
    fn built_in(
        name: &'static str,
        extension: &'static str,
        encode: fn(&T) -> Result<Vec<u8>, BoxError>,
        decode: fn(&[u8]) -> Result<T, BoxError>,
        layout: Layout<T>,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            extension: Cow::Borrowed(extension),
            encode: Coder::Plain(encode),
            decode: Coder::Plain(decode),
            layout,
        }
    }

    /// The same format, with a version: what was written with another one is not read any more.
    ///
    /// ```
    /// # let format = daglite::Format::new("u8", "bin", |n: &u8| Ok(vec![*n]), |bytes| Ok(bytes[0]));
    /// let second = format.version("2");
    /// # assert_eq!(second.name(), "u8");
    /// ```
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.layout = Layout::Version(Arc::from(version));
        self
    }

    /// The name by which it is asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ending of its files, without the dot.
    pub fn extension(&self) -> &str {
        &self.extension
    }

    /// The bytes of `value`.
    ///
    /// # Errors
    ///
    /// If the format cannot hold the value.
    pub fn encode(&self, value: &T) -> Result<Vec<u8>, BoxError> {
        self.encode.call(value)
    }

    /// The value of `bytes`.
    ///
    /// # Errors
    ///
    /// If they are not what `encode` writes.
    pub fn decode(&self, bytes: &[u8]) -> Result<T, BoxError> {
        self.decode.call(bytes)
    }

    /// Stands for the layout of all bytes; `None` if each value has to be seen first.
    pub(super) fn shape(&self) -> Option<Digest> {
        match &self.layout {
            Layout::Shape(shape) => Some(shape()),
            Layout::Traced(shape, _) => Some(shape()).filter(|s| s.complete).map(|s| s.digest),
            Layout::Version(version) => {
                let (name, version) = (&*self.name, &**version);
                let text = format!("daglite format v1\n{name:?} {version:?}");
                Some(Digest::of_bytes(text.as_bytes()))
            }
        }
    }

    /// Stands for the layout of the bytes of `value`: bytes of another one are not its.
    pub(super) fn shape_of(&self, value: &T) -> Result<Digest, BoxError> {
        match (self.shape(), &self.layout) {
            (None, Layout::Traced(shape, trace)) => {
                let (shape, trace) = (shape().digest, trace(value)?);
                let text = format!("daglite value shape v1\n{shape} {trace}");
                Ok(Digest::of_bytes(text.as_bytes()))
            }
            (shape, _) => Ok(shape.expect("all other layouts have one")),
        }
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Format<T> {
    /// [postcard](https://postcard.rs): compact and fast, and the default for types with serde.
    ///
    /// It does not describe itself, so it is refused for types whose shape cannot be seen beforehand
    /// (`#[serde(untagged)]`, `#[serde(flatten)]`, `serde_json::Value`): those use JSON. It refuses values that are not
    /// read as they are written, since serde skips a variant or a field on one side only.
    ///
    /// ```
    /// let format = daglite::Format::<(u8, String)>::postcard();
    /// assert_eq!(format.encode(&(7, "x".into()))?, [7, 1, b'x']);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn postcard() -> Self {
        let layout = Layout::Shape(|| Shape::digest_of::<T>(Readers::Machines));
        Self::built_in(postcard::NAME, postcard::NAME, postcard::encode, postcard::decode, layout)
    }

    /// JSON, for people. Refuses what JSON cannot hold: numbers that are infinite or not a number, and `Some(None)`.
    ///
    /// Of a type whose shape cannot be seen beforehand each value is looked at as it is written and as it is read. One that
    /// does not come back as it was is refused.
    ///
    /// ```
    /// let format = daglite::Format::<Vec<f64>>::json();
    /// assert_eq!(format.encode(&vec![0.1])?, b"[0.1]");
    /// assert!(format.encode(&vec![f64::NAN]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn json() -> Self {
        let shape = || Shape::of::<T>(Readers::People);
        let layout = Layout::Traced(shape, json::trace);
        Self::built_in(json::NAME, json::NAME, json::encode, json::decode, layout)
    }
}

impl<N: RawNumber> Format<Vec<N>> {
    /// The numbers one after the other, little-endian: the default for vectors of numbers.
    ///
    /// ```
    /// let format = daglite::Format::<Vec<u16>>::raw();
    /// assert_eq!(format.encode(&vec![1, 2])?, [1, 0, 2, 0]);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn raw() -> Self {
        let layout = Layout::Shape(N::shape);
        Self::built_in(raw::NAME, "bin", |numbers| Ok(raw::encode(numbers)), raw::decode, layout)
    }
}

impl<T> Clone for Layout<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Shape(shape) => Self::Shape(*shape),
            Self::Traced(shape, trace) => Self::Traced(*shape, *trace),
            Self::Version(version) => Self::Version(Arc::clone(version)),
        }
    }
}

impl<T> Clone for Format<T> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            extension: self.extension.clone(),
            encode: self.encode.clone(),
            decode: self.decode.clone(),
            layout: self.layout.clone(),
        }
    }
}

impl<T> fmt::Debug for Format<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Format")
            .field("name", &self.name)
            .field("extension", &self.extension)
            .finish_non_exhaustive()
    }
}
