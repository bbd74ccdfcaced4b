use daglite::task;

struct Token(u32);

#[task(retries = 3)]
fn read(token: Token) -> Result<u32, std::fmt::Error> {
    Ok(token.0)
}

fn main() {}
