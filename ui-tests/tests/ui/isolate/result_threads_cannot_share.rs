use daglite::task;

#[task(isolate)]
fn shared(number: u32) -> std::rc::Rc<u32> {
    std::rc::Rc::new(number)
}

fn main() {}
