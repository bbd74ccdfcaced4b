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
/// At least one format, the default first, each name once, the same ones at every call. The default holds every value, or
/// [`preferred_format`](Self::preferred_format) names one that does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no format to be stored in",
    label = "has no format",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it, or implement `daglite::HasFormat`"
)]
pub trait HasFormat: Sized + Send + Sync + 'static {
    /// The formats, the default first.
    fn formats() -> Vec<Format<Self>>;

    /// The name of the format for this value where none was asked for, if it is not the default: PNG, say, holds no image
    /// of floats.
    ///
    /// ```
    /// use daglite::{Format, HasFormat, Registry, ValueFormats};
    ///
    /// struct Letter(char);
    ///
    /// impl HasFormat for Letter {
    ///     fn formats() -> Vec<Format<Self>> {
    ///         let byte = |letter: &Self| Ok(vec![u8::try_from(letter.0)?]);
    ///         let text = |letter: &Self| Ok(letter.0.to_string().into_bytes());
    ///         vec![
    ///             Format::new("byte", "bin", byte, |bytes| Ok(Letter(char::from(bytes[0])))),
    ///             Format::new("text", "txt", text, |bytes| Ok(Letter(std::str::from_utf8(bytes)?.parse()?))),
    ///         ]
    ///     }
    ///
    ///     fn preferred_format(&self) -> Option<&'static str> {
    ///         u8::try_from(self.0).is_err().then_some("text")
    ///     }
    /// }
    ///
    /// let formats = ValueFormats::own::<Letter>();
    /// let format = |letter| Ok::<_, daglite::Error>(formats.encode(&Registry::new(), &Letter(letter), None)?.format);
    /// assert_eq!(format('a')?, "byte");
    /// assert_eq!(format('क')?, "text");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    fn preferred_format(&self) -> Option<&'static str> {
        None
    }
}
