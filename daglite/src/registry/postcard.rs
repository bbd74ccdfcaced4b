//! The format `postcard`: compact, fast, and blind to a changed type unless its shape is compared.

use std::any::type_name;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::inspect::{self, Target};
use super::shape::{Readers, Shape};
use crate::error::BoxError;

pub(super) const NAME: &str = "postcard";

/// Whether postcard can be trusted with the type at all.
pub(super) fn suits<T: DeserializeOwned + 'static>() -> bool {
    Shape::of::<T>(Readers::Machines).complete
}

pub(super) fn encode<T: Serialize + DeserializeOwned + 'static>(
    value: &T,
) -> Result<Vec<u8>, BoxError> {
    refuse_unseen::<T>()?;
    inspect::check(value, Target::Postcard)?;
    Ok(::postcard::to_stdvec(value)?)
}

pub(super) fn decode<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, BoxError> {
    refuse_unseen::<T>()?;
    let (value, rest) = ::postcard::take_from_bytes(bytes)?;
    match rest.len() {
        0 => Ok(value),
        more => Err(format!("{more} bytes are left over after the value").into()),
    }
}

fn refuse_unseen<T: DeserializeOwned + 'static>() -> Result<(), BoxError> {
    if suits::<T>() {
        return Ok(());
    }
    let name = type_name::<T>();
    Err(format!(
        "the shape of `{name}` cannot be seen before it is read, so postcard could decode wrong data: use the format \
         `json`, or implement `HasFormat`"
    )
    .into())
}
