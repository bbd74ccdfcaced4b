use daglite::task;

#[task]
fn stop() -> ! {
    panic!()
}

fn main() {}
