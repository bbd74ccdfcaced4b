//! How `Strategy::Fast` reads bulk data: by XXH3, chunk by chunk.

use twox_hash::XxHash3_128;

use super::bulk::{Bulk, Room};
use crate::threads;

/// Bytes of a chunk; the last one may be shorter. Part of the format.
const CHUNK: usize = 1 << 20;

/// As many bytes for each thread, it saves more than it costs.
const WORTH_A_THREAD: usize = 8 << 20;

/// The XXH3-128 hash of each chunk, one after the other.
pub(super) fn chunks(bulk: &Bulk<'_>, threads: usize) -> Vec<[u8; 16]> {
    let len = bulk.len();
    let threads = threads.min(len / WORTH_A_THREAD);
    threads::each(len.div_ceil(CHUNK), threads, Room::new, |number, room| {
        let start = number * CHUNK;
        chunk(bulk, start, len.min(start + CHUNK), room).to_le_bytes()
    })
}

/// The hash of the bytes from `start` to `end`.
fn chunk(bulk: &Bulk<'_>, start: usize, end: usize, room: &mut Room) -> u128 {
    let mut whole = None;
    let mut rest = None;
    bulk.parts(start..end, room, |part| {
        if part.len() == end - start {
            whole = Some(XxHash3_128::oneshot(part));
        } else {
            rest.get_or_insert_with(XxHash3_128::new).write(part);
        }
        true
    });
    whole.unwrap_or_else(|| rest.unwrap_or_else(XxHash3_128::new).finish_128())
}
