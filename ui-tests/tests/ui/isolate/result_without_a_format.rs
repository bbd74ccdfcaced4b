use daglite::task;

/// Neither serde nor a format.
struct Handle(u32);

#[task(isolate)]
fn handle(number: u32) -> Handle {
    Handle(number)
}

#[task(isolate)]
fn checked(number: u32) -> Result<Handle, String> {
    Ok(Handle(number))
}

fn main() {}
