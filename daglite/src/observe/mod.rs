//! Observers that come with daglite: `progress` writes lines and `bars` for people, `json_lines` a log for programs,
//! `chrome_trace` a picture of where the time goes; `sink` is what the last two write to.

mod bars;
mod chrome_trace;
mod json_lines;
mod progress;
mod sink;

pub use chrome_trace::ChromeTrace;
pub use json_lines::JsonLines;
pub use progress::Progress;
