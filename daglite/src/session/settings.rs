//! What `daglite.toml` and the `DAGLITE_*` variables say.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::{Error, ErrorKind};
use crate::hash::Strategy;
use crate::signed::SigningKey;
use crate::size::ByteSize;
use crate::store::{Eviction, FileStore, FileStoreLayout};
use crate::times;

/// The settings of a session, after files and variables.
pub(super) struct Settings {
    pub(super) cache: CacheSetting,
    pub(super) cache_limits: CacheLimits,
    pub(super) checkpoints: PathBuf,
    pub(super) concurrency: Option<NonZeroUsize>,
    pub(super) progress: Option<ProgressSetting>,
    pub(super) log: Option<PathBuf>,
    pub(super) trace: Option<PathBuf>,
    pub(super) memory: Option<ByteSize>,
    pub(super) wait_for_others: Option<Duration>,
    pub(super) warn_excluded: Option<bool>,
    pub(super) resume: Option<bool>,
    pub(super) hash_strategy: Option<Strategy>,
    pub(super) keep_going: Option<bool>,
    pub(super) seed: Option<u64>,
    pub(super) limits: BTreeMap<String, usize>,
    pub(super) signing_key: Option<SigningKey>,
    pub(super) isolation: Option<bool>,
}

/// Where results are cached.
pub(super) enum CacheSetting {
    Off,
    Folder(PathBuf),
}

/// How the folder of the cache is kept.
#[derive(Default)]
pub(super) struct CacheLimits {
    max_size: Option<MaxSize>,
    max_entries: Option<NonZeroU64>,
    eviction: Option<Eviction>,
    layout: Option<FileStoreLayout>,
    compression: Option<i32>,
}

impl CacheLimits {
    /// The store in `folder` that is kept like this.
    pub(super) fn open(self, folder: &Path) -> Result<FileStore, Error> {
        let Self { max_size, max_entries, eviction, layout, compression } = self;
        let mut builder = FileStore::builder(folder);
        match max_size {
            Some(MaxSize::Bytes(size)) => builder = builder.max_size(size),
            Some(MaxSize::Unlimited) => builder = builder.without_max_size(),
            None => {}
        }
        if let Some(entries) = max_entries {
            builder = builder.max_entries(entries.get());
        }
        if let Some(policy) = eviction {
            builder = builder.eviction(policy);
        }
        if let Some(layout) = layout {
            builder = builder.layout(layout);
        }
        if let Some(level) = compression {
            builder = builder.compression(level);
        }
        builder.open()
    }
}

/// The most bytes that the cache may have.
enum MaxSize {
    Bytes(ByteSize),
    Unlimited,
}

/// What is shown of a run.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProgressSetting {
    Off,
    Summary,
    Bars,
    Tasks,
}

/// `daglite.toml`, key by key.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cache: Option<PathBuf>,
    #[serde(default, deserialize_with = "max_size_in_file")]
    cache_max_size: Option<MaxSize>,
    cache_max_entries: Option<NonZeroU64>,
    #[serde(default, deserialize_with = "eviction_in_file")]
    cache_eviction: Option<Eviction>,
    #[serde(default, deserialize_with = "layout_in_file")]
    cache_layout: Option<FileStoreLayout>,
    #[serde(default, deserialize_with = "compression_in_file")]
    cache_compression: Option<i32>,
    checkpoints: Option<PathBuf>,
    concurrency: Option<NonZeroUsize>,
    log: Option<PathBuf>,
    trace: Option<PathBuf>,
    progress: Option<ProgressSetting>,
    #[serde(default, deserialize_with = "memory_in_file")]
    memory: Option<ByteSize>,
    #[serde(default, deserialize_with = "time_in_file")]
    wait_for_others: Option<Duration>,
    warn_excluded: Option<bool>,
    resume: Option<bool>,
    #[serde(default, deserialize_with = "strategy_in_file")]
    hash_strategy: Option<Strategy>,
    keep_going: Option<bool>,
    isolation: Option<bool>,
    seed: Option<u64>,
    #[serde(default)]
    limits: BTreeMap<String, usize>,
    signing_key_file: Option<PathBuf>,
}

/// What is expected where a size of memory stands.
const MEMORY_EXPECTED: &str = "a size such as `256MB`, or `off`";

/// What is expected where the most bytes of the cache stand.
const MAX_SIZE_EXPECTED: &str = "a size such as `10GB`, or `unlimited`";

/// What is expected where a policy of eviction stands.
const EVICTION_EXPECTED: &str = "`lru`, `lfu`, `largest-first`, `oldest-first` or `none`";

/// What is expected where a layout of the cache stands.
const LAYOUT_EXPECTED: &str = "`auto`, `index` or `files`";

/// What is expected where a level of compression stands.
const COMPRESSION_EXPECTED: &str = "a level from 1 to 22";

/// What is expected where limits stand.
const LIMITS_EXPECTED: &str = "names with numbers from 1 up, such as `db=2,net=8`";

/// What is expected where a hash strategy stands.
const STRATEGY_EXPECTED: &str = "`auto`, `exact`, `fast` or `sampled`";

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
        let cache_limits = CacheLimits {
            max_size: setting("CACHE_MAX_SIZE", MAX_SIZE_EXPECTED, max_size, file.cache_max_size)?,
            max_entries: setting(
                "CACHE_MAX_ENTRIES",
                "a number from 1 up",
                |text| text.parse().ok(),
                file.cache_max_entries,
            )?,
            eviction: setting(
                "CACHE_EVICTION",
                EVICTION_EXPECTED,
                |text| text.parse().ok(),
                file.cache_eviction,
            )?,
            layout: setting(
                "CACHE_LAYOUT",
                LAYOUT_EXPECTED,
                |text| text.parse().ok(),
                file.cache_layout,
            )?,
            compression: setting(
                "CACHE_COMPRESSION",
                COMPRESSION_EXPECTED,
                |text| compression(text.parse().ok()?),
                file.cache_compression,
            )?,
        };
        let checkpoints = match variable("DAGLITE_CHECKPOINTS") {
            Some(value) => here.join(value),
            None => file.checkpoints.map_or_else(|| default_root.join("checkpoints"), in_folder),
        };
        let file_of = |name, in_file: Option<PathBuf>| {
            let is_on = |path: &PathBuf| path.as_os_str() != "off";
            match variable(name) {
                Some(value) => Some(PathBuf::from(value)).filter(is_on).map(|path| here.join(path)),
                None => in_file.filter(is_on).map(in_folder),
            }
        };
        let log = file_of("DAGLITE_LOG", file.log);
        let trace = file_of("DAGLITE_TRACE", file.trace);
        let concurrency = setting(
            "CONCURRENCY",
            "a number from 1 up",
            |text| text.parse().ok(),
            file.concurrency,
        )?;
        let progress = setting(
            "PROGRESS",
            "`off`, `summary`, `bars` or `tasks`",
            |text| match text {
                "off" => Some(ProgressSetting::Off),
                "summary" => Some(ProgressSetting::Summary),
                "bars" => Some(ProgressSetting::Bars),
                "tasks" => Some(ProgressSetting::Tasks),
                _ => None,
            },
            file.progress,
        )?;
        let memory = setting("MEMORY", MEMORY_EXPECTED, memory_size, file.memory)?;
        let wait_for_others =
            setting("WAIT_FOR_OTHERS", times::EXPECTED, times::read, file.wait_for_others)?;
        let switch =
            |name, in_file| setting(name, "`true` or `false`", |text| text.parse().ok(), in_file);
        let warn_excluded = switch("WARN_EXCLUDED", file.warn_excluded)?;
        let resume = switch("RESUME", file.resume)?;
        let keep_going = switch("KEEP_GOING", file.keep_going)?;
        let isolation = switch("ISOLATION", file.isolation)?;
        let seed = setting("SEED", "a number from 0 up", |text| text.parse().ok(), file.seed)?;
        let mut limits = file.limits;
        limits
            .extend(setting("LIMITS", LIMITS_EXPECTED, limits_in_text, None)?.unwrap_or_default());
        let hash_strategy = setting(
            "HASH_STRATEGY",
            STRATEGY_EXPECTED,
            |text| text.parse().ok(),
            file.hash_strategy,
        )?;
        let signing_key = signing_key(&here, file.signing_key_file.map(in_folder))?;
        Ok(Self {
            cache,
            cache_limits,
            checkpoints,
            concurrency,
            progress,
            log,
            trace,
            memory,
            wait_for_others,
            warn_excluded,
            resume,
            hash_strategy,
            keep_going,
            seed,
            limits,
            signing_key,
            isolation,
        })
    }
}

/// What the variable `DAGLITE_` and `name` says, or else the file.
fn setting<T>(
    name: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
    in_file: Option<T>,
) -> Result<Option<T>, Error> {
    let name = format!("DAGLITE_{name}");
    match variable(&name) {
        Some(value) => parse_variable(&name, &value, expected, parse).map(Some),
        None => Ok(in_file),
    }
}

/// A setting that is written as a text in the file.
fn text_in_file<'de, D: Deserializer<'de>, T>(
    written: D,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(written)?;
    let read = parse(&text);
    read.map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is not {expected}")))
}

fn memory_in_file<'de, D: Deserializer<'de>>(written: D) -> Result<Option<ByteSize>, D::Error> {
    text_in_file(written, MEMORY_EXPECTED, memory_size)
}

fn time_in_file<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Duration>, D::Error> {
    text_in_file(written, times::EXPECTED, times::read)
}

fn max_size_in_file<'de, D: Deserializer<'de>>(written: D) -> Result<Option<MaxSize>, D::Error> {
    text_in_file(written, MAX_SIZE_EXPECTED, max_size)
}

fn eviction_in_file<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Eviction>, D::Error> {
    text_in_file(written, EVICTION_EXPECTED, |text| text.parse().ok())
}

fn layout_in_file<'de, D: Deserializer<'de>>(
    written: D,
) -> Result<Option<FileStoreLayout>, D::Error> {
    text_in_file(written, LAYOUT_EXPECTED, |text| text.parse().ok())
}

fn strategy_in_file<'de, D: Deserializer<'de>>(written: D) -> Result<Option<Strategy>, D::Error> {
    text_in_file(written, STRATEGY_EXPECTED, |text| text.parse().ok())
}

fn compression_in_file<'de, D: Deserializer<'de>>(written: D) -> Result<Option<i32>, D::Error> {
    let level = i64::deserialize(written)?;
    let read = i32::try_from(level).ok().and_then(compression);
    read.map(Some)
        .ok_or_else(|| D::Error::custom(format!("`{level}` is not {COMPRESSION_EXPECTED}")))
}

/// The most bytes of the cache: one of no bytes is switched off in another way.
fn max_size(text: &str) -> Option<MaxSize> {
    if text == "unlimited" {
        return Some(MaxSize::Unlimited);
    }
    text.parse().ok().filter(|size: &ByteSize| size.bytes() > 0).map(MaxSize::Bytes)
}

/// A level of compression, if there is such a level.
fn compression(level: i32) -> Option<i32> {
    (1..=22).contains(&level).then_some(level)
}

/// The size that is kept in memory; nothing if it is off.
fn memory_size(text: &str) -> Option<ByteSize> {
    if text == "off" { Some(ByteSize::default()) } else { text.parse().ok() }
}

/// Limits with their names.
fn limits_in_text(text: &str) -> Option<BTreeMap<String, usize>> {
    let limits = text.split(',').map(|limit| {
        let (name, most) = limit.split_once('=')?;
        let most = most.trim().parse::<NonZeroUsize>().ok()?;
        Some((name.trim().to_owned(), most.get())).filter(|(name, _)| !name.is_empty())
    });
    limits.collect()
}

fn cache_setting(folder: &Path, written: PathBuf) -> CacheSetting {
    if written.as_os_str() == "off" {
        CacheSetting::Off
    } else {
        CacheSetting::Folder(folder.join(written))
    }
}

/// The key that the variables say, or the file that they or `in_file` name. No message shows a secret.
fn signing_key(here: &Path, in_file: Option<PathBuf>) -> Result<Option<SigningKey>, Error> {
    let (secret, path) = (variable("DAGLITE_SIGNING_KEY"), variable("DAGLITE_SIGNING_KEY_FILE"));
    let refused = |message: String| Error::new(ErrorKind::Config, message);
    match (secret, path) {
        (Some(_), Some(_)) => Err(refused(
            "DAGLITE_SIGNING_KEY and DAGLITE_SIGNING_KEY_FILE are both set: set one of them"
                .to_owned(),
        )),
        (Some(secret), None) => SigningKey::new(secret.as_encoded_bytes())
            .map(Some)
            .map_err(|cause| refused(format!("DAGLITE_SIGNING_KEY: {cause}"))),
        (None, Some(path)) => SigningKey::from_file(here.join(path)).map(Some),
        (None, None) => in_file.map(SigningKey::from_file).transpose(),
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
