use daglite::task;

fn passes(error: &std::fmt::Error) -> bool {
    error.to_string().is_empty()
}

#[task(retries = 3, retry_if = pases)]
fn sum(a: u32, b: u32) -> Result<u32, std::fmt::Error> {
    Ok(a + b)
}

fn main() {}
