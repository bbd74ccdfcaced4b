//! The format `json`: for people to read; floats come back bit by bit.

use std::any::type_name;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::inspect;
use super::shape::{Readers, Shape};
use crate::Digest;
use crate::error::BoxError;
use crate::hash::{ContentHasher, Strategy, serde_trace};

pub(super) const NAME: &str = "json";

pub(super) fn encode<T: Serialize + DeserializeOwned + 'static>(
    value: &T,
) -> Result<Vec<u8>, BoxError> {
    inspect::check_json(value)?;
    let bytes = serde_json::to_vec(value)?;
    if !Shape::of::<T>(Readers::People).complete && !comes_back(value, &bytes)? {
        let name = type_name::<T>();
        return Err(format!(
            "a `{name}` is not read as it is written (serde skips something when it reads, or takes one variant for \
             another), so it would come back as another value: give it a `HasFormat`"
        )
        .into());
    }
    Ok(bytes)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BoxError> {
    Ok(serde_json::from_slice(bytes)?)
}

/// What serde tells of a value.
pub(super) fn trace<T: Serialize>(value: &T) -> Result<Digest, BoxError> {
    let mut hasher = ContentHasher::new(Strategy::Exact);
    serde_trace(value, &mut hasher);
    Ok(hasher.finish()?)
}

/// Whether `bytes` are read as the value that they were written from.
fn comes_back<T: Serialize + DeserializeOwned>(value: &T, bytes: &[u8]) -> Result<bool, BoxError> {
    Ok(match decode::<T>(bytes) {
        Ok(back) => trace(&back)? == trace(value)?,
        Err(_) => false,
    })
}
