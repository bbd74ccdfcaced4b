use daglite::task;

struct Trouble;

#[task(cache)]
fn make() -> Result<u32, Trouble> {
    todo!()
}

fn main() {}
