//! What is compiled now: the package, and where in it the attribute stands.

use std::path::PathBuf;

use daglite_fingerprint::Place;

/// What is compiled now.
#[derive(Default)]
pub(crate) struct Compiled {
    /// The name of the package.
    pub(crate) package: String,
    /// Where the attribute stands; `None` if the compiler does not say.
    pub(crate) place: Option<Place>,
}

/// What the compiler, and Cargo by its variables, say.
pub(crate) fn now() -> Compiled {
    let variable = |name: &str| std::env::var(name).ok();
    let package = variable("CARGO_PKG_NAME").unwrap_or_default();
    let place = || {
        let span = proc_macro::Span::call_site();
        let target = variable("CARGO_BIN_NAME").or_else(|| variable("CARGO_CRATE_NAME"));
        Some(Place {
            package: PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?),
            target: target.map(|name| name.replace('-', "_")),
            file: span.local_file()?,
            line: span.line(),
        })
    };
    Compiled { place: place(), package }
}
