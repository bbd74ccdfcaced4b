use daglite::task;

/// Neither serde nor a format.
struct Handle(u32);

#[task(isolate, cache)]
fn handle(number: u32) -> Handle {
    Handle(number)
}

fn main() {}
