use daglite::task;

#[task(isolate)]
fn first<T: Clone>(values: Vec<T>) -> T {
    values[0].clone()
}

fn main() {}
