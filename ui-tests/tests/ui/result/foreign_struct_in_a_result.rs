use daglite::task;

#[task(cache)]
fn make() -> Result<std::thread::Builder, std::io::Error> {
    todo!()
}

fn main() {}
