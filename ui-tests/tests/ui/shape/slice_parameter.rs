use daglite::task;

#[task]
fn sum(numbers: [u32]) -> u32 {
    numbers.len() as u32
}

fn main() {}
