use daglite::task;

#[task]
fn one(a: _) -> u32 {
    a
}

fn main() {}
