//! `cache_track`: lets only the function itself count, not what it reaches.

use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `cache_track`.
pub(super) struct CacheTrack;

impl TaskOption for CacheTrack {
    fn name(&self) -> &'static str {
        "cache_track"
    }

    fn usage(&self) -> &'static str {
        r#"cache_track = "function""#
    }

    fn docs(&self) -> &'static str {
        "Lets only the function itself count, not what it reaches; the default is `\"everything\"`."
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let text = given::string(written, self.usage())?;
        options.cache_track_function = match text.value().as_str() {
            "function" => true,
            "everything" => false,
            other => {
                let message = format!(
                    "`cache_track` cannot be {other:?}: write \"everything\" or \"function\""
                );
                return Err(Error::new(text.span(), message));
            }
        };
        Ok(())
    }
}
