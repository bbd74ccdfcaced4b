use daglite::task;

#[task(isolate, isolate_memory = "0 GB")]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
