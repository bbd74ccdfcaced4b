//! The format `json`: for people to read; floats come back bit by bit.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::inspect;
use crate::error::BoxError;

pub(super) const NAME: &str = "json";

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, BoxError> {
    inspect::check_json(value)?;
    Ok(serde_json::to_vec(value)?)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BoxError> {
    Ok(serde_json::from_slice(bytes)?)
}
