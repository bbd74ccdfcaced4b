use daglite::task;

#[task(retries = 3)]
fn pick<T>(value: T) -> Result<T, std::fmt::Error> {
    Ok(value)
}

fn main() {}
