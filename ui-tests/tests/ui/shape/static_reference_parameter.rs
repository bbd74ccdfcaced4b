use daglite::task;

#[task]
fn count(text: &'static str) -> usize {
    text.len()
}

fn main() {}
