use daglite::task;

#[task]
fn push(values: &mut Vec<u32>) {
    values.push(1)
}

fn main() {
    let mut values = vec![1];
    let _pushed = push(&mut values);
}
