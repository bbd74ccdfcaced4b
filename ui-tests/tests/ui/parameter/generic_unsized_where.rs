use daglite::task;

#[task]
fn show<T>(value: &T) -> String
where
    T: std::fmt::Display + ?Sized,
{
    value.to_string()
}

fn main() {}
