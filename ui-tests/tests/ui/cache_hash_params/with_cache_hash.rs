use daglite::task;

fn total(a: &u32, b: &u32) -> u32 {
    a + b
}

#[task(cache, cache_hash = total, cache_hash_params(a = exact))]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
