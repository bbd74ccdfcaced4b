//! `cache_ttl`: how long a result is good; the units are `ms`, `s`, `m`, `h`, `d` and `w`.

use syn::{Error, Result};

use super::{Options, TaskOption, given, time};
use crate::parse::Written;

/// The option `cache_ttl`.
pub(super) struct CacheTtl;

impl TaskOption for CacheTtl {
    fn name(&self) -> &'static str {
        "cache_ttl"
    }

    fn usage(&self) -> &'static str {
        r#"cache_ttl = "1h30m""#
    }

    fn docs(&self) -> &'static str {
        "How long a result is good; the units are `ms`, `s`, `m`, `h`, `d` and `w`."
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let text = given::string(written, self.usage())?;
        let fault = |message: String| Error::new(text.span(), message);
        let millis = time::millis(&text.value(), "drop `cache_ttl` to keep results for ever");
        let millis = millis.map_err(fault)?;
        if millis == 0 {
            return Err(fault(format!(
                "after `{}` no result would ever be used: write a longer time, or drop `cache`",
                text.value()
            )));
        }
        options.cache_ttl = Some(millis);
        Ok(())
    }
}
