//! `Format`: one named way to turn a type into bytes and back.

use std::borrow::Cow;
use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::coding::Coding;
use super::compression::Compression;
use super::shape::{Readers, Shape};
use super::{RawNumber, json, postcard, raw};
use crate::Digest;
use crate::error::BoxError;

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
    coding: Coding<T>,
    /// Whether, and how, the bytes are compressed.
    compression: Option<Compression>,
    layout: Layout<T>,
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
            coding: Coding::Given(Arc::new(encode), Arc::new(decode)),
            compression: None,
            layout: Layout::Version(Arc::from("")),
        }
    }

    /// A format of your own for values that are large: its bytes are never in memory all at once. They go straight to
    /// the store as they are written, and a value is read straight from there.
    ///
    /// `write` writes a value, in as many calls as it likes; large slices are passed on as they are. `read` makes the
    /// value of the next `length` bytes, which it has to read to the end; there are no more. It reads them **before**
    /// they are verified: what it makes is thrown away if they turn out to be damaged, but until then any number in them
    /// may be absurd. So it must not ask for memory by what it reads, but for no more than `length` gives reason to.
    /// Everything else is as with [`new`](Self::new), which is simpler, and decodes nothing but what is verified.
    ///
    /// ```
    /// use daglite::Format;
    ///
    /// let text = Format::streaming(
    ///     "text",
    ///     "txt",
    ///     |text: &String, to| Ok(to.write_all(text.as_bytes())?),
    ///     |from, _length| Ok(std::io::read_to_string(from)?),
    /// );
    /// let mut file = Vec::new();
    /// text.write(&"to be".to_string(), &mut file)?;
    /// assert_eq!(text.read(&mut &file[..], 5)?, "to be");
    /// assert!(text.read(&mut &file[..], 7).is_err(), "it ends too early");
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn streaming(
        name: impl Into<Cow<'static, str>>,
        extension: impl Into<Cow<'static, str>>,
        write: impl Fn(&T, &mut dyn Write) -> Result<(), BoxError> + Send + Sync + 'static,
        read: impl Fn(&mut dyn Read, u64) -> Result<T, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            extension: extension.into(),
            coding: Coding::GivenFlow(Arc::new(write), Arc::new(read)),
            compression: None,
            layout: Layout::Version(Arc::from("")),
        }
    }

    /// A format of ours.
    fn built_in(
        name: &'static str,
        extension: &'static str,
        coding: Coding<T>,
        layout: Layout<T>,
    ) -> Self {
        let (name, extension) = (Cow::Borrowed(name), Cow::Borrowed(extension));
        Self { name, extension, coding, compression: None, layout }
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

    /// The same format, its bytes compressed with [zstd](https://facebook.github.io/zstd/): a file of it is a frame that
    /// every zstd tool opens, and its extension ends with `.zst`. The name stays; what was written without compression is
    /// not read as if it were compressed, nor the other way round.
    ///
    /// `level` is from 1, the fastest, to 22, the smallest. Values of more than 16 GiB are refused, so that a file that
    /// says it holds more than memory can is refused too: [`compress_up_to`](Self::compress_up_to) sets another limit.
    ///
    /// Without the feature `zstd` every use of the format is an error that says so.
    ///
    /// ```
    /// # #[cfg(feature = "zstd")] {
    /// use daglite::Format;
    ///
    /// let packed = Format::<Vec<f64>>::raw().compress(3);
    /// assert_eq!((packed.name(), packed.extension()), ("raw", "bin.zst"));
    /// let bytes = packed.encode(&vec![0.5; 1_000])?;
    /// assert!(bytes.len() < 100);
    /// assert_eq!(packed.decode(&bytes)?, [0.5; 1_000]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    #[must_use]
    pub fn compress(self, level: i32) -> Self {
        self.compress_up_to(level, 16 << 30)
    }

    /// As [`compress`](Self::compress), for values of at most `most` bytes before they are compressed. No more than that
    /// is ever decompressed.
    #[must_use]
    pub fn compress_up_to(mut self, level: i32, most: u64) -> Self {
        if self.compression.is_none() {
            self.extension = format!("{}.zst", self.extension).into();
        }
        self.compression = Some(Compression { level, most });
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
        match &self.compression {
            None => self.coding.encode(value),
            Some(compression) => {
                let mut bytes = Vec::new();
                compression.write(&self.coding, value, &mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// Writes the bytes of `value`, as they come if the format is [`streaming`](Self::streaming).
    ///
    /// # Errors
    ///
    /// If the format cannot hold the value, or `to` takes no more.
    pub fn write(&self, value: &T, to: &mut dyn Write) -> Result<(), BoxError> {
        match &self.compression {
            None => self.coding.write(value, to),
            Some(compression) => compression.write(&self.coding, value, to),
        }
    }

    /// The value of `bytes`.
    ///
    /// # Errors
    ///
    /// If they are not what `encode` writes.
    pub fn decode(&self, mut bytes: &[u8]) -> Result<T, BoxError> {
        match &self.compression {
            None => self.coding.decode(bytes),
            Some(compression) => {
                let length = bytes.len() as u64;
                compression.read(&self.coding, &mut bytes, length)
            }
        }
    }

    /// The value of the next `length` bytes of `from`, as they come if the format is [`streaming`](Self::streaming).
    ///
    /// # Errors
    ///
    /// If they are not what `write` writes.
    pub fn read(&self, from: &mut dyn Read, length: u64) -> Result<T, BoxError> {
        match &self.compression {
            None => self.coding.read(from, length),
            Some(compression) => compression.read(&self.coding, from, length),
        }
    }

    /// Whether the bytes of a value need not be in memory all at once.
    pub(super) fn flows(&self) -> bool {
        self.coding.flows()
    }

    /// Stands for the layout of all bytes; `None` if each value has to be seen first.
    pub(super) fn shape(&self) -> Option<Digest> {
        self.plain_shape().map(|shape| self.as_written(shape))
    }

    /// Stands for the layout of the bytes before they are compressed.
    fn plain_shape(&self) -> Option<Digest> {
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
        let shape = match (self.plain_shape(), &self.layout) {
            (None, Layout::Traced(shape, trace)) => {
                let (shape, trace) = (shape().digest, trace(value)?);
                let text = format!("daglite value shape v1\n{shape} {trace}");
                Digest::of_bytes(text.as_bytes())
            }
            (shape, _) => shape.expect("all other layouts have one"),
        };
        Ok(self.as_written(shape))
    }

    /// The layout `shape` as it is written: what is compressed is not read as what is not.
    fn as_written(&self, shape: Digest) -> Digest {
        match &self.compression {
            None => shape,
            Some(_) => Digest::of_bytes(format!("daglite zstd v1\n{shape}").as_bytes()),
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
        let coding = Coding::Plain(postcard::encode, postcard::decode);
        Self::built_in(postcard::NAME, postcard::NAME, coding, layout)
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
        let coding = Coding::Plain(json::encode, json::decode);
        Self::built_in(json::NAME, json::NAME, coding, layout)
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
        let coding = Coding::PlainFlow(|numbers, to| raw::write(numbers, to), raw::read);
        Self::built_in(raw::NAME, "bin", coding, layout)
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
            coding: self.coding.clone(),
            compression: self.compression,
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
