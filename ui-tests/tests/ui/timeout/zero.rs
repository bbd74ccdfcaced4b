use daglite::task;

#[task(timeout = "0s")]
fn sum(a: u32, b: u32) -> Result<u32, std::fmt::Error> {
    Ok(a + b)
}

fn main() {}
