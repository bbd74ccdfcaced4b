//! `retry_if`: names a function that takes the error of the task by reference, and returns whether to try again.

use proc_macro2::Ident;
use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `retry_if`.
pub(super) struct RetryIf;

impl TaskOption for RetryIf {
    fn name(&self) -> &'static str {
        "retry_if"
    }

    fn usage(&self) -> &'static str {
        "retry_if = path::to::function"
    }

    fn docs(&self) -> &'static str {
        "Names a function that takes the error of the task by reference, and returns whether to try again."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let function = given::path(written, self.usage())?;
        options.retry_if = Some((written.key.clone(), function));
        Ok(())
    }

    fn check(&self, options: &Options, _params: &[Ident]) -> Vec<Error> {
        let lonely = options.retry_if.as_ref().filter(|_| !options.given.contains(&"retries"));
        lonely.map(|(key, _)| super::without_retries(key)).into_iter().collect()
    }
}
