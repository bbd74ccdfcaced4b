//! What the figures were measured on, and whether it was doing something else meanwhile.

use std::fs;

/// One line: threads, and the load of the last minute where the system tells it. A load near the number of threads
/// before a bench begins means that its figures are too high.
pub fn describe() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    match load() {
        Some(load) => format!("{threads} threads, load {load}"),
        None => format!("{threads} threads"),
    }
}

/// The load of the last minute, if the system tells it.
fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next().map(String::from)
}
