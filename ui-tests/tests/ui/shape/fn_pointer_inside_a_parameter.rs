use daglite::task;

#[task]
fn apply(fs: Vec<fn(u32) -> u32>) -> u32 {
    fs[0](1)
}

fn main() {}
