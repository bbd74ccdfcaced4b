//! rustfmt, under many configurations.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sources::Source;

/// A configuration: its settings, one a line.
pub(crate) struct Configuration {
    /// The lines of `rustfmt.toml`.
    pub(crate) settings: &'static str,
    /// Whether a nightly rustfmt is needed.
    pub(crate) is_unstable: bool,
}

const fn stable(settings: &'static str) -> Configuration {
    Configuration { settings, is_unstable: false }
}

const fn unstable(settings: &'static str) -> Configuration {
    Configuration { settings, is_unstable: true }
}

/// All configurations.
pub(crate) const ALL: [Configuration; 35] = [
    stable("max_width = 100"),
    stable("max_width = 60"),
    stable("max_width = 160"),
    stable("style_edition = \"2024\""),
    stable("style_edition = \"2024\"\nmax_width = 50"),
    stable("use_small_heuristics = \"Off\""),
    stable("use_small_heuristics = \"Max\""),
    stable("match_arm_leading_pipes = \"Always\""),
    stable("fn_params_layout = \"Vertical\""),
    stable("fn_params_layout = \"Compressed\""),
    stable("use_field_init_shorthand = true"),
    stable("use_try_shorthand = true"),
    stable("hard_tabs = true"),
    stable("newline_style = \"Windows\""),
    stable("merge_derives = false\nreorder_imports = false\nreorder_modules = false"),
    stable("match_block_trailing_comma = true"),
    stable("force_explicit_abi = false"),
    stable("remove_nested_parens = false"),
    unstable("imports_granularity = \"Item\"\ngroup_imports = \"StdExternalCrate\""),
    unstable("imports_granularity = \"Crate\""),
    unstable("imports_granularity = \"One\""),
    unstable("trailing_semicolon = false"),
    unstable("trailing_comma = \"Always\""),
    unstable("trailing_comma = \"Never\"\nmax_width = 60"),
    unstable("match_arm_blocks = false\nmax_width = 60"),
    unstable("force_multiline_blocks = true"),
    unstable("hex_literal_case = \"Upper\"\nfloat_literal_trailing_zero = \"Always\""),
    unstable("hex_literal_case = \"Lower\"\nfloat_literal_trailing_zero = \"Never\""),
    unstable("format_strings = true\nmax_width = 60"),
    unstable("wrap_comments = true\nnormalize_comments = true\nnormalize_doc_attributes = true"),
    unstable("format_macro_matchers = true\nmax_width = 60"),
    unstable("format_macro_bodies = false"),
    unstable("reorder_impl_items = true\nindent_style = \"Visual\""),
    unstable("condense_wildcard_suffixes = true"),
    unstable("overflow_delimited_expr = true\nstruct_lit_single_line = false"),
];

/// The command that runs rustfmt, or why there is none.
fn rustfmt(is_unstable: bool) -> Command {
    if is_unstable {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "rustfmt"]);
        command
    } else {
        Command::new("rustfmt")
    }
}

/// Whether the rustfmt of that kind is there.
pub(crate) fn is_there(is_unstable: bool) -> bool {
    let mut command = rustfmt(is_unstable);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// How many files go to one process.
const BATCH: usize = 40;

/// The text of each source as rustfmt leaves it.
pub(crate) fn format(configuration: &Configuration, sources: &[&Source]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("rustfmt.toml"), configuration.settings).expect("it is writable");
    let place = |index: usize| folder.path().join(format!("{index}.rs"));
    let mut start = 0;
    while start < sources.len() {
        let edition = &sources[start].edition;
        let of_edition = sources[start..].iter().take_while(|source| source.edition == *edition);
        let end = start + of_edition.take(BATCH).count();
        let paths: Vec<PathBuf> = (start..end).map(place).collect();
        for (path, source) in paths.iter().zip(&sources[start..end]) {
            fs::write(path, &source.text).expect("it is writable");
        }
        if !run(configuration, folder.path(), edition, &paths) {
            // One file that it cannot format keeps it from writing the others.
            for path in &paths {
                run(configuration, folder.path(), edition, std::slice::from_ref(path));
            }
        }
        start = end;
    }
    (0..sources.len()).map(|index| fs::read_to_string(place(index)).expect("a text")).collect()
}

fn run(configuration: &Configuration, folder: &Path, edition: &str, paths: &[PathBuf]) -> bool {
    let mut command = rustfmt(configuration.is_unstable);
    command.args(["--edition", edition, "--config-path"]).arg(folder).args(paths);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.expect("rustfmt runs").success()
}
