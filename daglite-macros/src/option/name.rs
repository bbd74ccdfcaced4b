//! `name`: the name in messages, events and keys, in place of `module::path::function`.

use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `name`.
pub(super) struct Name;

impl TaskOption for Name {
    fn name(&self) -> &'static str {
        "name"
    }

    fn usage(&self) -> &'static str {
        r#"name = "features""#
    }

    fn docs(&self) -> &'static str {
        "The name in messages, events and keys, in place of `module::path::function`. Two tasks of \
         one name share nothing: where a function stands is in its keys, too."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let text = given::string(written, self.usage())?;
        let name = text.value();
        if name.trim().is_empty() {
            return Err(Error::new(
                text.span(),
                "an empty name is no name: drop `name`, or write one",
            ));
        }
        if name.trim() != name || name.contains(char::is_control) {
            let message =
                "a name has no control characters, and no white space around it: write it plainly";
            return Err(Error::new(text.span(), message));
        }
        options.name = Some(name);
        Ok(())
    }
}
