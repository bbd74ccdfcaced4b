use daglite::task;

struct Sum;

#[task]
impl Sum {}

fn main() {}
