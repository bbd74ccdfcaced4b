use daglite::task;

#[task]
fn apply(f: impl Fn(u32) -> u32) -> u32 {
    f(1)
}

fn main() {
    let _one = apply(|x| x);
}
