//! Which blocks of a large buffer `Strategy::Sampled` reads.

use std::hint::black_box;

use super::bulk::{Bulk, Room};
use super::strategy::SAMPLE_WHOLE_LIMIT;

/// Bytes of one block, and of either end.
const BLOCK: usize = 1 << 10;

/// Bytes that memory gives at once.
const CACHE_LINE: usize = 64;

/// Blocks between the ends.
const BLOCKS: usize = 64;

/// The bytes that stand for a buffer, gathered so that they are hashed in one go: both ends, and one block from each of 64
/// equal stretches between them, at a place in its stretch that depends on the whole length.
pub(super) fn gather(bulk: &Bulk<'_>) -> Vec<u8> {
    let len = bulk.len();
    assert!(len > SAMPLE_WHOLE_LIMIT, "what is small is hashed whole");
    let mut sample = Vec::with_capacity((BLOCKS + 2) * BLOCK + 16);
    let mut room = Room::small();
    let starts = starts(len);
    touch(bulk, &starts);
    for start in starts {
        bulk.append(start..start + BLOCK, &mut room, &mut sample);
    }
    sample
}

/// Asks memory for all blocks at once: copied one after the other, each would wait for the one before.
fn touch(bulk: &Bulk<'_>, starts: &[usize]) {
    let Bulk::Together([first, second]) = bulk else { return };
    let mut seen = 0;
    for line in (0..BLOCK).step_by(CACHE_LINE) {
        for start in starts {
            let at = start + line;
            seen ^= first.get(at).or_else(|| second.get(at - first.len())).copied().unwrap_or(0);
        }
    }
    black_box(seen);
}

/// Where the blocks start, both ends included. No two of them keep a regular distance, so that no regular pattern of
/// changes lies between all of them.
fn starts(len: usize) -> [usize; BLOCKS + 2] {
    let stretch = (len - 2 * BLOCK) / BLOCKS;
    let mut jitter = blake3::Hasher::new();
    jitter.update(b"daglite sample v1");
    jitter.update(&(len as u64).to_le_bytes());
    let mut jitter = jitter.finalize_xof();
    let mut starts = [0; BLOCKS + 2];
    for (block, start) in starts[1..=BLOCKS].iter_mut().enumerate() {
        let mut random = [0; 8];
        jitter.fill(&mut random);
        let room = (stretch - BLOCK + 1) as u64;
        // Below `room`, so it fits where `len` fits.
        let offset = (u64::from_le_bytes(random) % room) as usize;
        *start = BLOCK + block * stretch + offset;
    }
    starts[BLOCKS + 1] = len - BLOCK;
    starts
}

#[cfg(test)]
mod tests {
    use super::super::bulk::Scattered;
    use super::*;

    #[test]
    fn blocks_lie_in_order_within_the_whole_and_do_not_overlap() {
        for len in [SAMPLE_WHOLE_LIMIT + 1, 1_000_003, 800_000_000] {
            let mut free = 0;
            for start in starts(len) {
                assert!(start >= free, "{start} overlaps the block before it in {len} bytes");
                free = start + BLOCK;
            }
            assert_eq!(free, len, "the end is read");
        }
    }

    #[test]
    fn a_sample_is_the_same_wherever_the_bytes_lie() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 / 3) as u8).collect();
        let whole = gather(&Bulk::Together([&bytes, &[]]));
        assert_eq!(whole.len(), (BLOCKS + 2) * BLOCK);
        let fill = |first: usize, into: &mut [u8]| {
            into.copy_from_slice(&bytes[first * 8..][..into.len()]);
        };
        let apart = Scattered { len: bytes.len(), size: 8, row: 8, fill: &fill };
        assert_eq!(gather(&Bulk::Apart(apart)), whole);
        for seam in [0, 1, 512, 1024, 100_000, 199_999, 200_000] {
            let (first, second) = bytes.split_at(seam);
            assert_eq!(gather(&Bulk::Together([first, second])), whole, "seam at {seam}");
        }
    }
}
