//! `ContentHasher`: the canonical stream that values write, and the digest of it.

use std::fmt;

use super::strategy::Strategy;
use super::stream::Stream;
use super::{Unordered, shown, tag};
use crate::{Digest, Error, ErrorKind, threads};

/// Turns the content of a value into a digest.
///
/// A stream of tagged, length-prefixed writes, the same on every platform, into BLAKE3. The format is written down in
/// `docs/format.md`. Two streams are equal only if the values are.
///
/// ```
/// use daglite::{ContentHasher, Strategy};
///
/// let mut number = ContentHasher::new(Strategy::Exact);
/// number.u32(1);
/// let mut text = ContentHasher::new(Strategy::Exact);
/// text.str("1");
/// assert_ne!(number.finish()?, text.finish()?);
/// # Ok::<(), daglite::HashError>(())
/// ```
pub struct ContentHasher {
    strategy: Strategy,
    stream: Stream,
    failure: Option<String>,
    /// How many bytes there are of the largest bulk data that `Auto` has only sampled.
    sampled: usize,
    /// How many threads bulk data may take.
    threads: usize,
}

/// Why a value has no digest. The first reason that was given to [`ContentHasher::fail`].
///
/// ```
/// use daglite::{ContentHasher, Strategy};
///
/// let mut hasher = ContentHasher::new(Strategy::Auto);
/// hasher.fail("the sensor is off");
/// assert_eq!(hasher.finish().unwrap_err().to_string(), "the sensor is off");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashError(String);

impl fmt::Display for HashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HashError {}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        Self::new(ErrorKind::Format, error.0)
    }
}

/// Scalars: their tag, and their little-endian bytes.
macro_rules! scalars {
    ($($name:ident: $type:ty = $tag:ident, $value:ident => $bytes:expr;)*) => {$(
        #[doc = concat!("Writes a `", stringify!($type), "`.")]
        #[inline]
        pub fn $name(&mut self, $value: $type) {
            self.tagged(tag::$tag, $bytes);
        }
    )*};
}

/// The values of one word.
impl ContentHasher {
    scalars! {
        bool: bool = BOOL, value => [u8::from(value)];
        char: char = CHAR, value => u32::from(value).to_le_bytes();
        u8: u8 = U8, value => [value];
        u16: u16 = U16, value => value.to_le_bytes();
        u32: u32 = U32, value => value.to_le_bytes();
        u64: u64 = U64, value => value.to_le_bytes();
        u128: u128 = U128, value => value.to_le_bytes();
        usize: usize = USIZE, value => (value as u64).to_le_bytes();
        i8: i8 = I8, value => value.to_le_bytes();
        i16: i16 = I16, value => value.to_le_bytes();
        i32: i32 = I32, value => value.to_le_bytes();
        i64: i64 = I64, value => value.to_le_bytes();
        i128: i128 = I128, value => value.to_le_bytes();
        isize: isize = ISIZE, value => (value as i64).to_le_bytes();
        f32: f32 = F32, value => value.to_bits().to_le_bytes();
        f64: f64 = F64, value => value.to_bits().to_le_bytes();
    }

    /// Writes `()`.
    pub fn unit(&mut self) {
        self.write(&[tag::UNIT]);
    }

    /// Writes the absent value of an `Option`.
    pub fn none(&mut self) {
        self.write(&[tag::NONE]);
    }

    /// Says that the value of an `Option` follows.
    pub fn some(&mut self) {
        self.write(&[tag::SOME]);
    }
}

/// Values of many parts.
impl ContentHasher {
    /// Begins a sequence: `len` values follow.
    pub fn begin_seq(&mut self, len: usize) {
        self.tagged(tag::SEQ, (len as u64).to_le_bytes());
    }

    /// Begins a tuple: `len` values follow.
    pub fn begin_tuple(&mut self, len: usize) {
        self.tagged(tag::TUPLE, (len as u64).to_le_bytes());
    }

    /// Begins a struct: `len` times a [`field`](Self::field) and its value follow.
    #[inline]
    pub fn begin_struct(&mut self, name: &str, len: usize) {
        self.named(tag::STRUCT, name);
        self.length(len);
    }

    /// Names a field of a struct: its value follows.
    #[inline]
    pub fn field(&mut self, name: &str) {
        self.named(tag::FIELD, name);
    }

    /// Begins a struct or variant whose form a derive knows: its name, and the names and number of its fields, for which `id`
    /// stands. As many values follow. `show` begins it by its names, for who shows the value.
    #[doc(hidden)]
    #[inline]
    pub fn begin_derived(&mut self, id: &[u8; 16], show: impl FnOnce(&mut Self)) {
        if self.is_sketch() {
            return self.begin_shown(show);
        }
        self.tagged(tag::DERIVED, *id);
    }

    /// Names a field of such a struct, for who shows the value: its value follows.
    #[doc(hidden)]
    #[inline]
    pub fn derived_field(&mut self, name: &str) {
        if self.is_sketch() {
            self.field_shown(name);
        }
    }

    /// The beginning by names, out of the way of those who make digests.
    #[cold]
    #[inline(never)]
    fn begin_shown(&mut self, show: impl FnOnce(&mut Self)) {
        show(self);
    }

    /// The name of a field, out of the way too.
    #[cold]
    #[inline(never)]
    fn field_shown(&mut self, name: &str) {
        self.field(name);
    }

    /// Begins a struct whose fields have no names: `len` values follow.
    pub fn begin_tuple_struct(&mut self, name: &str, len: usize) {
        self.named(tag::TUPLE_STRUCT, name);
        self.length(len);
    }

    /// Begins a variant of an enum: one value follows, `()`, a tuple or a struct.
    pub fn begin_variant(&mut self, enum_name: &str, index: u32, variant_name: &str) {
        self.tagged(tag::VARIANT, index.to_le_bytes());
        self.name(enum_name);
        self.name(variant_name);
    }

    /// Writes a collection without an order, as the digests of its entries, each made by [`entry`](Self::entry).
    ///
    /// ```
    /// use daglite::{ContentHash, ContentHasher, Digest, Strategy, Unordered};
    ///
    /// let digest = |words: [&str; 2]| -> Result<Digest, daglite::HashError> {
    ///     let mut hasher = ContentHasher::new(Strategy::Auto);
    ///     let entries = words.map(|word| hasher.entry(|entry| entry.str(word)));
    ///     hasher.unordered(Unordered::Set, entries.to_vec());
    ///     hasher.finish()
    /// };
    /// assert_eq!(digest(["a", "b"])?, digest(["b", "a"])?);
    /// # Ok::<(), daglite::HashError>(())
    /// ```
    pub fn unordered(&mut self, kind: Unordered, mut entries: Vec<Digest>) {
        entries.sort_unstable();
        self.write(&[tag::UNORDERED, kind as u8]);
        self.length(entries.len());
        for entry in &entries {
            self.write(entry.as_bytes());
        }
    }

    /// The digest of one entry of an [unordered](Self::unordered) collection. If the entry fails, so does this hasher.
    pub fn entry(&mut self, write: impl FnOnce(&mut Self)) -> Digest {
        let mut entry = self.child();
        write(&mut entry);
        self.adopt(entry)
    }

    /// The digest of a child; whether it failed or sampled is now told of this hasher.
    pub(super) fn adopt(&mut self, mut child: Self) -> Digest {
        self.sampled = self.sampled.max(child.sampled);
        if let Some(why) = child.failure.take() {
            self.fail(why);
        }
        child.digest()
    }

    /// The same, by another strategy; nothing has been written yet.
    pub(crate) fn by(self, strategy: Strategy) -> Self {
        Self { strategy, ..self }
    }

    /// A hasher with the same strategy, for a digest inside a digest.
    pub fn child(&self) -> Self {
        Self::new(self.strategy).with_threads(self.threads)
    }

    /// Names a type that is not the user's: its content follows, as one value.
    pub(super) fn begin_builtin(&mut self, name: &str) {
        self.named(tag::BUILTIN, name);
    }

    /// Begins a sequence of unknown length: values follow, then [`end`](Self::end).
    pub(super) fn begin_stream(&mut self) {
        self.write(&[tag::STREAM]);
    }

    /// Ends what has `count` parts, where nobody vouches that as many were announced.
    pub(super) fn end(&mut self, count: usize) {
        self.tagged(tag::END, (count as u64).to_le_bytes());
    }
}

/// Beginning and end.
impl ContentHasher {
    /// A hasher that has seen nothing.
    #[inline]
    pub fn new(strategy: Strategy) -> Self {
        Self { strategy, stream: Stream::new(), failure: None, sampled: 0, threads: 0 }
    }

    /// The same, with `threads` threads at most for large bulk data; else there are as many as the machine has. The
    /// digest does not depend on them.
    ///
    /// ```
    /// use daglite::{ContentHash, ContentHasher, Strategy};
    ///
    /// let values = vec![0.5; 1_000_000];
    /// let digest = |threads| {
    ///     let mut hasher = ContentHasher::new(Strategy::Exact).with_threads(threads);
    ///     values.content_hash(&mut hasher);
    ///     hasher.finish().unwrap()
    /// };
    /// assert_eq!(digest(1), digest(3));
    /// ```
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// One that makes no digest: it keeps the first bytes alone, to show the value. Whoever writes much may stop when it
    /// has [enough](Self::has_enough).
    pub(crate) fn sketch(strategy: Strategy) -> Self {
        Self { stream: Stream::sketch(), ..Self::new(strategy) }
    }

    /// Whether it makes no digest.
    pub(super) fn is_sketch(&self) -> bool {
        self.stream.is_sketch()
    }

    /// Whether what is written from now on is lost.
    pub(super) fn has_enough(&self) -> bool {
        self.stream.has_enough()
    }

    /// The value, as far as its first bytes tell.
    pub(crate) fn shown(&self) -> String {
        shown::of(self.stream.first())
    }

    /// Writes a collection without an order into a sketch, where the digests of its entries are not needed.
    pub(super) fn unordered_of(&mut self, kind: Unordered, len: usize) {
        self.write(&[tag::UNORDERED, kind as u8]);
        self.length(len);
    }

    /// Forgets all that was written.
    pub(crate) fn begin_again(&mut self) {
        if self.few().is_some() {
            self.stream.begin_again();
        } else {
            *self = Self::new(self.strategy);
        }
    }

    /// Marks the end of one of several values: what follows cannot be taken for a part of it.
    pub(crate) fn end_part(&mut self) {
        let length = self.stream.first().len();
        self.length(length);
    }

    /// All bytes that were written, if they are few and stand for all there is to say.
    pub(crate) fn few(&self) -> Option<&[u8]> {
        let is_whole = self.failure.is_none() && self.sampled == 0 && self.stream.is_few();
        is_whole.then(|| self.stream.first())
    }

    /// How closely it reads bulk data.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// How many threads bulk data may take.
    pub(super) fn threads(&self) -> usize {
        if self.threads == 0 { threads::of_machine() } else { self.threads }
    }

    /// Says that this value cannot be hashed. The first reason stays; [`finish`](Self::finish) returns it.
    pub fn fail(&mut self, why: impl fmt::Display) {
        self.failure.get_or_insert_with(|| why.to_string());
    }

    /// Notes that bulk data of `len` bytes is only sampled, though nobody has said so.
    pub(super) fn note_sampled(&mut self, len: usize) {
        self.sampled = self.sampled.max(len);
    }

    /// How many bytes there are of the largest bulk data that was only sampled, though nobody has said so.
    pub(crate) fn sampled(&self) -> Option<usize> {
        (self.sampled > 0).then_some(self.sampled)
    }

    /// The digest of all that was written.
    ///
    /// # Errors
    ///
    /// If [`fail`](Self::fail) was called.
    #[inline]
    pub fn finish(self) -> Result<Digest, HashError> {
        match self.failure {
            Some(why) => Err(HashError(why)),
            None => Ok(self.digest()),
        }
    }

    fn digest(&self) -> Digest {
        self.stream.digest()
    }

    /// A tag and a value of fixed width, in one write.
    #[inline]
    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        self.stream.write_tagged(tag, bytes);
    }

    #[inline]
    fn named(&mut self, tag: u8, name: &str) {
        self.tagged(tag, (name.len() as u64).to_le_bytes());
        self.write(name.as_bytes());
    }

    fn name(&mut self, name: &str) {
        self.length(name.len());
        self.write(name.as_bytes());
    }

    #[inline]
    pub(super) fn length(&mut self, len: usize) {
        self.write(&(len as u64).to_le_bytes());
    }

    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.stream.write(bytes);
    }
}

impl fmt::Debug for ContentHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentHasher")
            .field("strategy", &self.strategy)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}
