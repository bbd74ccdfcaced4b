//! Content of `jiff` dates, times and spans: all that a task can see of them, so the time zone too.

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp, Zoned};

use super::{ContentHash, ContentHasher};

impl ContentHash for Timestamp {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::Timestamp");
        hasher.i128(self.as_nanosecond());
    }
}

/// The moment, its offset and its zone; `==` compares the moments alone.
impl ContentHash for Zoned {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::Zoned");
        hasher.begin_tuple(3);
        self.timestamp().content_hash(hasher);
        self.offset().content_hash(hasher);
        self.time_zone().content_hash(hasher);
    }
}

impl ContentHash for Date {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::civil::Date");
        (self.year(), self.month(), self.day()).content_hash(hasher);
    }
}

impl ContentHash for Time {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::civil::Time");
        let below = self.subsec_nanosecond();
        (self.hour(), self.minute(), self.second(), below).content_hash(hasher);
    }
}

impl ContentHash for DateTime {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::civil::DateTime");
        (self.date(), self.time()).content_hash(hasher);
    }
}

impl ContentHash for ISOWeekDate {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::civil::ISOWeekDate");
        (self.year(), self.week(), self.weekday()).content_hash(hasher);
    }
}

impl ContentHash for Weekday {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::civil::Weekday");
        hasher.i8(self.to_monday_one_offset());
    }
}

/// Unit by unit: an hour is not sixty minutes to a task that prints it.
impl ContentHash for Span {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::Span");
        let days = (self.get_years(), self.get_months(), self.get_weeks(), self.get_days());
        let clock = (self.get_hours(), self.get_minutes(), self.get_seconds());
        let below = (self.get_milliseconds(), self.get_microseconds(), self.get_nanoseconds());
        (days, clock, below).content_hash(hasher);
    }
}

impl ContentHash for SignedDuration {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::SignedDuration");
        hasher.i128(self.as_nanos());
    }
}

impl ContentHash for Offset {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::tz::Offset");
        hasher.i32(self.seconds());
    }
}

/// By its name, its offset or its rule. The rules behind a name are the machine's.
impl ContentHash for TimeZone {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("jiff::tz::TimeZone");
        if let Some(name) = self.iana_name() {
            hasher.str(name);
        } else if self.is_unknown() {
            hasher.unit();
        } else if let Ok(offset) = self.to_fixed_offset() {
            hasher.i32(offset.seconds());
        } else if let Some(rule) = posix_rule(self) {
            (rule,).content_hash(hasher);
        } else {
            hasher.fail("the time zone of this machine has no name: set `TZ`, or ask jiff for a zone by its name");
        }
    }
}

/// The text of a zone that was made of a POSIX rule. jiff shows it in no other way.
fn posix_rule(zone: &TimeZone) -> Option<String> {
    let shown = format!("{zone:?}");
    Some(shown.strip_prefix("TimeZone(Posix(")?.strip_suffix("))")?.to_owned())
}
