use daglite::task;

#[task(cache, cache_hash_params(a = exact, a = fast))]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
