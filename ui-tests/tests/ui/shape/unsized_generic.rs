use daglite::task;

#[task]
fn show<T: std::fmt::Display + ?Sized>(value: &T) -> String {
    value.to_string()
}

fn main() {}
