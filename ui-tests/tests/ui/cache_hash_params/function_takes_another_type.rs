use daglite::task;

fn length(text: &str) -> usize {
    text.len()
}

#[task(cache, cache_hash_params(a = length))]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
