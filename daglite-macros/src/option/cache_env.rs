//! `cache_env`: names environment variables that count as inputs.

use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `cache_env`.
pub(super) struct CacheEnv;

impl TaskOption for CacheEnv {
    fn name(&self) -> &'static str {
        "cache_env"
    }

    fn usage(&self) -> &'static str {
        r#"cache_env = ["TZ"]"#
    }

    fn docs(&self) -> &'static str {
        "Names environment variables that count as inputs."
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let mut names: Vec<String> = Vec::new();
        for text in given::strings(written, self.usage())? {
            let name = text.value();
            if name.is_empty() || name.contains(['=', '\0']) {
                let message = format!(
                    "{name:?} cannot be the name of a variable: write one, as in `{}`",
                    self.usage()
                );
                return Err(Error::new(text.span(), message));
            }
            if names.contains(&name) {
                return Err(Error::new(
                    text.span(),
                    format!("`{name}` is in `cache_env` twice: keep one"),
                ));
            }
            names.push(name);
        }
        options.cache_env = names;
        Ok(())
    }
}
