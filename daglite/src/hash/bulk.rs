//! `Bulk`: bulk data as it lies in memory, read a part at a time.

use std::ops::Range;

/// Bytes of memory for what is brought together, of all threads.
const ROOM: usize = 1792 << 10;

/// The longest piece: more do not stay in the processor's cache until they are hashed.
const LONGEST_PIECE: usize = 1 << 20;

/// Pieces are a multiple of this, and so of every element's width.
const STEP: usize = 4 << 10;

/// Writes the bytes of elements from a number on into a piece.
pub(super) type Fill<'a> = dyn Fn(usize, &mut [u8]) + Sync + 'a;

/// The bytes of a slice, a text or a view, wherever they lie.
pub(super) enum Bulk<'a> {
    /// In two pieces, the second of which is mostly empty.
    Together([&'a [u8]; 2]),
    /// Apart, brought together piece by piece.
    Apart(Scattered<'a>),
}

/// Bytes that do not lie together.
pub(super) struct Scattered<'a> {
    /// How many there are.
    pub(super) len: usize,
    /// Bytes of an element.
    pub(super) size: usize,
    /// Bytes that are best brought together as a whole: a piece ends with one of them, if it holds several.
    pub(super) row: usize,
    /// Brings them together.
    pub(super) fill: &'a Fill<'a>,
}

impl Scattered<'_> {
    /// Where the piece ends that begins at `start`: at `end`, or after `most` bytes or a few less.
    fn end_of_piece(&self, start: usize, end: usize, most: usize) -> usize {
        if end - start <= most {
            return end;
        }
        let full = start + most;
        let whole_rows = full / self.row * self.row;
        if whole_rows > start + most / 2 { whole_rows } else { full }
    }
}

/// Room for what is brought together; a thread's own.
pub(super) struct Room {
    bytes: Vec<u8>,
    /// As many bytes at most.
    piece: usize,
}

impl Room {
    /// That of each of so many threads.
    pub(super) fn of_each(threads: usize) -> Self {
        Self::of((ROOM / threads.max(1)).min(LONGEST_PIECE) / STEP * STEP)
    }

    /// Room for a few bytes, where no more are wanted.
    pub(super) fn small() -> Self {
        Self::of(STEP)
    }

    fn of(piece: usize) -> Self {
        Self { bytes: Vec::new(), piece: piece.max(STEP) }
    }

    /// So many bytes.
    fn first(&mut self, wanted: usize) -> &mut [u8] {
        if self.bytes.len() < wanted {
            // What there was goes before, so that the two are never there at once.
            self.bytes = Vec::new();
            self.bytes = vec![0; wanted];
        }
        &mut self.bytes[..wanted]
    }
}

impl Bulk<'_> {
    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Together([first, second]) => first.len() + second.len(),
            Self::Apart(apart) => apart.len,
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
            Self::Apart(apart) => {
                let mut start = range.start;
                while start < range.end {
                    let end = apart.end_of_piece(start, range.end, room.piece);
                    let piece = room.first(end - start);
                    (apart.fill)(start / apart.size, piece);
                    if !take(piece) {
                        return;
                    }
                    start = end;
                }
            }
        }
    }

    /// Appends the bytes of `range`, a short one that begins anywhere.
    pub(super) fn append(&self, range: Range<usize>, room: &mut Room, into: &mut Vec<u8>) {
        let size = match self {
            Self::Together(_) => 1,
            Self::Apart(apart) => apart.size,
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
        let (mut joined, mut room) = (Vec::new(), Room::of(64 << 10));
        bulk.append(range, &mut room, &mut joined);
        joined
    }

    #[test]
    fn every_range_is_the_same_wherever_the_bytes_lie() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 / 3) as u8).collect();
        let fill = |first: usize, into: &mut [u8]| {
            into.copy_from_slice(&bytes[first * 8..][..into.len()]);
        };
        for range in [0..0, 0..1, 3..1027, 65_529..65_544, 8..200_000, 199_999..200_000] {
            for row in [8, 24, 30_000, 65_536, 80_000] {
                let apart = Bulk::Apart(Scattered { len: bytes.len(), size: 8, row, fill: &fill });
                assert_eq!(
                    joined(&apart, range.clone()),
                    &bytes[range.clone()],
                    "{range:?}, {row}"
                );
            }
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
        bulk.parts(0..3, &mut Room::small(), |_| {
            parts += 1;
            false
        });
        assert_eq!(parts, 1);
    }

    #[test]
    fn pieces_end_with_rows_and_all_threads_room_is_less_than_two_mebibytes() {
        let fill = |_: usize, _: &mut [u8]| {};
        let apart = Scattered { len: 1 << 30, size: 8, row: 80_000, fill: &fill };
        let bulk = Bulk::Apart(apart);
        let mut room = Room::of_each(2);
        let mut ends = vec![1 << 20];
        bulk.parts(1 << 20..4 << 20, &mut room, |part| {
            ends.push(ends[ends.len() - 1] + part.len());
            true
        });
        assert_eq!(ends, [1 << 20, 1_920_000, 2_800_000, 3_680_000, 4 << 20]);
        for threads in 0..=8 {
            let mut room = Room::of_each(threads);
            bulk.parts(0..1 << 22, &mut room, |_| true);
            assert!(room.bytes.capacity() * threads.max(1) < 2 << 20, "{threads} threads");
        }
    }
}
