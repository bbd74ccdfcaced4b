//! Sets of small numbers, a bit each: they are put together word by word.

/// A set of numbers.
#[derive(Clone, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Whether a number is in it.
    pub(crate) fn has(&self, number: usize) -> bool {
        match self.words.get(number >> 6) {
            Some(word) => word >> (number & 63) & 1 == 1,
            None => false,
        }
    }

    /// Puts a number in; answers whether it is new.
    pub(crate) fn add(&mut self, number: usize) -> bool {
        let (at, bit) = (number >> 6, 1 << (number & 63));
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let is_new = self.words[at] & bit == 0;
        self.words[at] |= bit;
        is_new
    }

    /// Puts all of another set in; answers those that are new.
    pub(crate) fn add_all(&mut self, other: &Self) -> Vec<usize> {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        let mut found = Vec::new();
        let mut at = 0;
        while at < other.words.len() {
            let fresh = other.words[at] & !self.words[at];
            if fresh != 0 {
                self.words[at] |= fresh;
                numbers_of(at, fresh, &mut found);
            }
            at += 1;
        }
        found
    }

    /// All numbers, in their order.
    pub(crate) fn all(&self) -> Vec<usize> {
        let mut found = Vec::new();
        for (at, word) in self.words.iter().enumerate() {
            numbers_of(at, *word, &mut found);
        }
        found
    }
}

/// The numbers that the bits of one word stand for.
fn numbers_of(at: usize, mut word: u64, found: &mut Vec<usize>) {
    while word != 0 {
        found.push(at << 6 | word.trailing_zeros() as usize);
        word &= word - 1;
    }
}
