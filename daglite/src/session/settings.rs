//! What `daglite.toml` and the `DAGLITE_*` variables say.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::{Error, ErrorKind};
use crate::size::ByteSize;

/// The settings of a session, after files and variables.
pub(super) struct Settings {
    pub(super) cache: CacheSetting,
    pub(super) checkpoints: PathBuf,
    pub(super) concurrency: Option<NonZeroUsize>,
    pub(super) progress: Option<ProgressSetting>,
    pub(super) memory: Option<ByteSize>,
    pub(super) wait_for_others: Option<Duration>,
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
    #[serde(default, deserialize_with = "memory_in_file")]
    memory: Option<ByteSize>,
    #[serde(default, deserialize_with = "time_in_file")]
    wait_for_others: Option<Duration>,
}

/// What is expected where a size of memory stands.
const MEMORY_EXPECTED: &str = "a size such as `256MB`, or `off`";

/// What is expected where a time stands.
const TIME_EXPECTED: &str = "a time such as `10m` or `1h30m`";

/// The units of time, with their milliseconds: those of `cache_ttl`.
const TIME_UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

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
        let memory = match variable("DAGLITE_MEMORY") {
            Some(value) => {
                Some(parse_variable("DAGLITE_MEMORY", &value, MEMORY_EXPECTED, memory_size)?)
            }
            None => file.memory,
        };
        let wait_for_others = match variable("DAGLITE_WAIT_FOR_OTHERS") {
            Some(value) => {
                Some(parse_variable("DAGLITE_WAIT_FOR_OTHERS", &value, TIME_EXPECTED, time)?)
            }
            None => file.wait_for_others,
        };
        Ok(Self { cache, checkpoints, concurrency, progress, memory, wait_for_others })
    }
}

fn memory_in_file<'de, D: Deserializer<'de>>(written: D) -> Result<Option<ByteSize>, D::Error> {
    let text = String::deserialize(written)?;
    let size = memory_size(&text);
    size.map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is not {MEMORY_EXPECTED}")))
}

fn time_in_file<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(written)?;
    let time = time(&text);
    time.map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is not {TIME_EXPECTED}")))
}

/// The size that is kept in memory; nothing if it is off.
fn memory_size(text: &str) -> Option<ByteSize> {
    if text == "off" { Some(ByteSize::default()) } else { text.parse().ok() }
}

/// The time that `text` stands for: numbers with units.
fn time(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let factor = TIME_UNITS.iter().find(|(name, _)| *name == unit)?.1;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
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
