//! `cache_hash_params`: says how single parameters are hashed: `auto`, `exact`, `fast`, `sampled`, `registry`, or a function of the parameter that returns what to hash.

use proc_macro2::Ident;
use syn::{Error, Result};

use super::{Options, TaskOption, given, unknown_params};
use crate::model::{Hash, Strategy};
use crate::parse::{Given, Written};

/// The option `cache_hash_params`.
pub(super) struct CacheHashParams;

impl TaskOption for CacheHashParams {
    fn name(&self) -> &'static str {
        "cache_hash_params"
    }

    fn usage(&self) -> &'static str {
        "cache_hash_params(a = exact, b = path::to::function)"
    }

    fn docs(&self) -> &'static str {
        "Says how single parameters are hashed: `auto`, `exact`, `fast`, `sampled`, `registry`, or a function of the parameter that returns what to hash."
    }

    fn needs_cache(&self) -> bool {
        true
    }

    fn read(&self, written: &Written, options: &mut Options) -> Result<()> {
        let list = match &written.value {
            Given::List(list) if !list.is_empty() => list,
            Given::List(_) => {
                let message = "`cache_hash_params` is empty: drop it, or write `cache_hash_params(a = exact)`";
                return Err(Error::new(written.key.span(), message));
            }
            Given::Nothing | Given::Value(_) => {
                let message =
                    "`cache_hash_params` takes a list: write `cache_hash_params(a = exact)`";
                return Err(Error::new(written.key.span(), message));
            }
        };
        let mut params = Vec::new();
        let mut errors: Option<Error> = None;
        for param in list {
            match how(param) {
                Ok(hash) => params.push((param.key.clone(), hash)),
                Err(error) => match &mut errors {
                    Some(errors) => errors.combine(error),
                    none => *none = Some(error),
                },
            }
        }
        options.cache_hash_params = Some((written.key.clone(), params));
        errors.map_or(Ok(()), Err)
    }

    fn check(&self, options: &Options, params: &[Ident]) -> Vec<Error> {
        let Some((key, ways)) = &options.cache_hash_params else {
            return Vec::new();
        };
        let mut errors = unknown_params(self.name(), ways.iter().map(|(param, _)| param), params);
        for (param, _) in ways {
            if options.cache_exclude.contains(param) {
                let message = format!(
                    "`{param}` is excluded from the key: drop it here, or in `cache_exclude`"
                );
                errors.push(Error::new(param.span(), message));
            }
        }
        if options.cache_hash.is_some() {
            let message =
                "`cache_hash` already hashes all parameters: keep it, or `cache_hash_params`";
            errors.push(Error::new(key.span(), message));
        }
        errors
    }
}

/// How one parameter is hashed.
fn how(param: &Written) -> Result<Hash> {
    let function = given::path(param, &format!("{} = exact", param.key))?;
    let word = function.get_ident().map(Ident::to_string);
    Ok(match word.as_deref() {
        Some("auto") => Hash::Value(Some(Strategy::Auto)),
        Some("exact") => Hash::Value(Some(Strategy::Exact)),
        Some("fast") => Hash::Value(Some(Strategy::Fast)),
        Some("sampled") => Hash::Value(Some(Strategy::Sampled)),
        Some("registry") => Hash::Registry,
        _ => Hash::Custom(function),
    })
}
