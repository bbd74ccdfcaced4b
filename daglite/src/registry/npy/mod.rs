//! The format `npy` of `ndarray` arrays: that of Python's numpy.
//!
//! In reading order: here an array is written and read as a whole, [`header`] is what stands before its elements, and
//! [`element`] says what these are.

mod element;
mod header;

use std::io::{self, Read, Write};

use ndarray::{ArrayBase, ArrayRef, DataOwned, Dimension, IxDyn, ShapeBuilder};

pub use self::element::NpyElement;
use self::header::{Header, Layout};
use super::{Format, HasFormat};
use crate::error::BoxError;
use crate::hash::{Apart, Strided};

/// The name of the format, and the ending of its files.
const NAME: &str = "npy";

/// So many bytes of elements that lie apart in memory are brought together at a time.
const PIECE: usize = 512 << 10;

/// Arrays of numbers: numpy's own format, in C order, or in Fortran order where they lie so.
impl<A, S, D> HasFormat for ArrayBase<S, D>
where
    A: NpyElement,
    S: DataOwned<Elem = A> + Send + Sync + 'static,
    D: Dimension + 'static,
{
    fn formats() -> Vec<Format<Self>> {
        let format = Format::streaming(NAME, NAME, |array: &Self, to| write(array, to), read);
        let dimensions = D::NDIM.map_or("any".to_owned(), |dimensions| dimensions.to_string());
        // Of another element or dimension it is another layout, which is told without reading it.
        vec![format.version(&format!("{} {dimensions}", A::KIND))]
    }
}

/// Writes a file.
fn write<A: NpyElement, D: Dimension>(
    array: &ArrayRef<A, D>,
    to: &mut dyn Write,
) -> Result<(), BoxError> {
    to.write_all(&Header::of::<A>(layout(array), array.shape())?.to_bytes())?;
    Ok(write_elements(array, to)?)
}

/// The order in which the elements are written: that in which they lie, if it is one of the two that the format knows.
fn layout<A, D: Dimension>(array: &ArrayRef<A, D>) -> Layout {
    if !array.is_standard_layout() && array.t().is_standard_layout() {
        Layout::Fortran
    } else {
        Layout::C
    }
}

/// Writes the elements in the order of [`layout`], without a second copy of them.
fn write_elements<A: NpyElement, D: Dimension>(
    array: &ArrayRef<A, D>,
    to: &mut dyn Write,
) -> io::Result<()> {
    if let Some(together) = array.as_slice().or_else(|| array.t().to_slice()) {
        return A::write(together, to);
    }
    let apart = Strided::new(array);
    let (row, most) = (apart.row().max(1), PIECE / size_of::<A>());
    let together = if most > row { most / row * row } else { most };
    let mut piece = bytemuck::zeroed_vec::<A::Bytes>(together.min(array.len()));
    for first in (0..array.len()).step_by(together) {
        let count = piece.len().min(array.len() - first);
        apart.fill(first, &mut piece[..count], |element| element.little_endian());
        to.write_all(bytemuck::cast_slice(&piece[..count]))?;
    }
    Ok(())
}

/// The array of a file of `length` bytes. They are not verified yet: memory is asked for by their number alone.
fn read<A, S, D>(from: &mut dyn Read, length: u64) -> Result<ArrayBase<S, D>, BoxError>
where
    A: NpyElement,
    S: DataOwned<Elem = A>,
    D: Dimension,
{
    let (header, at) = Header::read(&header_bytes(from)?)?;
    let order = header.order_of::<A>()?;
    let found = header.shape.len();
    if let Some(wanted) = D::NDIM.filter(|&wanted| wanted != found) {
        return Err(format!("the file has {found} dimensions, and {wanted} are wanted").into());
    }
    let count = header.count::<A>(at, length - at as u64)?;
    let shape = IxDyn(&header.shape).set_f(header.layout == Layout::Fortran);
    let elements = A::read(from, count, order, at as u64)?;
    let array = ArrayBase::<S, IxDyn>::from_shape_vec(shape, elements)
        .map_err(|error| format!("the shape {:?} is not possible: {error}", header.shape))?;
    Ok(array.into_dimensionality()?)
}

/// The bytes before the elements; fewer where the file ends before.
fn header_bytes(from: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(more) = Header::missing(&bytes) {
        if Read::take(&mut *from, more as u64).read_to_end(&mut bytes)? < more {
            break;
        }
    }
    Ok(bytes)
}
