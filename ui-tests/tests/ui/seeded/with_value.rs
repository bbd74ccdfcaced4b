use daglite::prelude::*;

#[task(seeded = 7)]
fn draw(n: u64) -> u64 {
    n ^ task_seed()
}

fn main() {}
