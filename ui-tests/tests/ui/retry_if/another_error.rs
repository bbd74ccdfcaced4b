use daglite::task;

fn passes(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::TimedOut
}

#[task(retries = 3, retry_if = passes)]
fn sum(a: u32, b: u32) -> Result<u32, std::fmt::Error> {
    Ok(a + b)
}

fn main() {}
