use daglite::task;

#[task(cache)]
fn make<E>() -> Result<u32, E> {
    todo!()
}

fn main() {}
