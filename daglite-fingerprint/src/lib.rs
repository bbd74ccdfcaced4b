//! What stands for the code of a task: its normal form, and all that it reaches.
//!
//! A library apart from the macros, since a crate of macros can give nothing else to others.

pub mod canonical;
mod reach;
mod sources;

#[cfg(test)]
mod tests;
