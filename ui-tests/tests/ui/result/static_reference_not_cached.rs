use daglite::task;

#[task]
fn make() -> &'static str {
    "text"
}

fn main() {}
