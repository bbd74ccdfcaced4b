//! What comes from registries, and what depends on features and on how the build is done.

use daglite::prelude::*;
use tally::weight as heaviness;

#[task(cache)]
pub fn from_a_registry(x: u64) -> u64 {
    x + tally::weight()
}

#[task(cache)]
pub fn from_a_registry_in_a_helper(x: u64) -> u64 {
    weighed(x)
}

fn weighed(x: u64) -> u64 {
    x + tally::weight()
}

#[task(cache)]
pub fn from_a_registry_renamed(x: u64) -> u64 {
    x + heaviness()
}

#[task(cache)]
pub fn method_from_a_registry(x: u64) -> u64 {
    tally::Balance(x).read()
}

#[task(cache)]
pub fn macro_from_a_registry(x: u64) -> u64 {
    tally::weighed!(x)
}

#[task(cache)]
pub fn trait_from_a_registry(x: u64) -> u64 {
    use tally::Weigh as _;
    x.weigh()
}

#[task(cache)]
pub fn feature_of_the_crate(x: u64) -> u64 {
    x + volume()
}

#[cfg(feature = "loud")]
fn volume() -> u64 {
    2
}

#[cfg(not(feature = "loud"))]
fn volume() -> u64 {
    1
}

#[task(cache)]
pub fn feature_asked_by_cfg(x: u64) -> u64 {
    x + asked()
}

fn asked() -> u64 {
    if cfg!(feature = "loud") { 2 } else { 1 }
}

#[task(cache)]
pub fn feature_of_a_path_dependency(x: u64) -> u64 {
    x + helpers::pitch()
}

#[task(cache)]
pub fn feature_of_a_path_dependency_by_the_crate(x: u64) -> u64 {
    x + helpers::loudness()
}

#[task(cache)]
pub fn debug_assertions(x: u64) -> u64 {
    x + careful()
}

#[cfg(debug_assertions)]
fn careful() -> u64 {
    2
}

#[cfg(not(debug_assertions))]
fn careful() -> u64 {
    1
}

#[task(cache)]
pub fn debug_assertions_asked_by_cfg(x: u64) -> u64 {
    if cfg!(debug_assertions) { x + 1 } else { x + 2 }
}
