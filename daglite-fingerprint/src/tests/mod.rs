//! Tests of what fingerprints see.

mod canonical;
mod current;
mod place;
mod skim;
