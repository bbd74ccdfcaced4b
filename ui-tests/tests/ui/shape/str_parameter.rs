use daglite::task;

#[task]
fn count(text: str) -> usize {
    text.len()
}

fn main() {}
