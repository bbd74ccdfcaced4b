use daglite::task;

#[task]
fn one(_: u32) -> u32 {
    1
}

fn main() {}
