//! The format `npy` of `ndarray` arrays: that of Python's numpy.
//!
//! In reading order: here an array is written and read as a whole, [`header`] is what stands before its elements, and
//! [`element`] says what these are.

mod element;
mod header;

use std::io;

use ndarray::{ArrayBase, ArrayRef, DataOwned, Dimension, IxDyn, ShapeBuilder};

pub use self::element::NpyElement;
use self::header::{Header, Layout};
use super::{Format, HasFormat};
use crate::error::BoxError;
use crate::hash::{Apart, Strided};

/// The name of the format, and the ending of its files.
const NAME: &str = "npy";

/// So many bytes of elements that lie apart in memory are brought together at a time.
const PIECE: usize = 64 << 10;

/// Arrays of numbers: numpy's own format, in C order, or in Fortran order where they lie so.
impl<A, S, D> HasFormat for ArrayBase<S, D>
where
    A: NpyElement,
    S: DataOwned<Elem = A> + Send + Sync + 'static,
    D: Dimension + 'static,
{
    fn formats() -> Vec<Format<Self>> {
        let format = Format::new(NAME, NAME, |array: &Self| encode(array), decode);
        let dimensions = D::NDIM.map_or("any".to_owned(), |dimensions| dimensions.to_string());
        // Of another element or dimension it is another layout, which is told without reading it.
        vec![format.version(&format!("{} {dimensions}", A::KIND))]
    }
}

/// The bytes of a file.
fn encode<A: NpyElement, D: Dimension>(array: &ArrayRef<A, D>) -> Result<Vec<u8>, BoxError> {
    let header = Header::of::<A>(layout(array), array.shape())?.to_bytes();
    let mut bytes = Vec::with_capacity(header.len() + size_of::<A>() * array.len());
    bytes.extend_from_slice(&header);
    write_elements(array, &mut bytes)?;
    Ok(bytes)
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
    out: &mut impl io::Write,
) -> io::Result<()> {
    if let Some(together) = array.as_slice().or_else(|| array.t().to_slice()) {
        return out.write_all(&A::bytes(together));
    }
    let apart = Strided::new(array);
    let mut piece = bytemuck::zeroed_vec::<A::Bytes>((PIECE / size_of::<A>()).min(array.len()));
    for first in (0..array.len()).step_by(piece.len()) {
        let count = piece.len().min(array.len() - first);
        apart.fill(first, &mut piece[..count], |element| element.little_endian());
        out.write_all(bytemuck::cast_slice(&piece[..count]))?;
    }
    Ok(())
}

/// The array of a file's bytes.
fn decode<A, S, D>(bytes: &[u8]) -> Result<ArrayBase<S, D>, BoxError>
where
    A: NpyElement,
    S: DataOwned<Elem = A>,
    D: Dimension,
{
    let (header, at) = Header::read(bytes)?;
    let order = header.order_of::<A>()?;
    let found = header.shape.len();
    if let Some(wanted) = D::NDIM.filter(|&wanted| wanted != found) {
        return Err(format!("the file has {found} dimensions, and {wanted} are wanted").into());
    }
    let elements = &bytes[at..];
    header.check_length::<A>(at, elements.len())?;
    let shape = IxDyn(&header.shape).set_f(header.layout == Layout::Fortran);
    let elements = A::read(elements, order).map_err(|(index, what)| {
        let at = at + index;
        format!("at byte {at}: {what}")
    })?;
    let array = ArrayBase::<S, IxDyn>::from_shape_vec(shape, elements)
        .map_err(|error| format!("the shape {:?} is not possible: {error}", header.shape))?;
    Ok(array.into_dimensionality()?)
}
