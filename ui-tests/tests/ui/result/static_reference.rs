use daglite::task;

#[task(cache)]
fn make() -> &'static str {
    "text"
}

fn main() {}
