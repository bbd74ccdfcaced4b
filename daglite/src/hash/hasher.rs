//! `ContentHasher`: the canonical stream that values write, and the digest of it.

use std::fmt;

use smallvec::SmallVec;

use super::strategy::{Method, Strategy};
use super::{sample, shown, tag};
use crate::{Digest, Error, ErrorKind};

/// Bytes that are gathered before BLAKE3 sees them: enough to keep its vector units busy.
const GATHERED: usize = 16 << 10;

/// Bytes of what lies apart in memory that are brought together at a time: a multiple of every element's width.
const PIECE: usize = 64 << 10;

/// How many bytes of a stream are gathered to show the value.
const SKETCHED: usize = 512;

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
    /// What BLAKE3 has not seen yet.
    buffer: SmallVec<[u8; 256]>,
    /// Made when the buffer first overflows: most streams never need it.
    tree: Option<Box<blake3::Hasher>>,
    failure: Option<String>,
    sampled: bool,
    /// How many bytes the buffer takes: of a sketch, that is all there is.
    room: usize,
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

/// What the bytes of [`ContentHasher::bulk`] are.
///
/// ```
/// assert_eq!(daglite::Element::F64.size(), 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Element {
    /// `bool`, one byte each, 0 or 1.
    Bool,
    /// `char`, as `u32`.
    Char,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `u128`.
    U128,
    /// `usize`, as `u64`.
    Usize,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `i128`.
    I128,
    /// `isize`, as `i64`.
    Isize,
    /// `f32`, its bits.
    F32,
    /// `f64`, its bits.
    F64,
}

impl Element {
    /// Its tag in the stream, and its width in bytes.
    const fn tag_and_size(self) -> (u8, usize) {
        match self {
            Self::Bool => (tag::BOOL, 1),
            Self::Char => (tag::CHAR, 4),
            Self::U8 => (tag::U8, 1),
            Self::U16 => (tag::U16, 2),
            Self::U32 => (tag::U32, 4),
            Self::U64 => (tag::U64, 8),
            Self::U128 => (tag::U128, 16),
            Self::Usize => (tag::USIZE, 8),
            Self::I8 => (tag::I8, 1),
            Self::I16 => (tag::I16, 2),
            Self::I32 => (tag::I32, 4),
            Self::I64 => (tag::I64, 8),
            Self::I128 => (tag::I128, 16),
            Self::Isize => (tag::ISIZE, 8),
            Self::F32 => (tag::F32, 4),
            Self::F64 => (tag::F64, 8),
        }
    }

    /// Bytes of one element in the stream.
    pub const fn size(self) -> usize {
        self.tag_and_size().1
    }
}

/// What an [unordered](ContentHasher::unordered) collection is.
///
/// ```
/// assert_ne!(daglite::Unordered::Map, daglite::Unordered::Set);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unordered {
    /// Keys and values; an entry's digest is that of its key and then its value.
    Map = 1,
    /// Elements.
    Set = 2,
}

/// Scalars: their tag, and their little-endian bytes.
macro_rules! scalars {
    ($($name:ident: $type:ty = $tag:ident, $value:ident => $bytes:expr;)*) => {$(
        #[doc = concat!("Writes a `", stringify!($type), "`.")]
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

/// Bulk data: the strategies differ here alone.
impl ContentHasher {
    /// Writes text.
    pub fn str(&mut self, text: &str) {
        let method = self.strategy.method_for(text.len());
        self.write(&[tag::STR, method as u8]);
        self.length(text.len());
        self.contents(method, [text.as_bytes(), &[]]);
    }

    /// Writes bytes, as a slice of `u8` does.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bulk(Element::U8, bytes.len(), bytes);
    }

    /// Writes `count` numbers that lie in memory one after the other, as little-endian `bytes`.
    ///
    /// ```
    /// use daglite::{ContentHash, ContentHasher, Element, Strategy};
    ///
    /// let mut bulk = ContentHasher::new(Strategy::Exact);
    /// bulk.bulk(Element::U16, 2, &[1, 0, 2, 0]);
    /// let mut slice = ContentHasher::new(Strategy::Exact);
    /// [1_u16, 2].content_hash(&mut slice);
    /// assert_eq!(bulk.finish()?, slice.finish()?);
    /// # Ok::<(), daglite::HashError>(())
    /// ```
    pub fn bulk(&mut self, element: Element, count: usize, bytes: &[u8]) {
        self.bulk_pieces(element, count, [bytes, &[]]);
    }

    /// The same, of numbers in two pieces.
    pub(super) fn bulk_pieces(&mut self, element: Element, count: usize, pieces: [&[u8]; 2]) {
        let len = pieces[0].len() + pieces[1].len();
        let (tag, size) = element.tag_and_size();
        if count.checked_mul(size) != Some(len) {
            return self.fail(format_args!(
                "{count} elements {element:?} take {size} bytes each, not {len} in all"
            ));
        }
        let method = self.strategy.method_for(len);
        self.write(&[tag::BULK, tag, method as u8]);
        self.length(count);
        self.contents(method, pieces);
    }

    /// Writes `count` numbers that lie apart in memory, as [`bulk`](Self::bulk) does those that lie together: the digest is
    /// the same. `fill(first, into)` writes the little-endian bytes of the elements from number `first` on, as many as fit
    /// into `into`, whose length is a whole number of elements. It is asked for a piece at a time, in any order and maybe from
    /// several threads at once.
    ///
    /// ```
    /// use daglite::{ContentHasher, Element, Strategy};
    ///
    /// let every_other = [1_u16, 0, 2, 0, 3, 0];
    /// let mut apart = ContentHasher::new(Strategy::Exact);
    /// apart.bulk_from(Element::U16, 3, &|first, into| {
    ///     for (element, bytes) in every_other.iter().step_by(2).skip(first).zip(into.chunks_exact_mut(2)) {
    ///         bytes.copy_from_slice(&element.to_le_bytes());
    ///     }
    /// });
    /// let mut together = ContentHasher::new(Strategy::Exact);
    /// together.bulk(Element::U16, 3, &[1, 0, 2, 0, 3, 0]);
    /// assert_eq!(apart.finish()?, together.finish()?);
    /// # Ok::<(), daglite::HashError>(())
    /// ```
    pub fn bulk_from(
        &mut self,
        element: Element,
        count: usize,
        fill: &(dyn Fn(usize, &mut [u8]) + Sync),
    ) {
        let (tag, size) = element.tag_and_size();
        let Some(len) = count.checked_mul(size) else {
            return self
                .fail(format_args!("{count} elements {element:?} are more than memory holds"));
        };
        let method = self.strategy.method_for(len);
        self.write(&[tag::BULK, tag, method as u8]);
        self.length(count);
        let read = |start: usize, into: &mut [u8]| sample::read_bytes(size, fill, start, into);
        match method {
            Method::Sampled if !self.is_sketch() => {
                self.sampled = true;
                self.write(&sample::gather_from(len, read));
            }
            Method::Exact | Method::Fast | Method::Sampled => {
                let mut piece = vec![0; len.min(PIECE)];
                for start in (0..len).step_by(PIECE) {
                    if self.has_enough() {
                        break;
                    }
                    let piece = &mut piece[..PIECE.min(len - start)];
                    fill(start / size, piece);
                    self.write(piece);
                }
            }
        }
    }

    /// The bytes of bulk data, as `method` says.
    fn contents(&mut self, method: Method, pieces: [&[u8]; 2]) {
        match method {
            Method::Exact | Method::Fast => pieces.into_iter().for_each(|piece| self.write(piece)),
            Method::Sampled if self.is_sketch() => self.write(pieces[0]),
            Method::Sampled => {
                self.sampled = true;
                self.write(&sample::gather(pieces));
            }
        }
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
    pub fn begin_struct(&mut self, name: &str, len: usize) {
        self.named(tag::STRUCT, name);
        self.length(len);
    }

    /// Names a field of a struct: its value follows.
    pub fn field(&mut self, name: &str) {
        self.named(tag::FIELD, name);
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
        self.sampled |= child.sampled;
        if let Some(why) = child.failure.take() {
            self.fail(why);
        }
        child.digest()
    }

    /// A hasher with the same strategy, for a digest inside a digest.
    pub fn child(&self) -> Self {
        Self::new(self.strategy)
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
    pub fn new(strategy: Strategy) -> Self {
        let mut buffer = SmallVec::new();
        buffer.extend_from_slice(tag::DOMAIN);
        Self { strategy, buffer, tree: None, failure: None, sampled: false, room: GATHERED }
    }

    /// One that makes no digest: it keeps the first bytes alone, to show the value. Whoever writes much may stop when it
    /// has [enough](Self::has_enough).
    pub(crate) fn sketch(strategy: Strategy) -> Self {
        Self { room: SKETCHED, ..Self::new(strategy) }
    }

    /// Whether it makes no digest.
    pub(super) fn is_sketch(&self) -> bool {
        self.room == SKETCHED
    }

    /// Whether what is written from now on is lost.
    pub(super) fn has_enough(&self) -> bool {
        self.is_sketch() && self.buffer.len() >= SKETCHED
    }

    /// The value, as far as its first bytes tell.
    pub(crate) fn shown(&self) -> String {
        shown::of(&self.buffer[tag::DOMAIN.len()..])
    }

    /// Writes a collection without an order into a sketch, where the digests of its entries are not needed.
    pub(super) fn unordered_of(&mut self, kind: Unordered, len: usize) {
        self.write(&[tag::UNORDERED, kind as u8]);
        self.length(len);
    }

    /// How closely it reads bulk data.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// Says that this value cannot be hashed. The first reason stays; [`finish`](Self::finish) returns it.
    pub fn fail(&mut self, why: impl fmt::Display) {
        self.failure.get_or_insert_with(|| why.to_string());
    }

    /// Whether a part was only sampled, so that the engine can say so.
    pub(crate) fn sampled(&self) -> bool {
        self.sampled
    }

    /// The digest of all that was written.
    ///
    /// # Errors
    ///
    /// If [`fail`](Self::fail) was called.
    pub fn finish(self) -> Result<Digest, HashError> {
        match self.failure {
            Some(why) => Err(HashError(why)),
            None => Ok(self.digest()),
        }
    }

    fn digest(&self) -> Digest {
        match &self.tree {
            None => Digest::of_bytes(&self.buffer),
            Some(tree) => {
                let mut tree = tree.clone();
                tree.update(&self.buffer);
                Digest::from_bytes(*tree.finalize().as_bytes())
            }
        }
    }

    /// A tag and a value of fixed width, in one write.
    fn tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        let mut node = [tag; 17];
        node[1..=N].copy_from_slice(&bytes);
        self.write(&node[..=N]);
    }

    fn named(&mut self, tag: u8, name: &str) {
        self.tagged(tag, (name.len() as u64).to_le_bytes());
        self.write(name.as_bytes());
    }

    fn name(&mut self, name: &str) {
        self.length(name.len());
        self.write(name.as_bytes());
    }

    fn length(&mut self, len: usize) {
        self.write(&(len as u64).to_le_bytes());
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > self.room {
            self.overflow(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    #[cold]
    fn overflow(&mut self, bytes: &[u8]) {
        if self.is_sketch() {
            let room = SKETCHED - self.buffer.len();
            self.buffer.extend_from_slice(&bytes[..room.min(bytes.len())]);
            return;
        }
        let tree = self.tree.get_or_insert_with(Box::default);
        tree.update(&self.buffer);
        self.buffer.clear();
        if bytes.len() > GATHERED / 2 {
            tree.update(bytes);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_remembered_even_from_inside_an_entry() {
        let bytes = vec![0; 1 << 20];
        let mut hasher = ContentHasher::new(Strategy::Sampled);
        hasher.bytes(&bytes[..1000]);
        assert!(!hasher.sampled());
        hasher.entry(|entry| entry.bytes(&bytes));
        assert!(hasher.sampled());

        let mut exact = ContentHasher::new(Strategy::Auto);
        exact.bytes(&bytes);
        assert!(!exact.sampled());
    }
}
