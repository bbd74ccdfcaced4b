//! `Bits`: a bitmap that begins anywhere in its bytes, read in words, in runs and in counts.

use std::ops::Range;

/// Bits that begin anywhere in their bytes, the lowest of each byte first.
#[derive(Clone, Copy)]
pub(in crate::hash) struct Bits<'a> {
    bytes: &'a [u8],
    /// Which bit of the bytes is the first one.
    offset: usize,
}

impl<'a> Bits<'a> {
    /// The bits of `bytes` from number `offset` on.
    pub(in crate::hash) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    /// One bit.
    pub(super) fn get(&self, at: usize) -> bool {
        let bit = self.offset + at;
        self.bytes[bit / 8] >> (bit % 8) & 1 == 1
    }

    /// How many bits of a run are ones.
    pub(super) fn count_ones(&self, run: Range<usize>) -> usize {
        let words = run.clone().step_by(64);
        words.map(|at| (self.word(at) & low_bits(run.end - at)).count_ones() as usize).sum()
    }

    /// The first run of ones within a run.
    pub(super) fn ones(&self, run: Range<usize>) -> Option<Range<usize>> {
        let start = self.first(run.clone(), 0).unwrap_or(run.end);
        let end = self.first(start..run.end, u64::MAX).unwrap_or(run.end);
        (start < end).then_some(start..end)
    }

    /// Adds a run to the bits of `into`, from number `at` on. They must be zeros.
    pub(super) fn copy(&self, run: Range<usize>, into: &mut [u8], at: usize) {
        for start in run.clone().step_by(64) {
            let count = (run.end - start).min(64);
            let word = self.word(start) & low_bits(count);
            let to = at + start - run.start;
            // Nine bytes at most, as the first one may be begun.
            let shifted = (u128::from(word) << (to % 8)).to_le_bytes();
            let bytes = &mut into[to / 8..(to + count).div_ceil(8)];
            bytes.iter_mut().zip(shifted).for_each(|(byte, new)| *byte |= new);
        }
    }

    /// The first bit that is one after all bits are turned around by `turn`.
    fn first(&self, run: Range<usize>, turn: u64) -> Option<usize> {
        let mut words = run.clone().step_by(64);
        words.find_map(|at| {
            let word = (self.word(at) ^ turn) & low_bits(run.end - at);
            (word != 0).then(|| at + word.trailing_zeros() as usize)
        })
    }

    /// 64 bits from number `at` on, zeros behind the end.
    fn word(&self, at: usize) -> u64 {
        let bit = self.offset + at;
        let rest = self.bytes.get(bit / 8..).unwrap_or_default();
        let mut bytes = [0; 16];
        // A fixed number of bytes is one load, and the rule.
        match rest.first_chunk::<9>() {
            Some(nine) => bytes[..9].copy_from_slice(nine),
            None => bytes[..rest.len()].copy_from_slice(rest),
        }
        (u128::from_le_bytes(bytes) >> (bit % 8)) as u64
    }
}

/// As many ones, at most 64.
fn low_bits(count: usize) -> u64 {
    if count < 64 { (1 << count) - 1 } else { u64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_counts_and_copies_are_those_of_single_bits() {
        let bytes: Vec<u8> = (0..64_u32).map(|i| ((i * i * 37) >> 3) as u8).collect();
        for offset in [0, 1, 7, 8, 13] {
            let bits = Bits::new(&bytes, offset);
            for run in [0..0, 0..1, 3..90, 64..128, 5..480] {
                let set: Vec<usize> = run.clone().filter(|at| bits.get(*at)).collect();
                assert_eq!(bits.count_ones(run.clone()), set.len());
                let mut found = Vec::new();
                let mut from = run.start;
                while let Some(ones) = bits.ones(from..run.end) {
                    from = ones.end;
                    found.extend(ones);
                }
                assert_eq!(found, set);
                for at in [0, 3, 8, 21] {
                    let mut copy = [0; 80];
                    bits.copy(run.clone(), &mut copy, at);
                    let copy = Bits::new(&copy, at);
                    let copied: Vec<usize> =
                        (0..500).filter(|at| copy.get(*at)).map(|at| at + run.start).collect();
                    assert_eq!(copied, set);
                }
            }
        }
    }
}
