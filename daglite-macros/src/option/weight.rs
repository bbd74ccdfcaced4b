//! `weight`: how many of the `concurrency` of a session the body counts for; 1 if nothing is said.

use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `weight`.
pub(super) struct Weight;

impl TaskOption for Weight {
    fn name(&self) -> &'static str {
        "weight"
    }

    fn usage(&self) -> &'static str {
        "weight = 4"
    }

    fn docs(&self) -> &'static str {
        "How many of the `concurrency` of a session the body counts for; 1 if nothing is said."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let number = given::number(written, self.usage())?;
        let weight = number.base10_parse::<u32>().map_err(|_| {
            let message = format!("`{number}` is too much: write a number of up to {}", u32::MAX);
            Error::new(number.span(), message)
        })?;
        if weight == 0 {
            let message =
                "a body that runs counts for something: drop `weight`, or write 1 or more";
            return Err(Error::new(number.span(), message));
        }
        options.weight = Some(weight);
        Ok(())
    }
}
