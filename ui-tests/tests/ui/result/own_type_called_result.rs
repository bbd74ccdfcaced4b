use daglite::task;

#[derive(Clone)]
struct Result;

#[task]
fn make() -> Result {
    todo!()
}

fn main() {}
