//! `Stream`: the bytes that a value writes, on their way into BLAKE3; or the first of them alone, to show the value.

use super::tag;
use crate::Digest;

/// Bytes that lie in the stream itself: most streams have no more, and need neither memory nor BLAKE3's own state.
const FEW: usize = 512;

/// Bytes that are gathered before BLAKE3 sees them: enough to keep its vector units busy.
const GATHERED: usize = 16 << 10;

/// What was written so far.
pub(super) struct Stream {
    few: [u8; FEW],
    /// How many of those there are; all of them from the first overflow on.
    length: usize,
    /// What BLAKE3 has not seen yet, from the first overflow on.
    many: Vec<u8>,
    /// Made when those overflow.
    tree: Option<Box<blake3::Hasher>>,
    /// Whether what does not fit is lost.
    is_sketch: bool,
}

impl Stream {
    /// One that begins as every stream does.
    #[inline]
    pub(super) fn new() -> Self {
        const { assert!(tag::DOMAIN.len() < FEW) };
        let mut few = [0; FEW];
        few[..tag::DOMAIN.len()].copy_from_slice(tag::DOMAIN);
        Self { few, length: tag::DOMAIN.len(), many: Vec::new(), tree: None, is_sketch: false }
    }

    /// One that keeps its first bytes, and has no digest.
    pub(super) fn sketch() -> Self {
        Self { is_sketch: true, ..Self::new() }
    }

    /// Whether it has no digest.
    pub(super) fn is_sketch(&self) -> bool {
        self.is_sketch
    }

    /// Whether what is written from now on is lost.
    pub(super) fn has_enough(&self) -> bool {
        self.is_sketch && self.length == FEW
    }

    /// Forgets the few bytes that were written.
    pub(super) fn begin_again(&mut self) {
        self.length = tag::DOMAIN.len();
    }

    /// Whether the first bytes are all there are.
    pub(super) fn is_few(&self) -> bool {
        self.many.is_empty() && self.tree.is_none() && !self.is_sketch
    }

    /// The first bytes, without those that every stream begins with.
    pub(super) fn first(&self) -> &[u8] {
        &self.few[tag::DOMAIN.len()..self.length]
    }

    /// Adds bytes.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.few.get_mut(self.length..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.length = end;
            }
            None => self.overflow(bytes),
        }
    }

    /// Adds a tag and what it tells of. They go straight to where they stay: bytes that are put together elsewhere and read
    /// again at once would hold up the processor.
    #[inline]
    pub(super) fn write_tagged<const N: usize>(&mut self, tag: u8, bytes: [u8; N]) {
        let end = self.length + 1 + N;
        match self.few.get_mut(self.length..end) {
            Some([first, rest @ ..]) => {
                *first = tag;
                rest.copy_from_slice(&bytes);
                self.length = end;
            }
            _ => {
                self.write(&[tag]);
                self.write(&bytes);
            }
        }
    }

    /// Adds bytes to more than a few.
    #[inline(never)]
    fn overflow(&mut self, bytes: &[u8]) {
        if self.is_sketch {
            let fitting = bytes.len().min(FEW - self.length);
            self.few[self.length..][..fitting].copy_from_slice(&bytes[..fitting]);
            self.length += fitting;
            return;
        }
        if self.many.is_empty() && self.tree.is_none() {
            self.many.extend_from_slice(&self.few[..self.length]);
            self.length = FEW;
        }
        if self.many.len() + bytes.len() > GATHERED {
            let tree = self.tree.get_or_insert_with(Box::default);
            tree.update(&self.many);
            self.many.clear();
            if bytes.len() > GATHERED / 2 {
                tree.update(bytes);
                return;
            }
        }
        self.many.extend_from_slice(bytes);
    }

    /// The digest of all that was written.
    #[inline]
    pub(super) fn digest(&self) -> Digest {
        let hash = match &self.tree {
            None if self.many.is_empty() => blake3::hash(&self.few[..self.length]),
            None => blake3::hash(&self.many),
            Some(tree) => {
                let mut tree = tree.clone();
                tree.update(&self.many);
                tree.finalize()
            }
        };
        Digest::from_bytes(*hash.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_all_bytes_however_they_came() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 / 3) as u8).collect();
        let start = tag::DOMAIN.len();
        let few = FEW - start;
        let lengths = [0, 1, few - 1, few, few + 1, 9_000, GATHERED, GATHERED + 1, 100_000];
        for len in lengths {
            let whole = [tag::DOMAIN, &bytes[..len]].concat();
            let expected = *blake3::hash(&whole).as_bytes();
            for step in [1, 7, few, few + 1, GATHERED / 2, GATHERED / 2 + 1, 100_000] {
                let mut stream = Stream::new();
                bytes[..len].chunks(step).for_each(|part| stream.write(part));
                assert_eq!(stream.digest().as_bytes(), &expected, "{len} bytes by {step}");
            }
        }
    }

    #[test]
    fn a_sketch_keeps_the_first_bytes() {
        let mut sketch = Stream::sketch();
        sketch.write(&[1; 400]);
        assert!(!sketch.has_enough());
        sketch.write(&[2; 400]);
        assert!(sketch.has_enough());
        assert_eq!(sketch.first().len(), FEW - tag::DOMAIN.len());
        assert_eq!(sketch.first()[399..401], [1, 2]);
    }
}
