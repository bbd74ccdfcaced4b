use daglite::task;

fn passes(_: &std::fmt::Error) -> u32 {
    3
}

#[task(retries = 3, retry_if = passes)]
fn sum(a: u32, b: u32) -> Result<u32, std::fmt::Error> {
    Ok(a + b)
}

fn main() {}
