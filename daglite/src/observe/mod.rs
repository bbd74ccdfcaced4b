//! Observers that come with daglite: `progress` writes lines for people.

mod progress;

pub use progress::Progress;
