//! Which blocks of a large buffer `Strategy::Sampled` reads.

use std::iter;

use super::strategy::SAMPLE_WHOLE_LIMIT;

/// Bytes of one block, and of either end.
const BLOCK: usize = 1 << 10;

/// Blocks between the ends.
const BLOCKS: usize = 64;

/// The bytes that stand for a buffer in two pieces, gathered so that they are hashed in one go: both ends, and one
/// block from each of 64 equal stretches between them, at a place in its stretch that depends on the whole length.
pub(super) fn gather(pieces: [&[u8]; 2]) -> Vec<u8> {
    let len = pieces[0].len() + pieces[1].len();
    assert!(len > SAMPLE_WHOLE_LIMIT, "what is small is hashed whole");
    let mut sample = Vec::with_capacity((BLOCKS + 2) * BLOCK);
    copy(pieces, 0, &mut sample);
    for start in starts(len) {
        copy(pieces, start, &mut sample);
    }
    copy(pieces, len - BLOCK, &mut sample);
    sample
}

/// The same, of a buffer of `len` bytes that `read(start, into)` reads.
pub(super) fn gather_from(len: usize, read: impl Fn(usize, &mut [u8])) -> Vec<u8> {
    let starts = iter::once(0).chain(starts(len)).chain(iter::once(len - BLOCK));
    let mut sample = vec![0; (BLOCKS + 2) * BLOCK];
    for (start, block) in starts.zip(sample.chunks_exact_mut(BLOCK)) {
        read(start, block);
    }
    sample
}

/// The bytes from `start` on of elements of `size` bytes, which `fill` gives only whole.
pub(super) fn read_bytes(
    size: usize,
    fill: &(dyn Fn(usize, &mut [u8]) + Sync),
    start: usize,
    into: &mut [u8],
) {
    let first = start / size;
    let mut whole = vec![0; (start + into.len()).div_ceil(size) * size - first * size];
    fill(first, &mut whole);
    into.copy_from_slice(&whole[start - first * size..][..into.len()]);
}

/// Where the blocks between the ends start.
fn starts(len: usize) -> impl Iterator<Item = usize> {
    let stretch = (len - 2 * BLOCK) / BLOCKS;
    let mut jitter = blake3::Hasher::new();
    jitter.update(b"daglite sample v1");
    jitter.update(&(len as u64).to_le_bytes());
    let mut jitter = jitter.finalize_xof();
    (0..BLOCKS).map(move |block| {
        let mut random = [0; 8];
        jitter.fill(&mut random);
        let room = (stretch - BLOCK + 1) as u64;
        // Below `room`, so it fits where `len` fits.
        let offset = (u64::from_le_bytes(random) % room) as usize;
        BLOCK + block * stretch + offset
    })
}

/// Appends the block that starts at `start`, across the seam of the pieces if it must.
fn copy([first, second]: [&[u8]; 2], start: usize, sample: &mut Vec<u8>) {
    let end = start + BLOCK;
    let seam = first.len();
    if start < seam {
        sample.extend_from_slice(&first[start..end.min(seam)]);
    }
    if end > seam {
        sample.extend_from_slice(&second[start.max(seam) - seam..end - seam]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_lie_in_order_within_the_whole_and_do_not_overlap() {
        for len in [SAMPLE_WHOLE_LIMIT + 1, 1_000_003, 800_000_000] {
            let mut free = BLOCK;
            for start in starts(len) {
                assert!(start >= free, "{start} overlaps the block before it in {len} bytes");
                free = start + BLOCK;
            }
            assert!(free <= len - BLOCK, "the last block reaches into the end of {len} bytes");
        }
    }

    #[test]
    fn a_seam_anywhere_gives_the_same_sample() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i * 7 / 3) as u8).collect();
        let whole = gather([&bytes, &[]]);
        assert_eq!(whole.len(), (BLOCKS + 2) * BLOCK);
        let apart = gather_from(bytes.len(), |start, into| {
            read_bytes(
                8,
                &|first, into| into.copy_from_slice(&bytes[first * 8..][..into.len()]),
                start,
                into,
            );
        });
        assert_eq!(apart, whole);
        for seam in [0, 1, 512, 1024, 100_000, 199_999, 200_000] {
            let (first, second) = bytes.split_at(seam);
            assert_eq!(gather([first, second]), whole, "seam at {seam}");
        }
    }
}
