//! A path dependency that a build script writes.

include!(concat!(env!("OUT_DIR"), "/generated.rs"));
