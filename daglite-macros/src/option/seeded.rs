//! `seeded`: gives the body a seed, and puts that of the session into the key.

use syn::{Error, Result};

use super::{Options, TaskOption};
use crate::parse::{Given, Written};

/// The option `seeded`.
pub(super) struct Seeded;

impl TaskOption for Seeded {
    fn name(&self) -> &'static str {
        "seeded"
    }

    fn usage(&self) -> &'static str {
        "seeded"
    }

    fn docs(&self) -> &'static str {
        "Lets the body call `task_seed()`, and puts the seed of the session into the key."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let Given::Nothing = written.value else {
            let message = "`seeded` takes no value: write `seeded`, and `Session::builder().seed(…)` for another seed";
            return Err(Error::new(written.key.span(), message));
        };
        options.seeded = Some(written.key.clone());
        Ok(())
    }
}
