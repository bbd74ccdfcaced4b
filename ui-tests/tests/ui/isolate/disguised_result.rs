use daglite::task;

type Outcome = Result<u32, String>;

#[task(isolate)]
fn make() -> Outcome {
    Ok(1)
}

fn main() {}
