//! `isolate`: runs the body in a process of its own: see below.

use syn::{Error, Result};

use super::{Options, TaskOption};
use crate::parse::{Given, Written};

/// The option `isolate`.
pub(super) struct Isolate;

impl TaskOption for Isolate {
    fn name(&self) -> &'static str {
        "isolate"
    }

    fn usage(&self) -> &'static str {
        "isolate"
    }

    fn docs(&self) -> &'static str {
        "Runs the body in a process of its own: see below."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let Given::Nothing = written.value else {
            let message = "`isolate` takes no value: write `isolate`, and its settings as `isolate_memory = …`";
            return Err(Error::new(written.key.span(), message));
        };
        options.isolate = Some(written.key.clone());
        Ok(())
    }
}
