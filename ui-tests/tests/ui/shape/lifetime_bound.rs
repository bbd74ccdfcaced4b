use daglite::task;

#[task]
fn count<'a, T: Clone + 'a>(value: T) -> usize {
    drop(value);
    1
}

fn main() {}
