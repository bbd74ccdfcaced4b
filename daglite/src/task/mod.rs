//! What `#[task]` writes about a function, and the questions its code asks about types.
//!
//! In reading order: [`spec`] (what is known of a task), [`body`] (values, arguments and the function that takes them),
//! [`param`] (how a parameter is hashed), [`lend`] (what is kept for a parameter `&T`), [`output`] (results and
//! errors), [`probe`] (which of its ways a type offers, and the one compile-time error when it offers none), [`twins`] (tasks that
//! nothing tells apart).
//!
//! Everything here is written by the macro and read by the engine; users see none of it.

mod body;
mod lend;
mod output;
mod param;
mod probe;
mod spec;
mod twins;

#[cfg(test)]
mod tests;

pub use body::{Args, Body, BodyFuture, CloneFn, Failure, Value};
pub use lend::Lent;
pub use output::{CanCarry, Disguised, Fallible, PlainResult, Report};
pub use param::{ParamHash, hashable};
pub use probe::{
    CacheEntry, CacheKey, CanHash, CanKeep, CanRepeat, CanSend, CanStore, OtherProcess, Probe,
    Retries, TaskGraph, probe, probe_of,
};
pub use spec::{
    AttemptsSpec, CacheSpec, IsolateSpec, Task, TaskCell, TaskMemo, TaskSpec, generic_task,
};

pub(crate) use twins::note_task;

/// The traits behind [`Probe`]'s questions, nameless, so that importing all of them shadows nothing of the user's.
pub mod probes {
    pub use super::output::{
        BoxableError as _, DisguisedAnswer as _, PlainAnswer as _, RefusedError as _,
    };
    pub use super::probe::{
        ClonedStorage as _, FormatBySerde as _, FormatMissing as _, FormatMoot as _,
        FormatOwn as _, HashBySerde as _, HashMissing as _, HashMoot as _, HashOwn as _,
        MovedStorage as _, RefusedStorage as _,
    };
}
