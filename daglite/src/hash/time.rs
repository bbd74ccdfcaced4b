//! Content of durations and times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{ContentHash, ContentHasher};

impl ContentHash for Duration {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("Duration");
        hasher.u128(self.as_nanos());
    }
}

impl ContentHash for SystemTime {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("SystemTime");
        // A `Duration` has less than 2^94 nanoseconds.
        hasher.i128(match self.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        });
    }
}
