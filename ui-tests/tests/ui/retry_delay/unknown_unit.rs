use daglite::task;

#[task(retries = 3, retry_delay = "200msec")]
fn sum(a: u32, b: u32) -> Result<u32, std::fmt::Error> {
    Ok(a + b)
}

fn main() {}
