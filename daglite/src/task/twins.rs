//! Tasks that nothing tells apart: two in this process whose keys would be the same.
//!
//! A place and the names of types tell nearly all tasks apart. What they do not: functions in two blocks of one function,
//! types in two blocks of one function, types of two versions of a crate. Such tasks are not cached from the moment
//! on in which the second one comes up. What cannot be seen is one that another process has run and this one never does.

use std::any::TypeId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ptr;
use std::sync::LazyLock;

use parking_lot::Mutex;

use super::Task;
use crate::digest::Digest;

/// The tasks of this process that have made keys, by how those begin.
static TASKS: LazyLock<Mutex<HashMap<Digest, &'static Task>>> = LazyLock::new(Mutex::default);

/// Notes that the keys of `task` begin with what has the digest `beginning`; if those of another one do too, neither is
/// cached from now on.
pub(crate) fn note_task(task: &'static Task, beginning: Digest) {
    let mut tasks = TASKS.lock();
    match tasks.entry(beginning) {
        Entry::Vacant(place) => drop(place.insert(task)),
        Entry::Occupied(other) if identity(other.get()) == identity(task) => {}
        Entry::Occupied(other) => {
            other.get().memo.set_twin();
            task.memo.set_twin();
        }
    }
}

/// What two tasks of one process never share: the function, and the types it was called with.
fn identity(task: &Task) -> (usize, Option<TypeId>) {
    (ptr::from_ref(task.spec).addr(), task.memo.types())
}
