//! The format `postcard`: compact, fast, and blind to a changed type unless its shape is compared.

use std::any::type_name;
use std::error::Error;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::inspect;
use super::shape::{Readers, Shape};
use crate::error::BoxError;

pub(super) const NAME: &str = "postcard";

/// Whether postcard can be trusted with the type at all.
pub(super) fn suits<T: DeserializeOwned + 'static>() -> bool {
    Shape::of::<T>(Readers::Machines).complete
}

/// So many bytes a small value has.
const SMALL: usize = 128;

pub(super) fn encode<T: Serialize + DeserializeOwned + 'static>(
    value: &T,
) -> Result<Vec<u8>, BoxError> {
    let shape = seen::<T>()?;
    let doubt = inspect::check_postcard(value, &shape.read)?;
    // Most values are small: a list that begins with nothing would be moved for each few bytes.
    let bytes = ::postcard::to_extend(value, Vec::with_capacity(SMALL))?;
    match doubt {
        Some(doubt) if !comes_back::<T>(&bytes) => Err(format!(
            "`{doubt}` is not read as it is written (serde skips a variant or a field when it reads, or when it \
             writes), so postcard would decode wrong data: use the format `json`"
        )
        .into()),
        _ => Ok(bytes),
    }
}

pub(super) fn decode<T: DeserializeOwned + 'static>(bytes: &[u8]) -> Result<T, BoxError> {
    seen::<T>()?;
    let mut reader = ::postcard::Deserializer::from_bytes(bytes);
    let value = T::deserialize(&mut reader);
    let left = reader.finalize().map_or(0, <[u8]>::len);
    match (value, left) {
        (Ok(value), 0) => Ok(value),
        (Ok(_), more) => Err(format!("{more} bytes are left over after the value").into()),
        (Err(source), left) => {
            Err(Box::new(Stuck { source, at: bytes.len() - left, of: bytes.len() }))
        }
    }
}

/// Where reading came to an end.
#[derive(Debug)]
struct Stuck {
    /// Why.
    source: ::postcard::Error,
    /// So many bytes had been read.
    at: usize,
    /// How many bytes there are.
    of: usize,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, at, of } = self;
        write!(f, "at byte {at} of {of}: {source}")
    }
}

impl Error for Stuck {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Whether what is decoded from `bytes` is encoded like them, but for the order of sets and maps.
fn comes_back<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> bool {
    let Ok((value, [])) = ::postcard::take_from_bytes::<T>(bytes) else {
        return false;
    };
    let sorted = |mut bytes: Vec<u8>| {
        bytes.sort_unstable();
        bytes
    };
    ::postcard::to_stdvec(&value).is_ok_and(|again| sorted(again) == sorted(bytes.to_vec()))
}

/// The shape of a type that was seen as a whole; others are refused.
fn seen<T: DeserializeOwned + 'static>() -> Result<Shape, BoxError> {
    let shape = Shape::of::<T>(Readers::Machines);
    if shape.complete {
        return Ok(shape);
    }
    let name = type_name::<T>();
    Err(format!(
        "the shape of `{name}` cannot be seen before it is read, so postcard could decode wrong data: use the format \
         `json`, or implement `HasFormat`"
    )
    .into())
}
