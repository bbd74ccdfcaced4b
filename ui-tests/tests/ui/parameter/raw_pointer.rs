use daglite::task;

#[task(cache)]
fn use_it(value: *const u8) -> u32 {
    drop(value);
    1
}

fn main() {}
