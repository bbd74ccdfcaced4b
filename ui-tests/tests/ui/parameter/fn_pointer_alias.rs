use daglite::task;

type Step = fn(u32) -> u32;

#[task(cache)]
fn use_it(value: Step) -> u32 {
    drop(value);
    1
}

fn main() {}
