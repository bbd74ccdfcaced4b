use daglite::task;

#[task]
fn count(words: Vec<&str>) -> usize {
    words.len()
}

fn main() {}
