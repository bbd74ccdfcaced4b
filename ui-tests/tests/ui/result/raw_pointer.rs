use daglite::task;

#[task(cache)]
fn make() -> *const u8 {
    todo!()
}

fn main() {}
