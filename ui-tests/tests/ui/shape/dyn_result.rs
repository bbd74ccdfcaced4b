use daglite::task;

#[task]
fn show() -> dyn std::fmt::Display {
    1
}

fn main() {}
