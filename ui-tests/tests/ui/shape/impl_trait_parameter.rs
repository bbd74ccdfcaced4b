use daglite::task;

#[task]
fn sum(numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.sum()
}

fn main() {
    let _sum = sum([1, 2].into_iter());
}
