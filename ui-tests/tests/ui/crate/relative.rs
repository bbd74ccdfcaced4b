use daglite::task;

#[task(crate = super::daglite)]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
