use daglite::task;

struct Total;

fn total(_: &u32, _: &u32) -> Total {
    Total
}

#[task(cache, cache_hash = total)]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
