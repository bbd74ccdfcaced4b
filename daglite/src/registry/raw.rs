//! The format `raw`: vectors of numbers as their little-endian bytes, without a look at the elements.

use std::any::Any;
use std::sync::LazyLock;

use super::Format;
use crate::Digest;
use crate::error::BoxError;

pub(super) const NAME: &str = "raw";

/// A number whose vectors have the format `raw`: `u8` to `u64`, `i8` to `i64`, `f32` and `f64`.
///
/// ```
/// fn only_numbers<N: daglite::RawNumber>() {}
/// only_numbers::<f64>();
/// ```
pub trait RawNumber: sealed::Number {}

impl<N: sealed::Number> RawNumber for N {}

/// Not for others to implement.
pub(super) mod sealed {
    use bytemuck::Pod;

    use crate::Digest;

    /// What the format needs to know of a number.
    pub trait Number: Pod + Send + Sync {
        /// Its name in the shape.
        const NAME: &'static str;
        /// The shape of its vectors, worked out once.
        fn shape() -> Digest;
        /// The same number with its bytes turned to, or from, little-endian.
        fn little_endian(self) -> Self;
    }
}

macro_rules! numbers {
    ($($integer:ident)* ; $($float:ident)*) => {
        $(impl sealed::Number for $integer {
            const NAME: &'static str = stringify!($integer);
            fn shape() -> Digest {
                static SHAPE: LazyLock<Digest> = LazyLock::new(|| shape(stringify!($integer)));
                *SHAPE
            }
            fn little_endian(self) -> Self {
                self.to_le()
            }
        })*
        $(impl sealed::Number for $float {
            const NAME: &'static str = stringify!($float);
            fn shape() -> Digest {
                static SHAPE: LazyLock<Digest> = LazyLock::new(|| shape(stringify!($float)));
                *SHAPE
            }
            fn little_endian(self) -> Self {
                Self::from_bits(self.to_bits().to_le())
            }
        })*

        /// The format `raw`, if `T` is a vector of numbers.
        pub(super) fn format_of<T: 'static>() -> Option<Format<T>> {
            let nothing: Option<Format<T>> = None;
            $(let nothing = nothing.or_else(as_format_of::<$integer, T>);)*
            $(let nothing = nothing.or_else(as_format_of::<$float, T>);)*
            nothing
        }
    };
}

numbers! { u8 u16 u32 u64 i8 i16 i32 i64 ; f32 f64 }

/// The format of `Vec<N>`, if that is `T`.
fn as_format_of<N: RawNumber, T: 'static>() -> Option<Format<T>> {
    if std::any::TypeId::of::<Vec<N>>() != std::any::TypeId::of::<T>() {
        return None;
    }
    let mut format = Some(Format::<Vec<N>>::raw());
    let format: &mut dyn Any = &mut format;
    format.downcast_mut().and_then(Option::take)
}

/// The shape of vectors of the number `name`.
fn shape(name: &str) -> Digest {
    Digest::of_bytes(format!("daglite raw v1\n{name}").as_bytes())
}

pub(super) fn encode<N: RawNumber>(numbers: &[N]) -> Vec<u8> {
    if cfg!(target_endian = "little") {
        bytemuck::cast_slice(numbers).to_vec()
    } else {
        let turned: Vec<N> = numbers.iter().map(|number| number.little_endian()).collect();
        bytemuck::cast_slice(&turned).to_vec()
    }
}

pub(super) fn decode<N: RawNumber>(bytes: &[u8]) -> Result<Vec<N>, BoxError> {
    let (count, size) = (bytes.len() / size_of::<N>(), size_of::<N>());
    if count * size != bytes.len() {
        let name = N::NAME;
        return Err(format!("{} bytes are no whole number of `{name}`", bytes.len()).into());
    }
    let mut numbers = vec![N::zeroed(); count];
    bytemuck::cast_slice_mut(&mut numbers).copy_from_slice(bytes);
    if cfg!(target_endian = "big") {
        numbers.iter_mut().for_each(|number| *number = number.little_endian());
    }
    Ok(numbers)
}
