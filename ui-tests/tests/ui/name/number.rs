use daglite::task;

#[task(name = 7)]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
