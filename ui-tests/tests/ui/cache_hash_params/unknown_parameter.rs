use daglite::task;

#[task(cache, cache_hash_params(colour = exact))]
fn paint(color: u32) -> u32 {
    color
}

fn main() {}
