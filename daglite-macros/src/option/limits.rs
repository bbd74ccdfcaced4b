//! `limits`: names limits of the session (`Session::builder().limit(\"db\", 2)`) that the body counts for.

use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `limits`.
pub(super) struct Limits;

impl TaskOption for Limits {
    fn name(&self) -> &'static str {
        "limits"
    }

    fn usage(&self) -> &'static str {
        r#"limits = ["db"]"#
    }

    fn docs(&self) -> &'static str {
        "Names limits of the session (`Session::builder().limit(\"db\", 2)`) that the body counts for."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let mut names: Vec<String> = Vec::new();
        for text in given::strings(written, self.usage())? {
            let name = text.value();
            if name.is_empty() || name.contains(|letter: char| !is_plain(letter)) {
                let message = format!(
                    "{name:?} cannot be the name of a limit: write letters, digits, `_`, `-` and `.`, as in `{}`",
                    self.usage()
                );
                return Err(Error::new(text.span(), message));
            }
            if names.contains(&name) {
                let message = format!("`{name}` is in `limits` twice: keep one");
                return Err(Error::new(text.span(), message));
            }
            names.push(name);
        }
        options.limits = names;
        Ok(())
    }
}

/// Whether a letter may stand in the name of a limit: it has to go into a variable, beside `=` and `,`.
fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.')
}
