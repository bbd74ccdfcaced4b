use daglite::task;

#[task(cache)]
fn make() -> Box<dyn Fn(u32) -> u32 + Send + Sync> {
    todo!()
}

fn main() {}
