use daglite::task;

struct Model(u32);

impl Model {
    #[task]
    fn fit(x: u32) -> Self {
        Model(x)
    }
}

fn main() {
    let Model(_) = Model(1);
}
