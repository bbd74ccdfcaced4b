//! `isolate_memory`: how much memory the process of an isolated body may have, on Linux.

use proc_macro2::Ident;
use syn::{Error, Result};

use super::{Options, TaskOption, given, size};
use crate::parse::Written;

/// The option `isolate_memory`.
pub(super) struct IsolateMemory;

impl TaskOption for IsolateMemory {
    fn name(&self) -> &'static str {
        "isolate_memory"
    }

    fn usage(&self) -> &'static str {
        r#"isolate_memory = "2GB""#
    }

    fn docs(&self) -> &'static str {
        "How much memory the process of an isolated body may have, on Linux."
    }

    fn needs_cache(&self) -> bool {
        false
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let text = given::string(written, self.usage())?;
        let fault = |message: String| Error::new(text.span(), message);
        let bytes = size::bytes(&text.value()).map_err(fault)?;
        if bytes == 0 {
            return Err(fault(format!(
                "no body runs in `{}`: write a larger size, or drop `isolate_memory`",
                text.value()
            )));
        }
        options.isolate_memory = Some((written.key.clone(), bytes));
        Ok(())
    }

    fn check(&self, options: &Options, _: &[Ident]) -> Vec<Error> {
        match &options.isolate_memory {
            Some((key, _)) if !options.given.contains(&"isolate") => {
                let message = format!(
                    "`{key}` says nothing without `isolate`: write `#[task(isolate, {key} …)]`"
                );
                vec![Error::new(key.span(), message)]
            }
            _ => Vec::new(),
        }
    }
}
