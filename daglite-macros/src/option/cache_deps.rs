//! `cache_deps`: names items, and files of the package, that count as code.

use syn::{Error, Expr, ExprLit, Lit, Result};

use super::{Options, TaskOption, given};
use crate::parse::Written;

/// The option `cache_deps`.
pub(super) struct CacheDeps;

impl TaskOption for CacheDeps {
    fn name(&self) -> &'static str {
        "cache_deps"
    }

    fn usage(&self) -> &'static str {
        r#"cache_deps = [path::to::item, "file"]"#
    }

    fn docs(&self) -> &'static str {
        "Names items, and files of the package, that count as code: those that cannot be seen."
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let mut paths = Vec::new();
        let mut files = Vec::new();
        for item in given::items(written, self.usage())? {
            match item {
                Expr::Lit(ExprLit { lit: Lit::Str(file), .. }) => {
                    let name = file.value();
                    if name.is_empty() || std::path::Path::new(&name).is_absolute() {
                        let message = format!(
                            "{name:?} is no file of the package: write its path from the folder of `Cargo.toml` on, as \
                             in `{}`",
                            self.usage()
                        );
                        return Err(Error::new(file.span(), message));
                    }
                    files.push(file.clone());
                }
                item => paths.push(given::path_in(item, self.usage())?),
            }
        }
        options.cache_deps = (paths, files);
        Ok(())
    }

    fn check(&self, options: &Options, _params: &[proc_macro2::Ident]) -> Vec<Error> {
        if !options.cache_track_function || options.cache_deps.0.is_empty() {
            return Vec::new();
        }
        let message = "`cache_track = \"function\"` lets nothing else count: drop it, or the items in `cache_deps`";
        vec![Error::new_spanned(&options.cache_deps.0[0], message)]
    }
}
