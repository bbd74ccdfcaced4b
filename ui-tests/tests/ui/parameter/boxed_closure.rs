use daglite::task;

#[task(cache)]
fn use_it(value: Box<dyn Fn(u32) -> u32 + Send + Sync>) -> u32 {
    drop(value);
    1
}

fn main() {}
