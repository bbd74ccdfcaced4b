//! `cache_version`: changes the key: for a change that the fingerprint cannot see.

use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `cache_version`.
pub(super) struct CacheVersion;

impl TaskOption for CacheVersion {
    fn name(&self) -> &'static str {
        "cache_version"
    }

    fn usage(&self) -> &'static str {
        r#"cache_version = "2""#
    }

    fn docs(&self) -> &'static str {
        "Changes the key: for a change that the fingerprint cannot see."
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let text = given::string(written, self.usage())?;
        if text.value().is_empty() {
            return Err(Error::new(
                text.span(),
                "an empty version is no version: drop `cache_version`, or name one",
            ));
        }
        options.cache_version = Some(text.value());
        Ok(())
    }
}
