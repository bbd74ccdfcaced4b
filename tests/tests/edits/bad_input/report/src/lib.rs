//! Runs tasks and prints a line for each: its name, how its result came to be, the result.

use daglite::TaskFuture;
use daglite::prelude::*;

/// Runs `tasks` with the cache store in the folder that the first argument of the program names, or with none.
pub fn show(tasks: impl IntoIterator<Item = TaskFuture<u64>>) {
    let builder = Session::builder().without_memory();
    let session = match std::env::args().nth(1) {
        Some(folder) => builder.cache(FileStore::builder(folder).open().expect("a store")),
        None => builder.without_cache(),
    };
    let session = session.build().expect("a session");
    for task in tasks {
        match task.outcome_in(&session) {
            Ok(outcome) => {
                let last = outcome.tasks.last().expect("a task");
                println!("{} {:?} {}", last.task, last.origin, outcome.value);
            }
            Err(error) => eprintln!("{error}"),
        }
    }
}
