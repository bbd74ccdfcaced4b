use daglite::task;

fn helper() -> u32 {
    1
}

#[task(cache, cache_deps = helper)]
fn sum(a: u32, b: u32) -> u32 {
    a + b + helper()
}

fn main() {}
