use daglite::task;

#[task]
fn make() -> Result<u32, Box<dyn std::error::Error>> {
    todo!()
}

fn main() {}
