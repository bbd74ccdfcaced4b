//! Reads a fuzzer's bytes as choices, numbers and texts; there is always something to read.

/// What is left of the fuzzer's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    /// All of them.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; zero at the end.
    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// The next two, little endian.
    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// The next eight, little endian.
    pub fn long(&mut self) -> i64 {
        i64::from_le_bytes(self.array())
    }

    /// A number: small ones and the extremes by one byte, any other by nine.
    pub fn number(&mut self) -> i64 {
        match self.byte() {
            255 => self.long(),
            254 => i64::MAX,
            253 => i64::MIN,
            252 => -1,
            251 => i64::MAX - 1,
            small => i64::from(small),
        }
    }

    /// As many as the next two bytes say, or as there are.
    pub fn some(&mut self) -> &'a [u8] {
        let wanted = usize::from(self.short());
        self.take(wanted)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    /// Whether there is nothing left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `sound` with the edits that the next bytes describe, up to the end or to an edit of no kind.
    pub fn edited(&mut self, sound: &[u8]) -> Vec<u8> {
        let mut bytes = sound.to_vec();
        while !self.is_empty() && !bytes.is_empty() {
            let kind = self.byte();
            let at =
                (usize::from(self.byte() & 0x0f) << 16 | usize::from(self.short())) % bytes.len();
            match kind % 8 {
                0 => bytes[at] = self.byte(),
                1 => bytes[at] ^= 1 << (self.byte() % 8),
                2 => bytes.truncate(at),
                3 => {
                    let more = self.some();
                    bytes.splice(at..at, more.iter().copied());
                }
                4 => {
                    let end = bytes.len().min(at + usize::from(self.byte()) + 1);
                    bytes.drain(at..end);
                }
                5 => {
                    // A number in place of another.
                    let number = self.long();
                    for (byte, new) in bytes[at..].iter_mut().zip(number.to_le_bytes()) {
                        *byte = new;
                    }
                }
                6 => {
                    // Another part of the same bytes.
                    let from = usize::from(self.short()) % bytes.len();
                    let length = usize::from(self.byte()) + 1;
                    let length = length.min(bytes.len() - from).min(bytes.len() - at);
                    bytes.copy_within(from..from + length, at);
                }
                _ => break,
            }
        }
        bytes
    }

    /// The next `wanted`, or as many as there are.
    fn take(&mut self, wanted: usize) -> &'a [u8] {
        let (taken, left) = self.0.split_at(wanted.min(self.0.len()));
        self.0 = left;
        taken
    }

    /// The next `N`, with zeros for those that are missing.
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let taken = self.take(N);
        let mut array = [0; N];
        array[..taken.len()].copy_from_slice(taken);
        array
    }
}
