use daglite::task;

type Outcome = Result<u32, String>;

#[task(cache)]
fn make() -> Outcome {
    todo!()
}

fn main() {}
