use daglite::task;

struct Model {
    weights: Vec<f64>,
}

#[task(cache)]
async fn make() -> Model {
    todo!()
}

fn main() {}
