use daglite::task;

#[task(cache, speed = "fast")]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
