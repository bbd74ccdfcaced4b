use daglite::task;

#[task]
fn make() -> u32 {
    1
}

fn main() {
    let _made: daglite::TaskFuture<String> = make();
}
