use daglite::task;

struct Model {
    weights: Vec<f64>,
}

#[task(cache)]
fn make() -> Model {
    todo!()
}

fn main() {}
