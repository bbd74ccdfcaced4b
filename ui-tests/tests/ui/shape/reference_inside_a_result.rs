use daglite::task;

#[task]
fn words<'a>(text: &'a str) -> Vec<&'a str> {
    text.split(' ').collect()
}

fn main() {}
