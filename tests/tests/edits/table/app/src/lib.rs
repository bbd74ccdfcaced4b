//! The package with the tasks. Each row of the table that must hold is an edit between two of the odd quotes, with what
//! was there before and what is there after; it names the tasks that it touches, or is named as the one.

pub mod constants;
pub mod conversions;
pub mod dispatch;
mod elsewhere_of_types;
pub mod functions;
pub mod imports;
pub mod macros;
pub mod names;
pub mod nested;
pub mod operators;
pub mod outside;
pub mod traits;
pub mod types;
pub mod unnamed;
pub mod unrelated;
pub mod unrelated_too;

pub use imports::behind_the_root as at_the_root;
