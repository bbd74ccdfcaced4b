use daglite::task;

#[task(cache cache_ttl = "1h", cache_version = "2")]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
