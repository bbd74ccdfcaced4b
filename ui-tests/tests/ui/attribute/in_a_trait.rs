use daglite::task;

trait Sum {
    #[task]
    fn sum() -> u32;
}

fn main() {}
