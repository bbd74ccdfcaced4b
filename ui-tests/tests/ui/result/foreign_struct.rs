use daglite::task;

#[task(cache)]
fn make() -> std::thread::Builder {
    todo!()
}

fn main() {}
