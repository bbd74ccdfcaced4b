use daglite::prelude::*;

#[task(isolate, seeded)]
fn draw(n: u64) -> u64 {
    task_seed() ^ n
}

fn main() {}
