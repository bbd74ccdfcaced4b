//! Tests of what fingerprints see.

mod canonical;
mod current;
mod deep;
mod place;
mod running;
mod skim;
