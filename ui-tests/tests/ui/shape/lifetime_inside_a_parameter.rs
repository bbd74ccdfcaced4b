use daglite::task;

#[task]
fn count(text: std::borrow::Cow<'_, str>) -> usize {
    text.len()
}

fn main() {}
