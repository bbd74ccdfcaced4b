//! `crate`: the path of this library, when it has another name where the function is written.

use syn::{Error, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `crate`.
pub(super) struct Library;

impl TaskOption for Library {
    fn name(&self) -> &'static str {
        "crate"
    }

    fn usage(&self) -> &'static str {
        "crate = my_daglite"
    }

    fn docs(&self) -> &'static str {
        "The path of this library, when it has another name where the function is written."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let path = given::path(written, self.usage())?;
        let first = &path.segments[0].ident;
        let relative = first == "self" || first == "super" || first == "Self";
        if relative {
            let message = format!(
                "`{first}` means another module inside the task: write `crate::…` or `::…` in full"
            );
            return Err(Error::new(first.span(), message));
        }
        if let Some(segment) = path.segments.iter().find(|segment| !segment.arguments.is_none()) {
            return Err(Error::new_spanned(
                &segment.arguments,
                "the path of a crate has no arguments: drop them",
            ));
        }
        options.library = Some(path);
        Ok(())
    }
}
