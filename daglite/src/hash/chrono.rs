//! Content of `chrono` dates and times: all that a task can see of them, so the zone and its offset too.

use std::fmt::Debug;

use chrono::{
    DateTime, Datelike, FixedOffset, Month, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta,
    TimeZone, Timelike, Weekday,
};

use super::{ContentHash, ContentHasher};

impl ContentHash for NaiveDate {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("chrono::NaiveDate");
        (self.year(), self.month(), self.day()).content_hash(hasher);
    }
}

/// A leap second is 59 seconds and more than a thousand million nanoseconds.
impl ContentHash for NaiveTime {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("chrono::NaiveTime");
        (self.hour(), self.minute(), self.second(), self.nanosecond()).content_hash(hasher);
    }
}

impl ContentHash for NaiveDateTime {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("chrono::NaiveDateTime");
        (self.date(), self.time()).content_hash(hasher);
    }
}

/// The moment, its offset, and what the zone is called. Two that are equal as moments may differ in what a task makes of them:
/// the text, the hour, the next day.
impl<Z: TimeZone + Debug> ContentHash for DateTime<Z> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("chrono::DateTime");
        hasher.begin_tuple(3);
        self.naive_utc().content_hash(hasher);
        hasher.i32(self.offset().fix().local_minus_utc());
        hasher.str(&format!("{:?}", self.timezone()));
    }
}

impl ContentHash for FixedOffset {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("chrono::FixedOffset");
        hasher.i32(self.local_minus_utc());
    }
}

impl ContentHash for TimeDelta {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("chrono::TimeDelta");
        let whole = i128::from(self.num_seconds()) * 1_000_000_000;
        hasher.i128(whole + i128::from(self.subsec_nanos()));
    }
}

impl ContentHash for Weekday {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("chrono::Weekday");
        hasher.u32(self.number_from_monday());
    }
}

impl ContentHash for Month {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("chrono::Month");
        hasher.u32(self.number_from_month());
    }
}
