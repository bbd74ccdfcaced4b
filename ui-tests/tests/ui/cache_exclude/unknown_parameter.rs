use daglite::task;

#[task(cache, cache_exclude = [verbos])]
fn sum(a: u32, verbose: bool) -> u32 {
    if verbose { a } else { 0 }
}

fn main() {}
