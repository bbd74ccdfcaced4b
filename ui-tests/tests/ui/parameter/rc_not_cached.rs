use daglite::task;

#[task(name = "use_it")]
fn use_it(value: std::rc::Rc<u32>) -> u32 {
    drop(value);
    1
}

fn main() {}
