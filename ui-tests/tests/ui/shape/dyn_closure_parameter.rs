use daglite::task;

#[task]
fn apply(f: &dyn Fn(u32) -> u32) -> u32 {
    f(1)
}

fn main() {
    let _one = apply(&|x| x);
}
