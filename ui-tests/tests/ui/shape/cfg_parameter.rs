use daglite::task;

#[task]
fn one(a: u32, #[cfg(unix)] b: u32) -> u32 {
    a
}

fn main() {}
