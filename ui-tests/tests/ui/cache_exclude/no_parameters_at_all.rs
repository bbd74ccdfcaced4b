use daglite::task;

#[task(cache, cache_exclude = [a])]
fn one() -> u32 {
    1
}

fn main() {}
