use daglite::task;

#[task(cache)]
fn use_it(value: std::time::Instant) -> u32 {
    let _ = value;
    1
}

fn main() {}
