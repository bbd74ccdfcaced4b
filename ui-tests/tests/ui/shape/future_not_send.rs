use std::rc::Rc;

use daglite::task;

#[task]
async fn wait(text: String) -> usize {
    let text = Rc::new(text);
    std::future::ready(()).await;
    text.len()
}

fn main() {}
