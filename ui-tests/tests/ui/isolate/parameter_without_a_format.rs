use daglite::task;

/// Neither serde nor a format.
struct Handle(u32);

#[task(isolate)]
fn number(handle: &Handle, add: u32) -> u32 {
    handle.0 + add
}

fn main() {}
