use daglite::task;

#[task(cache)]
fn use_it(value: std::fs::File) -> u32 {
    drop(value);
    1
}

fn main() {}
