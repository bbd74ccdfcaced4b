use daglite::task;

#[task(cache, cache_ttl = "99999999999999999w")]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
