//! Tests of what fingerprints see.

mod canonical;
mod skim;
