//! How `ContentHasher` takes bulk data: the strategies differ here alone.

use super::bulk::{Bulk, Fill, Room, Scattered};
use super::strategy::Method;
use super::{ContentHasher, Element, Strategy, fast, sample, tag};
use crate::digest::hash_in_parallel;

/// Bytes of the subtrees of what lies apart: a piece is best as long as there is room for.
const SUBTREE_APART: usize = 1 << 20;

/// Bulk data.
impl ContentHasher {
    /// Writes text.
    #[inline]
    pub fn str(&mut self, text: &str) {
        let method = self.strategy().method_for(text.len());
        self.write(&[tag::STR, method as u8]);
        self.length(text.len());
        match method {
            Method::Whole | Method::FastWhole => self.write(text.as_bytes()),
            _ => self.contents(method, &Bulk::Together([text.as_bytes(), &[]])),
        }
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
        let bulk = Bulk::Together(pieces);
        let (size, len) = (element.size(), bulk.len());
        if count.checked_mul(size) != Some(len) {
            return self.fail(format_args!(
                "{count} elements {element:?} take {size} bytes each, not {len} in all"
            ));
        }
        self.bulk_node(element, count, &bulk);
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
        self.bulk_rows_from(element, count, 1, fill);
    }

    /// The same, of numbers of which every `row` ones are best asked for together.
    pub(super) fn bulk_rows_from(
        &mut self,
        element: Element,
        count: usize,
        row: usize,
        fill: &Fill<'_>,
    ) {
        let size = element.size();
        let Some(len) = count.checked_mul(size) else {
            return self
                .fail(format_args!("{count} elements {element:?} are more than memory holds"));
        };
        let row = row.max(1).saturating_mul(size);
        self.bulk_node(element, count, &Bulk::Apart(Scattered { len, size, row, fill }));
    }

    /// A node of bulk data.
    fn bulk_node(&mut self, element: Element, count: usize, bulk: &Bulk<'_>) {
        let method = self.strategy().method_for(bulk.len());
        self.write(&[tag::BULK, element.tag(), method as u8]);
        self.length(count);
        self.contents(method, bulk);
    }

    /// The bytes of bulk data, as `method` says. A sketch takes the first ones in any case.
    fn contents(&mut self, method: Method, bulk: &Bulk<'_>) {
        match method {
            _ if self.is_sketch() => self.whole(bulk),
            Method::Whole | Method::FastWhole => self.whole(bulk),
            Method::Apart => {
                let threads = self.threads();
                let least = if matches!(bulk, Bulk::Apart(_)) { SUBTREE_APART } else { 1 };
                let digest = hash_in_parallel(
                    bulk.len(),
                    least,
                    threads,
                    || Room::of_each(threads),
                    |range, room, hasher| {
                        bulk.parts(range, room, |part| {
                            hasher.update(part);
                            true
                        });
                    },
                );
                self.write(digest.as_bytes());
            }
            Method::Fast => {
                let chunks = fast::chunks(bulk, self.threads());
                chunks.iter().for_each(|chunk| self.write(chunk));
            }
            Method::Sampled => {
                if self.strategy() == Strategy::Auto {
                    self.note_sampled(bulk.len());
                }
                self.write(&sample::gather(bulk));
            }
        }
    }

    /// Every byte, into the stream itself.
    fn whole(&mut self, bulk: &Bulk<'_>) {
        let mut room = if self.is_sketch() { Room::small() } else { Room::of_each(1) };
        bulk.parts(0..bulk.len(), &mut room, |part| {
            self.write(part);
            !self.has_enough()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of a page in each page.
    fn pages(first: usize, into: &mut [u8]) {
        for (number, byte) in into.iter_mut().enumerate() {
            *byte = ((first + number) >> 12) as u8;
        }
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn what_auto_samples_is_remembered_even_from_inside_an_entry() {
        let len = (1 << 30) + 1;
        let mut hasher = ContentHasher::new(Strategy::Auto);
        hasher.bytes(&[0; 1000]);
        assert_eq!(hasher.sampled(), None);
        hasher.entry(|entry| entry.bulk_from(Element::U8, len, &pages));
        assert_eq!(hasher.sampled(), Some(len));

        let mut asked = ContentHasher::new(Strategy::Sampled);
        asked.bulk_from(Element::U8, len, &pages);
        assert_eq!(asked.sampled(), None);
    }
}
