use daglite::task;

fn total(a: &u32) -> u32 {
    *a
}

#[task(cache, cache_hash = total)]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
