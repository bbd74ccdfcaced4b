//! What stands for the code of a task: its normal form, and all that it reaches.
//!
//! A library apart from the macros, since a crate of macros can give nothing else to others.

pub mod canonical;
mod closed;
mod cover;
mod gathered;
mod held;
mod known;
mod reach;
mod report;
mod sources;
mod tree;

pub use cover::{Fingerprint, Function, Part, Place};
pub use report::{differences, explanation};
pub use tree::{Listed, SourceTree, TreeError};

#[cfg(test)]
mod tests;
