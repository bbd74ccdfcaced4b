use daglite::task;

#[task(cache)]
fn use_it<T>(value: T) -> u32 {
    drop(value);
    1
}

fn main() {}
