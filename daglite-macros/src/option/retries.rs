//! `retries`: how often the body is run again when it fails: see below.

use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `retries`.
pub(super) struct Retries;

impl TaskOption for Retries {
    fn name(&self) -> &'static str {
        "retries"
    }

    fn usage(&self) -> &'static str {
        "retries = 3"
    }

    fn docs(&self) -> &'static str {
        "How often the body is run again when it fails: see below."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let number = given::number(written, self.usage())?;
        let retries = number.base10_parse::<u32>().map_err(|_| {
            let message = format!("`{number}` is too many: write a number of up to {}", u32::MAX);
            Error::new(number.span(), message)
        })?;
        if retries == 0 {
            let message =
                "without retries a body runs once anyway: drop `retries`, or write 1 or more";
            return Err(Error::new(number.span(), message));
        }
        options.retries = Some(retries);
        Ok(())
    }
}
