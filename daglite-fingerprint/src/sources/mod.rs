//! The sources of packages, as far as a fingerprint needs them.

pub(crate) mod conditions;
pub(crate) mod included;
mod lexer;
mod load;
pub(crate) mod manifest;
pub(crate) mod skim;
pub(crate) mod use_tree;
pub(crate) mod world;
