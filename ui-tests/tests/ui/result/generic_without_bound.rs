use daglite::task;

#[task(cache)]
fn make<T: Default>() -> T {
    T::default()
}

fn main() {}
