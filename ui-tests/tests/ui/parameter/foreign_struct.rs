use daglite::task;

#[task(cache)]
fn use_it(value: std::thread::Builder) -> u32 {
    drop(value);
    1
}

fn main() {}
