use daglite::task;

#[task(cache)]
fn make() -> Result<std::rc::Rc<u32>, String> {
    todo!()
}

fn main() {}
