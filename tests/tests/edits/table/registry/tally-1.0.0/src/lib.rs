//! Version 1.0.0 of a dependency that is used.

const VERSION: u64 = 0;
const LOUDNESS: u64 = if cfg!(feature = "loud") { 100 } else { 0 };

pub fn weight() -> u64 {
    VERSION + LOUDNESS + grain::size()
}

pub struct Balance(pub u64);

impl Balance {
    pub fn read(&self) -> u64 {
        self.0 + weight()
    }
}

pub trait Weigh {
    fn weigh(&self) -> u64;
}

impl Weigh for u64 {
    fn weigh(&self) -> u64 {
        self + weight()
    }
}

#[macro_export]
macro_rules! weighed {
    ($value:expr) => {
        $value + $crate::weight()
    };
}
