use daglite::task;

#[task]
fn numbers() -> impl Iterator<Item = u32> {
    [1, 2].into_iter()
}

fn main() {
    let _numbers: daglite::TaskFuture<Vec<u32>> = numbers();
}
