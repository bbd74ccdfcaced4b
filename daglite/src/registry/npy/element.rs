//! `NpyElement`: what an array in the format `npy` may consist of.

use std::io::{self, Read, Write};

use bytemuck::Pod;
use num_complex::Complex;

use super::super::raw::{fill, zeroed};
use crate::error::BoxError;

/// So many elements are turned around, or looked at, at a time.
const SOME: usize = 8 << 10;

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
        /// Writes the bytes of many: from where they lie, if the machine is little-endian.
        fn write(elements: &[Self], to: &mut dyn Write) -> io::Result<()>;
        /// Reads so many elements, straight to where they stay; they begin at byte `at` of the file.
        fn read(
            from: &mut dyn Read,
            count: usize,
            order: Order,
            at: u64,
        ) -> Result<Vec<Self>, BoxError>;
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

            fn write(elements: &[Self], to: &mut dyn Write) -> io::Result<()> {
                if Order::OWN == Order::Little {
                    return to.write_all(bytemuck::cast_slice(elements));
                }
                for some in elements.chunks(SOME) {
                    let turned: Vec<Self::Bytes> = some.iter().map(Self::little_endian).collect();
                    to.write_all(bytemuck::cast_slice(&turned))?;
                }
                Ok(())
            }

            fn read(
                from: &mut dyn Read,
                count: usize,
                order: Order,
                at: u64,
            ) -> Result<Vec<Self>, BoxError> {
                let mut elements = zeroed(count)?;
                fill(bytemuck::cast_slice_mut(&mut elements), from, at)?;
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

    fn write(elements: &[Self], to: &mut dyn Write) -> io::Result<()> {
        to.write_all(bytemuck::cast_slice(elements))
    }

    fn read(
        from: &mut dyn Read,
        count: usize,
        _: Order,
        mut at: u64,
    ) -> Result<Vec<Self>, BoxError> {
        let mut flags = zeroed(count)?;
        // No byte but these two may lie in a `bool`: they are looked at before.
        let mut bytes = vec![0; SOME.min(count)];
        for flags in flags.chunks_mut(SOME) {
            let bytes = &mut bytes[..flags.len()];
            fill(bytes, from, at)?;
            if let Some(wrong) = bytes.iter().position(|&byte| byte > 1) {
                let (at, found) = (at + wrong as u64, bytes[wrong]);
                return Err(format!("at byte {at}: a `bool` is 0 or 1, not {found}").into());
            }
            flags.iter_mut().zip(&*bytes).for_each(|(flag, &byte)| *flag = byte == 1);
            at += bytes.len() as u64;
        }
        Ok(flags)
    }
}
