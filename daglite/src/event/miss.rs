//! `MissReason`: why a cached task had to be computed, in words for people.

use std::fmt;

/// Why a cached task had to be computed. Each displays as a sentence without its end.
///
/// ```
/// use daglite::{Change, MissReason};
///
/// let change = Change::Argument {
///     name: "window".to_owned(),
///     from: "30".to_owned(),
///     to: "90".to_owned(),
/// };
/// let reason = MissReason::Changed(vec![change]);
/// assert_eq!(reason.to_string(), "argument `window` changed from 30 to 90");
/// assert_eq!(MissReason::NoEntry.to_string(), "no entry yet");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissReason {
    /// The store has no entry of this task, or none that could explain more.
    NoEntry,
    /// The store has entries of this task, and the one that is most alike differs in this.
    Changed(Vec<Change>),
    /// The entry is older than the task's `cache_ttl`.
    Expired,
    /// The entry claims to be from the future: the clock was moved back, so its age cannot be told.
    FromTheFuture,
    /// The entry was evicted, to keep the store within its limits.
    Evicted,
    /// Somebody removed the entry.
    Removed,
    /// The entry was damaged and has been removed.
    Damaged(String),
    /// The task's result type is another one than that of the entry.
    ResultChanged {
        /// The name of the type then; empty if it is not known.
        from: String,
        /// The name of the type now. It is the same if the type itself has changed.
        to: String,
    },
    /// The entry could not be turned into the task's result type.
    Undecodable(String),
    /// A file that is part of the result is missing, or is not what the task wrote.
    OutputChanged(String),
    /// `.refresh()` asked for a new computation.
    Refreshed,
    /// An argument could not be hashed, so the call has no key.
    Unhashable(String),
    /// The store answered with an error.
    StoreFailed(String),
}

/// One difference between a call and the entry that is most like it. Values are shown as far as they are known and short:
/// else they are empty.
///
/// ```
/// use daglite::Change;
///
/// assert_eq!(Change::Code(Vec::new()).to_string(), "code changed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The task's code: the items of it that differ, as far as they are known.
    Code(Vec<ItemChange>),
    /// The value of an argument.
    Argument {
        /// The parameter.
        name: String,
        /// The value of the entry.
        from: String,
        /// The value now.
        to: String,
    },
    /// The value of a variable that `cache_env` names.
    Variable {
        /// The variable.
        name: String,
        /// The value of the entry.
        from: String,
        /// The value now.
        to: String,
    },
    /// An argument or a variable that counts now, and did not count.
    Added(String),
    /// An argument or a variable that counted, and does not count now.
    Removed(String),
    /// The text of `cache_version`.
    Version {
        /// That of the entry.
        from: String,
        /// That of now.
        to: String,
    },
    /// The types that a generic function is called with.
    Types {
        /// Those of the entry.
        from: String,
        /// Those of now.
        to: String,
    },
    /// The way in which daglite makes keys.
    Scheme {
        /// That of the entry.
        from: String,
        /// That of now.
        to: String,
    },
}

/// One item of a task's code that differs.
///
/// ```
/// use daglite::ItemChange;
///
/// assert_eq!(ItemChange::Changed("helpers::scale".to_owned()).to_string(), "`helpers::scale`");
/// assert_eq!(ItemChange::Added("offset".to_owned()).to_string(), "`offset` (new)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ItemChange {
    /// It is another one now.
    Changed(String),
    /// The task has come to use it.
    Added(String),
    /// The task uses it no more.
    Removed(String),
}

/// So many items are named.
const MOST_ITEMS: usize = 5;

impl fmt::Display for MissReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoEntry => f.write_str("no entry yet"),
            Self::Changed(changes) => {
                for (at, change) in changes.iter().enumerate() {
                    write!(f, "{}{change}", if at == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Self::Expired => f.write_str("the entry has expired"),
            Self::FromTheFuture => f.write_str("the entry is dated in the future"),
            Self::Evicted => f.write_str("the entry was evicted to make room"),
            Self::Removed => f.write_str("the entry was removed by hand"),
            Self::Damaged(why) => write!(f, "the entry was damaged: {why}"),
            Self::ResultChanged { from, to } if from.is_empty() => {
                write!(f, "the result type is another one now: `{to}`")
            }
            Self::ResultChanged { from, to } if from == to => {
                write!(f, "the result type `{to}` has changed: it has other parts now")
            }
            Self::ResultChanged { from, to } => {
                write!(f, "the result type changed from `{from}` to `{to}`")
            }
            Self::Undecodable(why) => write!(f, "the entry could not be decoded: {why}"),
            Self::OutputChanged(what) => write!(f, "a file of the result has changed: {what}"),
            Self::Refreshed => f.write_str("a refresh was asked for"),
            Self::Unhashable(why) => write!(f, "an argument could not be hashed: {why}"),
            Self::StoreFailed(why) => write!(f, "the store failed: {why}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(items) => {
                f.write_str("code changed")?;
                for (at, item) in items.iter().take(MOST_ITEMS).enumerate() {
                    write!(f, "{}{item}", if at == 0 { ": " } else { ", " })?;
                }
                match items.len().saturating_sub(MOST_ITEMS) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Argument { name, from, to } => {
                write!(f, "argument `{name}` changed{}", FromTo(from, to))
            }
            Self::Variable { name, from, to } => {
                write!(f, "environment variable `{name}` changed{}", FromTo(from, to))
            }
            Self::Added(name) => write!(f, "`{name}` counts now and did not count"),
            Self::Removed(name) => write!(f, "`{name}` counted and does not count now"),
            Self::Version { from, to } => {
                write!(f, "`cache_version` changed from \"{from}\" to \"{to}\"")
            }
            Self::Types { from, to } => write!(f, "the types changed from `{from}` to `{to}`"),
            Self::Scheme { from, to } => {
                write!(f, "this daglite makes keys in another way (`{to}`, and not `{from}`)")
            }
        }
    }
}

/// ` from … to …`, if both are known and tell them apart.
struct FromTo<'a>(&'a str, &'a str);

impl fmt::Display for FromTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(from, to) = self;
        if from.is_empty() || to.is_empty() || from == to {
            return Ok(());
        }
        write!(f, " from {from} to {to}")
    }
}

impl fmt::Display for ItemChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(item) => write!(f, "`{item}`"),
            Self::Added(item) => write!(f, "`{item}` (new)"),
            Self::Removed(item) => write!(f, "`{item}` (gone)"),
        }
    }
}
