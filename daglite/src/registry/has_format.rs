//! `HasFormat`: the formats of types that serde does not know.

use super::Format;

/// A type that brings its own formats: what a task whose result has no serde implements for it.
///
/// ```
/// use daglite::{Format, HasFormat};
///
/// struct Image {
///     width: usize,
///     pixels: Vec<u8>,
/// }
///
/// impl HasFormat for Image {
///     fn formats() -> Vec<Format<Self>> {
///         vec![Format::new(
///             "image",
///             "img",
///             |image: &Self| {
///                 let width = u32::try_from(image.width)?;
///                 Ok([&width.to_le_bytes()[..], &image.pixels].concat())
///             },
///             |bytes| {
///                 let (width, pixels) = bytes.split_first_chunk().ok_or("it is cut off")?;
///                 Ok(Image { width: u32::from_le_bytes(*width) as usize, pixels: pixels.to_vec() })
///             },
///         )]
///     }
/// }
///
/// let format = Image::formats().remove(0);
/// let bytes = format.encode(&Image { width: 2, pixels: vec![0, 255] })?;
/// assert_eq!(format.decode(&bytes)?.width, 2);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// # Contract
///
/// At least one format, the default first, each name once, the same ones at every call.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no format to be stored in",
    label = "has no format",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, or implement `daglite::HasFormat`"
)]
pub trait HasFormat: Sized + Send + Sync + 'static {
    /// The formats, the default first.
    fn formats() -> Vec<Format<Self>>;
}
