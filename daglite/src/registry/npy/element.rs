//! `NpyElement`: what an array in the format `npy` may consist of.

use std::borrow::Cow;

use bytemuck::Pod;
use num_complex::Complex;

/// An element of arrays that have the format `npy`: `bool`, `u8` to `u64`, `i8` to `i64`, `f32`, `f64`, their
/// `num_complex::Complex`, and with the feature `half` `half::f16`.
///
/// `u128` and `i128` are nothing that numpy knows, and `usize` and `isize` are not the same on all machines: arrays of
/// them, and of all other elements, have serde's formats instead.
///
/// ```
/// use daglite::{HasFormat, NpyElement};
/// use ndarray::{Array2, array};
///
/// fn file<A: NpyElement>(array: &Array2<A>) -> Vec<u8> {
///     Array2::formats()[0].encode(array).expect("two dimensions are not too many")
/// }
/// assert!(file(&array![[1.0, 2.0]]).starts_with(b"\x93NUMPY"));
/// ```
pub trait NpyElement: sealed::Element {}

impl<A: sealed::Element> NpyElement for A {}

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The lowest first.
    Little,
    /// The highest first.
    Big,
}

impl Order {
    /// That of this machine.
    const OWN: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };
}

mod sealed {
    use super::*;

    /// What the format needs to know of an element.
    pub trait Element: Copy + Send + Sync + 'static {
        /// Its kind and width in numpy's letters.
        const KIND: &'static str;
        /// Its bytes in a file.
        type Bytes: Pod;
        /// Its bytes as they are written.
        fn little_endian(&self) -> Self::Bytes;
        /// The bytes of many as they are written: where they lie, if the machine is little-endian.
        fn bytes(elements: &[Self]) -> Cow<'_, [u8]>;
        /// The elements of a whole number of `bytes`; or where something is wrong, and what.
        fn read(bytes: &[u8], order: Order) -> Result<Vec<Self>, (usize, String)>;
    }
}

/// Numbers: of any bits, and of so many parts, each of which has its bytes in order.
macro_rules! numbers {
    ($($type:ty = $kind:literal, parts $parts:literal;)*) => {$(
        impl sealed::Element for $type {
            const KIND: &'static str = $kind;
            type Bytes = [u8; size_of::<$type>()];

            fn little_endian(&self) -> Self::Bytes {
                bytemuck::cast(in_order::<Self, $parts>(*self, Order::Little))
            }

            fn bytes(elements: &[Self]) -> Cow<'_, [u8]> {
                if Order::OWN == Order::Little {
                    return Cow::Borrowed(bytemuck::cast_slice(elements));
                }
                Cow::Owned(elements.iter().flat_map(Self::little_endian).collect())
            }

            fn read(bytes: &[u8], order: Order) -> Result<Vec<Self>, (usize, String)> {
                let mut elements = bytemuck::zeroed_vec(bytes.len() / size_of::<Self>());
                bytemuck::cast_slice_mut(&mut elements).copy_from_slice(bytes);
                if order != Order::OWN {
                    elements.iter_mut().for_each(|one| *one = in_order::<_, $parts>(*one, order));
                }
                Ok(elements)
            }
        }
    )*};
}

/// A number of this machine's order in `order`, or the other way round.
fn in_order<N: Pod, const PARTS: usize>(mut number: N, order: Order) -> N {
    if order != Order::OWN {
        let parts = bytemuck::bytes_of_mut(&mut number).chunks_exact_mut(size_of::<N>() / PARTS);
        parts.for_each(<[u8]>::reverse);
    }
    number
}

numbers! {
    u8 = "u1", parts 1;
    u16 = "u2", parts 1;
    u32 = "u4", parts 1;
    u64 = "u8", parts 1;
    i8 = "i1", parts 1;
    i16 = "i2", parts 1;
    i32 = "i4", parts 1;
    i64 = "i8", parts 1;
    f32 = "f4", parts 1;
    f64 = "f8", parts 1;
    Complex<f32> = "c8", parts 2;
    Complex<f64> = "c16", parts 2;
}

#[cfg(feature = "half")]
numbers! {
    half::f16 = "f2", parts 1;
}

impl sealed::Element for bool {
    const KIND: &'static str = "b1";
    type Bytes = u8;

    fn little_endian(&self) -> u8 {
        u8::from(*self)
    }

    fn bytes(elements: &[Self]) -> Cow<'_, [u8]> {
        Cow::Borrowed(bytemuck::cast_slice(elements))
    }

    fn read(bytes: &[u8], _: Order) -> Result<Vec<Self>, (usize, String)> {
        match bytemuck::checked::try_cast_slice(bytes) {
            Ok(flags) => Ok(flags.to_vec()),
            Err(_) => {
                let at = bytes.iter().position(|&byte| byte > 1).expect("a byte is neither");
                Err((at, format!("a `bool` is 0 or 1, not {}", bytes[at])))
            }
        }
    }
}
