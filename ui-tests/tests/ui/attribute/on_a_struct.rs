use daglite::task;

#[task]
struct Sum;

fn main() {}
