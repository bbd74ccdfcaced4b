//! The options of `#[task]`: one file each, listed in [`ALL`].
//!
//! An option's file has its spelling, how its value is read, the rules that are its own, and its line in the docs.
//! [`given`] reads the shapes of values that several options share, [`time`] times, [`size`] sizes, [`nearest`] finds what a wrong
//! name was meant to be.

use proc_macro2::Ident;
use syn::{Error, LitStr, Path, Result};

use crate::model::Hash;
use crate::parse::Written;

mod cache;
mod cache_deps;
mod cache_env;
mod cache_exclude;
mod cache_hash;
mod cache_hash_params;
mod cache_track;
mod cache_ttl;
mod cache_version;
mod given;
mod isolate;
mod isolate_memory;
mod library;
mod limits;
mod name;
mod nearest;
mod retries;
mod retry_delay;
mod retry_if;
mod seeded;
mod size;
mod time;
mod timeout;
mod weight;

/// Every option there is.
pub(crate) static ALL: &[&dyn TaskOption] = &[
    &cache::Cache,
    &cache_ttl::CacheTtl,
    &cache_exclude::CacheExclude,
    &cache_hash::CacheHash,
    &cache_hash_params::CacheHashParams,
    &cache_version::CacheVersion,
    &cache_env::CacheEnv,
    &cache_deps::CacheDeps,
    &cache_track::CacheTrack,
    &retries::Retries,
    &retry_delay::RetryDelay,
    &retry_if::RetryIf,
    &timeout::Timeout,
    &weight::Weight,
    &limits::Limits,
    &isolate::Isolate,
    &isolate_memory::IsolateMemory,
    &seeded::Seeded,
    &name::Name,
    &library::Library,
];

/// An option of `#[task]`.
pub(crate) trait TaskOption: Sync {
    /// How it is spelled.
    fn name(&self) -> &'static str;

    /// How it is written, for the docs of `#[task]`.
    fn usage(&self) -> &'static str;

    /// What it does, for the docs of `#[task]`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test compares it with the docs of `#[task]`")
    )]
    fn docs(&self) -> &'static str;

    /// Whether it says nothing without `cache`.
    fn needs_cache(&self) -> bool;

    /// Reads what was written into its field of `options`.
    fn read(&self, written: &Written, options: &mut Options) -> Result<()>;

    /// What is wrong with it in the light of the other options and of the function's parameters.
    fn check(&self, _options: &Options, _params: &[Ident]) -> Vec<Error> {
        Vec::new()
    }
}

/// The options of one attribute, as far as they could be read.
#[derive(Default)]
pub(crate) struct Options {
    /// The names of those that are given, also where their values could not be read.
    pub(crate) given: Vec<&'static str>,
    /// `cache`: the word.
    pub(crate) cache: Option<Ident>,
    /// `cache_ttl`, in milliseconds.
    pub(crate) cache_ttl: Option<u64>,
    /// `cache_exclude`: the names of parameters.
    pub(crate) cache_exclude: Vec<Ident>,
    /// `cache_hash`: the word and the function.
    pub(crate) cache_hash: Option<(Ident, Path)>,
    /// `cache_hash_params`: the word and, by parameter, the way to hash.
    pub(crate) cache_hash_params: Option<(Ident, Vec<(Ident, Hash)>)>,
    /// `cache_version`.
    pub(crate) cache_version: Option<String>,
    /// `cache_env`: the names of variables.
    pub(crate) cache_env: Vec<String>,
    /// `cache_deps`: items, and files with the place to point at.
    pub(crate) cache_deps: (Vec<Path>, Vec<LitStr>),
    /// `cache_track = "function"`: whether nothing else counts.
    pub(crate) cache_track_function: bool,
    /// `retries`.
    pub(crate) retries: Option<u32>,
    /// `retry_delay`: the word and the time, in milliseconds.
    pub(crate) retry_delay: Option<(Ident, u64)>,
    /// `retry_if`: the word and the function.
    pub(crate) retry_if: Option<(Ident, Path)>,
    /// `timeout`, in milliseconds.
    pub(crate) timeout: Option<u64>,
    /// `weight`.
    pub(crate) weight: Option<u32>,
    /// `limits`: their names.
    pub(crate) limits: Vec<String>,
    /// `isolate`: the word.
    pub(crate) isolate: Option<Ident>,
    /// `isolate_memory`: the word and the size, in bytes.
    pub(crate) isolate_memory: Option<(Ident, u64)>,
    /// `seeded`: the word.
    pub(crate) seeded: Option<Ident>,
    /// `name`.
    pub(crate) name: Option<String>,
    /// `crate`.
    pub(crate) library: Option<Path>,
}

/// Reads all options of an attribute, and checks them against each other and against the function's parameters.
pub(crate) fn read_all(written: &[Written], params: &[Ident], errors: &mut Vec<Error>) -> Options {
    let mut options = Options::default();
    let mut seen: Vec<(&dyn TaskOption, &Ident)> = Vec::new();
    let mut cache_misspelt = false;
    for one in written {
        let name = one.key.to_string();
        let Some(option) = ALL.iter().copied().find(|option| option.name() == name) else {
            let meant = nearest::nearest(&name, names());
            cache_misspelt |= meant == Some("cache");
            // What is misspelt is there, for those options that need it.
            options.given.extend(meant);
            errors.push(unknown(&one.key));
            continue;
        };
        if seen.iter().any(|(earlier, _)| earlier.name() == name) {
            errors.push(Error::new(one.key.span(), format!("`{name}` is given twice: keep one")));
            continue;
        }
        seen.push((option, &one.key));
        options.given.push(option.name());
        if let Err(error) = option.read(one, &mut options) {
            errors.extend(error);
        }
    }
    let cached = seen.iter().any(|(option, _)| option.name() == "cache") || cache_misspelt;
    for (option, key) in seen {
        if option.needs_cache() && !cached {
            let message =
                format!("`{key}` says nothing without `cache`: write `#[task(cache, {key} …)]`");
            errors.push(Error::new(key.span(), message));
        }
        errors.extend(option.check(&options, params));
    }
    options
}

/// The error of an option that speaks of retries where there are none.
fn without_retries(key: &Ident) -> Error {
    let message =
        format!("`{key}` says nothing without `retries`: write `#[task(retries = 3, {key} …)]`");
    Error::new(key.span(), message)
}

fn names() -> impl Iterator<Item = &'static str> + Clone {
    ALL.iter().map(|option| option.name())
}

fn unknown(key: &Ident) -> Error {
    let message = match nearest::nearest(&key.to_string(), names()) {
        Some(near) => format!("unknown option `{key}`: did you mean `{near}`?"),
        None => {
            let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
            format!("unknown option `{key}`: the options are {}", known.join(", "))
        }
    };
    Error::new(key.span(), message)
}

/// An error for each name that is no parameter, and for each that is there twice.
fn unknown_params<'a>(
    option: &str,
    names: impl IntoIterator<Item = &'a Ident>,
    params: &[Ident],
) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut seen: Vec<&Ident> = Vec::new();
    for name in names {
        if !params.contains(name) {
            errors.push(Error::new(name.span(), unknown_param(name, params)));
        } else if seen.contains(&name) {
            errors.push(Error::new(
                name.span(),
                format!("`{name}` is in `{option}` twice: keep one"),
            ));
        }
        seen.push(name);
    }
    errors
}

fn unknown_param(name: &Ident, params: &[Ident]) -> String {
    let all: Vec<String> = params.iter().map(ToString::to_string).collect();
    match nearest::nearest(&name.to_string(), all.iter().map(String::as_str)) {
        Some(near) => format!("the function has no parameter `{name}`: did you mean `{near}`?"),
        None if all.is_empty() => {
            format!("the function has no parameter `{name}`: it has none at all")
        }
        None => format!("the function has no parameter `{name}`: it has `{}`", all.join("`, `")),
    }
}
