//! `Bulk`: bulk data as it lies in memory, read a part at a time.

use std::ops::Range;

/// Bytes of what lies apart in memory that are brought together at a time: a multiple of every element's width.
const PIECE: usize = 64 << 10;

/// Writes the bytes of elements from a number on into a piece.
pub(super) type Fill<'a> = dyn Fn(usize, &mut [u8]) + Sync + 'a;

/// The bytes of a slice, a text or a view, wherever they lie.
pub(super) enum Bulk<'a> {
    /// In two pieces, the second of which is mostly empty.
    Together([&'a [u8]; 2]),
    /// Apart: `len` bytes, of elements of `size` bytes each, which `fill` brings together.
    Apart { len: usize, size: usize, fill: &'a Fill<'a> },
}

/// Room for what is brought together; a thread's own.
pub(super) type Room = Vec<u8>;

impl Bulk<'_> {
    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Together([first, second]) => first.len() + second.len(),
            Self::Apart { len, .. } => *len,
        }
    }

    /// Hands the bytes of `range`, which begins with an element, to `take`: one part after the other, until that says no.
    pub(super) fn parts(
        &self,
        range: Range<usize>,
        room: &mut Room,
        mut take: impl FnMut(&[u8]) -> bool,
    ) {
        match self {
            Self::Together([first, second]) => {
                let seam = first.len();
                let goes_on = range.start >= seam || take(&first[range.start..range.end.min(seam)]);
                if range.end > seam && goes_on {
                    take(&second[range.start.max(seam) - seam..range.end - seam]);
                }
            }
            Self::Apart { size, fill, .. } => {
                for start in range.clone().step_by(PIECE) {
                    let wanted = PIECE.min(range.end - start);
                    if room.len() < wanted {
                        room.resize(wanted, 0);
                    }
                    let piece = &mut room[..wanted];
                    fill(start / size, piece);
                    if !take(piece) {
                        return;
                    }
                }
            }
        }
    }

    /// Appends the bytes of `range`, a short one that begins anywhere.
    pub(super) fn append(&self, range: Range<usize>, room: &mut Room, into: &mut Vec<u8>) {
        let size = match self {
            Self::Together(_) => 1,
            Self::Apart { size, .. } => *size,
        };
        let whole = range.start / size * size..range.end.next_multiple_of(size);
        let end = into.len() + range.len();
        let mut before = range.start - whole.start;
        self.parts(whole, room, |part| {
            into.extend_from_slice(&part[before..]);
            before = 0;
            true
        });
        into.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of `range`, joined.
    fn joined(bulk: &Bulk<'_>, range: Range<usize>) -> Vec<u8> {
        let (mut joined, mut room) = (Vec::new(), Room::new());
        bulk.append(range, &mut room, &mut joined);
        joined
    }

    #[test]
    fn every_range_is_the_same_wherever_the_bytes_lie() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 / 3) as u8).collect();
        let fill = |first: usize, into: &mut [u8]| {
            into.copy_from_slice(&bytes[first * 8..][..into.len()]);
        };
        let apart = Bulk::Apart { len: bytes.len(), size: 8, fill: &fill };
        for range in [0..0, 0..1, 3..1027, 65_529..65_544, 8..200_000, 199_999..200_000] {
            assert_eq!(joined(&apart, range.clone()), &bytes[range.clone()], "{range:?}");
            for seam in [0, 1, 512, 1024, 65_536, 199_999, 200_000] {
                let (first, second) = bytes.split_at(seam);
                let together = Bulk::Together([first, second]);
                assert_eq!(joined(&together, range.clone()), &bytes[range.clone()], "{seam}");
            }
        }
    }

    #[test]
    fn nothing_is_read_once_enough_was_taken() {
        let bulk = Bulk::Together([&[1, 2], &[3]]);
        let mut parts = 0;
        bulk.parts(0..3, &mut Room::new(), |_| {
            parts += 1;
            false
        });
        assert_eq!(parts, 1);
    }
}
