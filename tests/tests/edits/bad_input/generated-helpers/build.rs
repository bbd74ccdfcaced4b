//! Writes code.

use std::path::Path;
use std::{env, fs};

fn main() {
    let out = env::var("OUT_DIR").unwrap();
    fs::copy("generated.in", Path::new(&out).join("generated.rs")).unwrap();
    println!("cargo::rerun-if-changed=generated.in");
}
