use daglite::task;

#[task]
fn first(words: &[String]) -> &str {
    &words[0]
}

fn main() {}
