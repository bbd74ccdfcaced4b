//! `ContentHash`: the trait of values whose content has a digest.

use super::deep::deeper;
use super::{Apart, ContentHasher, Strategy};
use crate::{Digest, Error};

/// A value whose content has a digest.
///
/// Derive it: every field writes itself, tagged with its name. Types of the standard library have it already, and a
/// type that only has `serde::Serialize` needs no more to be a parameter of a cached task: see
/// [`serde_hash`](crate::serde_hash).
///
/// # Contract
///
/// - Equal values write the same stream, in every process and on every platform: no addresses, no iteration order of
///   a hash map, no `std::hash::Hash`.
/// - Values that differ in anything a task may see write different streams.
/// - The stream says where it ends: begin with one of the tagged writers of [`ContentHasher`], and after a
///   `begin_…(len)` write exactly `len` parts.
/// - What cannot be hashed calls [`ContentHasher::fail`]; the call is then not cached.
///
/// Cells, locks and atomics have none: their content may change between the hash and the run.
///
/// A value may be nested to any depth: pointers and collections go on on another piece of stack where one is used up.
///
/// # Examples
///
/// ```
/// use daglite::{ContentHash, content_digest};
///
/// #[derive(ContentHash)]
/// struct Options {
///     window: usize,
///     #[content_hash(skip)]
///     verbose: bool,
/// }
///
/// let quiet = content_digest(&Options { window: 30, verbose: false })?;
/// let loud = content_digest(&Options { window: 30, verbose: true })?;
/// let wide = content_digest(&Options { window: 90, verbose: true })?;
/// assert_eq!(quiet, loud);
/// assert_ne!(loud, wide);
/// # Ok::<(), daglite::Error>(())
/// ```
///
/// By hand, for a type whose content is not its fields:
///
/// ```
/// use daglite::{ContentHash, ContentHasher, content_digest};
///
/// struct Fraction(i64, i64);
///
/// impl ContentHash for Fraction {
///     fn content_hash(&self, hasher: &mut ContentHasher) {
///         if self.1 == 0 {
///             return hasher.fail("a fraction with denominator 0 has no value");
///         }
///         hasher.begin_struct("Fraction", 1);
///         hasher.field("value");
///         hasher.f64(self.0 as f64 / self.1 as f64);
///     }
/// }
///
/// assert_eq!(content_digest(&Fraction(1, 2))?, content_digest(&Fraction(2, 4))?);
/// assert!(content_digest(&Fraction(1, 0)).is_err());
/// # Ok::<(), daglite::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "the content of `{Self}` cannot be hashed",
    label = "has no content hash",
    note = "derive it: `#[derive(daglite::ContentHash)]`",
    note = "on a field, `#[content_hash(skip)]` leaves it out and `#[content_hash(serde)]` hashes it by `serde::Serialize`"
)]
#[cfg_attr(
    feature = "polars",
    diagnostic::on_unimplemented(note = "a `LazyFrame` of polars' has to be `collect()`ed first")
)]
pub trait ContentHash {
    /// Writes the content into `hasher`.
    fn content_hash(&self, hasher: &mut ContentHasher);

    /// Writes the elements of a slice that lies in two pieces (those of a `VecDeque`; the second is mostly empty).
    /// Numbers override it to write their bytes in one go.
    #[doc(hidden)]
    fn content_hash_slices(pieces: [&[Self]; 2], hasher: &mut ContentHasher)
    where
        Self: Sized,
    {
        hasher.begin_seq(pieces[0].len() + pieces[1].len());
        deeper(|| {
            for element in pieces.into_iter().flatten() {
                if hasher.has_enough() {
                    break;
                }
                element.content_hash(hasher);
            }
        });
    }

    /// The same, of elements that lie apart in memory.
    #[doc(hidden)]
    fn content_hash_apart(elements: &impl Apart<Self>, hasher: &mut ContentHasher)
    where
        Self: Sized,
    {
        hasher.begin_seq(elements.count());
        deeper(|| {
            for element in elements.each() {
                if hasher.has_enough() {
                    break;
                }
                element.content_hash(hasher);
            }
        });
    }
}

/// The digest of a value's content, by [`Strategy::Auto`].
///
/// ```
/// use daglite::content_digest;
///
/// assert_eq!(content_digest(&vec![1, 2])?, content_digest(&[1, 2][..])?);
/// assert_ne!(content_digest(&1_u32)?, content_digest(&1_i32)?);
/// # Ok::<(), daglite::Error>(())
/// ```
///
/// # Errors
///
/// If a part of the value cannot be hashed: an [`InputFile`](crate::InputFile) that cannot be read, say.
pub fn content_digest<T: ContentHash + ?Sized>(value: &T) -> Result<Digest, Error> {
    let mut hasher = ContentHasher::new(Strategy::Auto);
    value.content_hash(&mut hasher);
    Ok(hasher.finish()?)
}
