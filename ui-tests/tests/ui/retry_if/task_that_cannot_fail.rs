use daglite::task;

fn passes(error: &std::fmt::Error) -> bool {
    error.to_string().is_empty()
}

#[task(retries = 3, retry_if = passes)]
fn sum(a: u32, b: u32) -> u32 {
    a + b
}

fn main() {}
