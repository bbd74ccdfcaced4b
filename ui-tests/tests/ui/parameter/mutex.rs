use daglite::task;

struct Session;

#[task(cache)]
fn use_it(value: std::sync::Mutex<Session>) -> u32 {
    drop(value);
    1
}

fn main() {}
