use daglite::task;

#[task(cache, cache_hash = |a, b| a + b)]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
