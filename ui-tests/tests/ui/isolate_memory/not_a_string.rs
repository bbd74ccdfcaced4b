use daglite::task;

#[task(isolate, isolate_memory = 2_000_000)]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
