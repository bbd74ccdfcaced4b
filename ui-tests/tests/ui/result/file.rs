use daglite::task;

#[task(cache)]
fn make() -> std::fs::File {
    todo!()
}

fn main() {}
