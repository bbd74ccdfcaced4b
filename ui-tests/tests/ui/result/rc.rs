use daglite::task;

#[task(cache)]
fn make() -> std::rc::Rc<u32> {
    todo!()
}

fn main() {}
