//! Writes code, and tells the compiler of it.

use std::path::Path;
use std::{env, fs};

fn main() {
    let out = env::var("OUT_DIR").unwrap();
    let generated = Path::new(&out).join("generated.rs");
    fs::copy("generated.in", generated).unwrap();
    let named = Path::new(&out).join("named.rs");
    fs::copy("named.in", &named).unwrap();
    println!("cargo::rustc-env=NAMED={}", named.display());
    println!("cargo::rustc-env=STAMP={}", fs::read_to_string("stamp.txt").unwrap().trim());
    println!("cargo::rustc-check-cfg=cfg(fast)");
    if fs::read_to_string("fast.txt").unwrap().trim() == "yes" {
        println!("cargo::rustc-cfg=fast");
    }
    println!("cargo::rerun-if-changed=generated.in");
    println!("cargo::rerun-if-changed=named.in");
    println!("cargo::rerun-if-changed=stamp.txt");
    println!("cargo::rerun-if-changed=fast.txt");
}
