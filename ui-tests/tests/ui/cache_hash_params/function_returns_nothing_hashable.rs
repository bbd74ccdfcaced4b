use daglite::task;

struct Opaque;

fn opaque(_: &u32) -> Opaque {
    Opaque
}

#[task(cache, cache_hash_params(a = opaque))]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
