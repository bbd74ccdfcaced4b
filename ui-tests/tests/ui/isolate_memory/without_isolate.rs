use daglite::task;

#[task(isolate_memory = "2GB")]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
