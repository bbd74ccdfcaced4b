//! `retry_delay`: the longest pause before the first retry, which doubles from retry to retry; 200 ms if nothing is said.

use proc_macro2::Ident;
use syn::{Error, Result};

use super::{Options, TaskOption, given, time};
use crate::parse::Written;

/// The option `retry_delay`.
pub(super) struct RetryDelay;

impl TaskOption for RetryDelay {
    fn name(&self) -> &'static str {
        "retry_delay"
    }

    fn usage(&self) -> &'static str {
        r#"retry_delay = "200ms""#
    }

    fn docs(&self) -> &'static str {
        "The longest pause before the first retry, which doubles from retry to retry; 200 ms if nothing is said."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let text = given::string(written, self.usage())?;
        let millis = time::millis(&text.value(), "write a shorter pause")
            .map_err(|message| Error::new(text.span(), message))?;
        options.retry_delay = Some((written.key.clone(), millis));
        Ok(())
    }

    fn check(&self, options: &Options, _params: &[Ident]) -> Vec<Error> {
        let lonely = options.retry_delay.as_ref().filter(|_| !options.given.contains(&"retries"));
        lonely.map(|(key, _)| super::without_retries(key)).into_iter().collect()
    }
}
