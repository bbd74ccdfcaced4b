//! `cache_hash`: names a function that takes all parameters that are not excluded, by reference, and returns what to hash in their place.

use syn::Result;

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `cache_hash`.
pub(super) struct CacheHash;

impl TaskOption for CacheHash {
    fn name(&self) -> &'static str {
        "cache_hash"
    }

    fn usage(&self) -> &'static str {
        "cache_hash = path::to::function"
    }

    fn docs(&self) -> &'static str {
        "Names a function that takes all parameters that are not excluded, by reference, and returns what to hash in their place."
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let function = given::path(written, self.usage())?;
        options.cache_hash = Some((written.key.clone(), function));
        Ok(())
    }
}
