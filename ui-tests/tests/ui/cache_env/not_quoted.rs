use daglite::task;

#[task(cache, cache_env = [TZ])]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
