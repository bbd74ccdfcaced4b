use daglite::task;

#[task(cache)]
fn make() -> fn(u32) -> u32 {
    todo!()
}

fn main() {}
