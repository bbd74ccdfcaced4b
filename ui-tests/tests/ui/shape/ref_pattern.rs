use daglite::task;

#[task]
fn one(ref a: u32) -> u32 {
    *a
}

fn main() {}
