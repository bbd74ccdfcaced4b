use daglite::task;

#[task(cache)]
fn use_it(value: Box<dyn std::fmt::Display>) -> u32 {
    drop(value);
    1
}

fn main() {}
