//! `cache`: keeps the results, and uses them when code and inputs are the same.

use syn::{Error, Result};

use super::{Options, TaskOption};
use crate::parse::{Given, Written};

/// The option `cache`.
pub(super) struct Cache;

impl TaskOption for Cache {
    fn name(&self) -> &'static str {
        "cache"
    }

    fn usage(&self) -> &'static str {
        "cache"
    }

    fn docs(&self) -> &'static str {
        "Keeps the results, and uses them when code and inputs are the same."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let Given::Nothing = written.value else {
            let message = "`cache` takes no value: write `cache`, and its settings as `cache_ttl = …` and so on";
            return Err(Error::new(written.key.span(), message));
        };
        options.cache = Some(written.key.clone());
        Ok(())
    }
}
