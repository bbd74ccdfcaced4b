//! How `Strategy::Fast` reads bulk data: by XXH3, chunk by chunk.

use std::mem::replace;
use std::ops::Range;

use twox_hash::XxHash3_128;

use super::bulk::{Bulk, Room};
use crate::threads;

/// Bytes of a chunk; the last one may be shorter. Part of the format.
const CHUNK: usize = 1 << 20;

/// As many bytes for each thread, it saves more than it costs.
const WORTH_A_THREAD: usize = 8 << 20;

/// Chunks of what lies apart that a thread takes at a time: pieces need not end with a chunk, and what one of them has brought into
/// the processor's caches serves the next.
const CHUNKS_APART: usize = 4;

/// The XXH3-128 hash of each chunk, one after the other.
pub(super) fn chunks(bulk: &Bulk<'_>, threads: usize) -> Vec<[u8; 16]> {
    let len = bulk.len();
    let threads = threads.min(len / WORTH_A_THREAD);
    let share = if matches!(bulk, Bulk::Apart(_)) { CHUNKS_APART * CHUNK } else { CHUNK };
    let room = || Room::of_each(threads);
    let hashes = threads::each(len.div_ceil(share), threads, room, |number, room| {
        let start = number * share;
        hashes(bulk, start..len.min(start + share), room)
    });
    hashes.into_iter().flatten().collect()
}

/// The hashes of the chunks of `range`, which begins with one.
fn hashes(bulk: &Bulk<'_>, range: Range<usize>, room: &mut Room) -> Vec<[u8; 16]> {
    let mut hashes = Vec::with_capacity(range.len().div_ceil(CHUNK));
    let (mut at, mut begun) = (range.start, XxHash3_128::new());
    bulk.parts(range.clone(), room, |mut part| {
        while !part.is_empty() {
            let end = range.end.min((at / CHUNK + 1) * CHUNK);
            let (now, rest) = part.split_at(part.len().min(end - at));
            let is_begun = at % CHUNK > 0;
            (at, part) = (at + now.len(), rest);
            let hash = match (is_begun, at == end) {
                (false, true) => XxHash3_128::oneshot(now),
                (_, is_ended) => {
                    begun.write(now);
                    if !is_ended {
                        continue;
                    }
                    replace(&mut begun, XxHash3_128::new()).finish_128()
                }
            };
            hashes.push(hash.to_le_bytes());
        }
        true
    });
    hashes
}
