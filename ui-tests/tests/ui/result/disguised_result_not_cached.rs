use daglite::task;

type Outcome = Result<u32, String>;

#[task]
fn make() -> Outcome {
    todo!()
}

fn main() {}
