use daglite::task;

#[task(isolate = true)]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
