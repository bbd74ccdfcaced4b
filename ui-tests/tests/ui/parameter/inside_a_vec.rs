use daglite::task;

struct Model {
    weights: Vec<f64>,
}

#[task(cache)]
fn use_it(value: Vec<Option<Model>>) -> u32 {
    drop(value);
    1
}

fn main() {}
