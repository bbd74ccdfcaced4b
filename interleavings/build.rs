//! Has this package alone, and not the users of daglite, take locks and threads from shuttle.

fn main() {
    println!("cargo::rustc-cfg=daglite_scheduled");
    println!("cargo::rerun-if-changed=build.rs");
}
