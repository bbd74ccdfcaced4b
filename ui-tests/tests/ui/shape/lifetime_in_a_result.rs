use daglite::task;

#[task]
fn trim(text: &str) -> std::borrow::Cow<'_, str> {
    text.trim().into()
}

fn main() {}
