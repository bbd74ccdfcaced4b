use daglite::task;

#[task]
fn make() -> u32 {
    "one"
}

fn main() {}
