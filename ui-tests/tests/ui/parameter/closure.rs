use daglite::task;

#[task(cache)]
fn use_it<F: Fn(u32) -> u32>(value: F) -> u32 {
    drop(value);
    1
}

fn main() {}
