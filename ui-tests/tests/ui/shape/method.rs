use daglite::task;

struct Model(u32);

impl Model {
    #[task]
    fn score(&self, x: u32) -> u32 {
        self.0 + x
    }
}

fn main() {
    let _score = Model(1).score(2);
}
