//! `cache_exclude`: leaves parameters out of the key, for those that do not change the result.

use proc_macro2::Ident;
use syn::{Error, Result};

use super::{Options, TaskOption, given, unknown_params};
use crate::parse::Written;

/// The option `cache_exclude`.
pub(super) struct CacheExclude;

impl TaskOption for CacheExclude {
    fn name(&self) -> &'static str {
        "cache_exclude"
    }

    fn usage(&self) -> &'static str {
        "cache_exclude = [verbose]"
    }

    fn docs(&self) -> &'static str {
        "Leaves parameters out of the key, for those that do not change the result."
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        options.cache_exclude = given::names(written, self.usage())?;
        Ok(())
    }

    fn check(&self, options: &Options, params: &[Ident]) -> Vec<Error> {
        unknown_params(self.name(), &options.cache_exclude, params)
    }
}
