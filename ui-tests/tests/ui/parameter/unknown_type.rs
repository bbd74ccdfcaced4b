use daglite::task;

#[task(cache)]
fn use_it(value: Modle) -> u32 {
    drop(value);
    1
}

fn main() {}
