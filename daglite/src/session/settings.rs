//! What `daglite.toml` and the `DAGLITE_*` variables say.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, ErrorKind};

/// The settings of a session, after files and variables.
pub(super) struct Settings {
    pub(super) cache: CacheSetting,
    pub(super) checkpoints: PathBuf,
    pub(super) concurrency: Option<NonZeroUsize>,
    pub(super) progress: Option<ProgressSetting>,
}

/// Where results are cached.
pub(super) enum CacheSetting {
    Off,
    Folder(PathBuf),
}

/// What is shown of a run.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProgressSetting {
    Off,
    Summary,
    Tasks,
}

/// `daglite.toml`, key by key.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cache: Option<PathBuf>,
    checkpoints: Option<PathBuf>,
    concurrency: Option<NonZeroUsize>,
    progress: Option<ProgressSetting>,
}

const FILE_NAME: &str = "daglite.toml";

impl Settings {
    /// Reads the file, if there is one, and then the variables.
    pub(super) fn read() -> Result<Self, Error> {
        let here = std::env::current_dir().unwrap_or_default();
        let (folder, file) = match find(&here) {
            Some(path) => (path.parent().unwrap_or(&here).to_path_buf(), parse_file(&path)?),
            None => (here.clone(), File::default()),
        };
        let in_folder = |path: PathBuf| folder.join(path);
        let default_root = folder.join(".daglite");
        let cache = match variable("DAGLITE_CACHE") {
            Some(value) => cache_setting(&here, value.into()),
            None => match file.cache {
                Some(path) => cache_setting(&folder, path),
                None => CacheSetting::Folder(default_root.join("cache")),
            },
        };
        let checkpoints = match variable("DAGLITE_CHECKPOINTS") {
            Some(value) => here.join(value),
            None => file.checkpoints.map_or_else(|| default_root.join("checkpoints"), in_folder),
        };
        let concurrency = match variable("DAGLITE_CONCURRENCY") {
            Some(value) => {
                Some(parse_variable("DAGLITE_CONCURRENCY", &value, "a number from 1 up", |text| {
                    text.parse().ok()
                })?)
            }
            None => file.concurrency,
        };
        let progress = match variable("DAGLITE_PROGRESS") {
            Some(value) => {
                let expected = "`off`, `summary` or `tasks`";
                Some(parse_variable("DAGLITE_PROGRESS", &value, expected, |text| match text {
                    "off" => Some(ProgressSetting::Off),
                    "summary" => Some(ProgressSetting::Summary),
                    "tasks" => Some(ProgressSetting::Tasks),
                    _ => None,
                })?)
            }
            None => file.progress,
        };
        Ok(Self { cache, checkpoints, concurrency, progress })
    }
}

fn cache_setting(folder: &Path, written: PathBuf) -> CacheSetting {
    if written.as_os_str() == "off" {
        CacheSetting::Off
    } else {
        CacheSetting::Folder(folder.join(written))
    }
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn parse_variable<T>(
    name: &str,
    value: &OsString,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, Error> {
    value.to_str().and_then(|text| parse(text.trim())).ok_or_else(|| {
        let value = value.to_string_lossy();
        Error::new(ErrorKind::Config, format!("{name} is `{value}`: set it to {expected}"))
    })
}

/// The nearest `daglite.toml`, from `folder` upwards.
fn find(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file())
}

fn parse_file(path: &Path) -> Result<File, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        Error::new(ErrorKind::Config, message).with_source(error)
    })?;
    toml::from_str(&text).map_err(|error| {
        let place = match error.span() {
            Some(span) => describe_place(&text, span.start),
            None => String::new(),
        };
        let reason = error.message().lines().collect::<Vec<_>>().join(" ");
        let message = format!("{}{place}: {reason}", path.display());
        Error::new(ErrorKind::Config, message)
    })
}

/// ` line 3, key `concurrency``, for the byte at `offset`.
fn describe_place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let number = before.matches('\n').count() + 1;
    let line = text.lines().nth(number - 1).unwrap_or_default();
    match line.split_once('=') {
        Some((key, _)) => format!(" line {number}, key `{}`", key.trim()),
        None => format!(" line {number}"),
    }
}
