//! `timeout`: how long one run of the body may take: see below.

use syn::{Error, Result};

use super::{Options, TaskOption, given, time};
use crate::parse::Written;

/// The option `timeout`.
pub(super) struct Timeout;

impl TaskOption for Timeout {
    fn name(&self) -> &'static str {
        "timeout"
    }

    fn usage(&self) -> &'static str {
        r#"timeout = "30s""#
    }

    fn docs(&self) -> &'static str {
        "How long one run of the body may take: see below."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let text = given::string(written, self.usage())?;
        let fault = |message: String| Error::new(text.span(), message);
        let millis =
            time::millis(&text.value(), "drop `timeout` to wait for ever").map_err(fault)?;
        if millis == 0 {
            return Err(fault(format!(
                "after `{}` no body has ever ended: write a longer time, or drop `timeout`",
                text.value()
            )));
        }
        options.timeout = Some(millis);
        Ok(())
    }
}
