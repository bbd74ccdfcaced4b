//! The format `raw`: vectors of numbers as their little-endian bytes, without a look at the elements.

use std::any::Any;
use std::io::{self, Read, Write};
use std::sync::LazyLock;

use bytemuck::Zeroable;

use super::Format;
use super::coding::ends_at;
use crate::Digest;
use crate::error::BoxError;
use crate::hash::{ContentHash, ContentHasher};

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

        /// Hashes a vector of numbers by its own hash, which reads it in bulk; answers whether it is one.
        pub(super) fn hash(value: &dyn Any, hasher: &mut ContentHasher) -> bool {
            $(if let Some(numbers) = value.downcast_ref::<Vec<$integer>>() {
                numbers.content_hash(hasher);
                return true;
            })*
            $(if let Some(numbers) = value.downcast_ref::<Vec<$float>>() {
                numbers.content_hash(hasher);
                return true;
            })*
            false
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

/// So many bytes are turned at once where the machine keeps numbers the other way round.
const TURNED_AT_ONCE: usize = 64 << 10;

/// Writes the numbers.
pub(super) fn write<N: RawNumber>(numbers: &[N], to: &mut dyn Write) -> Result<(), BoxError> {
    let write = if cfg!(target_endian = "little") { write_as_they_lie } else { write_turned };
    write(numbers, to)
}

/// Writes the numbers of a machine that keeps them as the format does.
fn write_as_they_lie<N: RawNumber>(numbers: &[N], to: &mut dyn Write) -> Result<(), BoxError> {
    Ok(to.write_all(bytemuck::cast_slice(numbers))?)
}

/// Writes the numbers, a piece at a time, each turned.
fn write_turned<N: RawNumber>(numbers: &[N], to: &mut dyn Write) -> Result<(), BoxError> {
    for some in numbers.chunks(TURNED_AT_ONCE / size_of::<N>()) {
        let mut turned = some.to_vec();
        turn(&mut turned);
        to.write_all(bytemuck::cast_slice(&turned))?;
    }
    Ok(())
}

/// Turns numbers to little-endian, or from there: nothing, where that is how they lie.
fn turn<N: RawNumber>(numbers: &mut [N]) {
    numbers.iter_mut().for_each(|number| *number = number.little_endian());
}

/// Reads the numbers in the next `length` bytes, straight to where they stay.
pub(super) fn read<N: RawNumber>(from: &mut dyn Read, length: u64) -> Result<Vec<N>, BoxError> {
    let size = size_of::<N>() as u64;
    let left = length % size;
    if left != 0 {
        let (name, whole) = (N::NAME, length - left);
        return Err(format!(
            "{length} bytes are no whole number of `{name}`: {left} are left over after byte {whole}"
        )
        .into());
    }
    let count = usize::try_from(length / size).map_err(|_| no_memory(length))?;
    let mut numbers: Vec<N> = zeroed(count)?;
    fill(bytemuck::cast_slice_mut(&mut numbers), from, 0)?;
    cfg!(target_endian = "big").then(|| turn(&mut numbers));
    Ok(numbers)
}

/// So many zeros, which the system gives for nothing.
pub(super) fn zeroed<N: Zeroable>(count: usize) -> Result<Vec<N>, BoxError> {
    let zeros = bytemuck::allocation::try_zeroed_slice_box(count);
    Ok(zeros.map_err(|()| no_memory(count as u64 * size_of::<N>() as u64))?.into_vec())
}

/// The error of a value that is larger than what is left.
fn no_memory(length: u64) -> BoxError {
    format!("there is no memory for {length} bytes").into()
}

/// Reads until `bytes` are full; the first of them is number `begin` of the file.
pub(super) fn fill(bytes: &mut [u8], from: &mut dyn Read, begin: u64) -> Result<(), BoxError> {
    let mut at = 0;
    while at < bytes.len() {
        match from.read(&mut bytes[at..]) {
            Ok(0) => return Err(ends_at(begin + at as u64, begin + bytes.len() as u64)),
            Ok(read) => at += read,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a big-endian machine runs: here it has nothing to turn, and so must change nothing.
    #[test]
    fn numbers_that_are_turned_piece_by_piece_are_those_that_lie_as_they_are() {
        fn check<N: RawNumber>(of: impl Fn(u8) -> N) {
            let numbers: Vec<N> = (0..40_000_u32).map(|n| of((n * 7 / 3) as u8)).collect();
            let (mut turned, mut lying) = (Vec::new(), Vec::new());
            write_turned(&numbers, &mut turned).unwrap();
            write_as_they_lie(&numbers, &mut lying).unwrap();
            assert!(turned == lying);
        }
        check(|n| n);
        check(|n| i16::from_le_bytes([n, 1]));
        check(|n| u64::from_le_bytes([n, 1, 2, 3, 4, 5, 6, 7]));
        check(|n| f32::from_le_bytes([n, 1, 0xc0, 0x7f]));
        check(|n| f64::from_le_bytes([n, 1, 2, 3, 4, 5, 0xf8, 0x7f]));
    }
}
