use daglite::task;

#[task(cache)]
fn make() -> Box<dyn std::fmt::Display + Send + Sync> {
    todo!()
}

fn main() {}
