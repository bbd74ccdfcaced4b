//! What stands before the elements of an npy file: the order, width and kind of an element, and the shape.
//!
//! ```text
//! 93 'NUMPY'  major minor  length (u16, from version 2 on u32)
//! {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }      padded with blanks to a multiple of 64, then a line's end
//! ```

use super::element::{NpyElement, Order};
use crate::error::BoxError;

/// What every file begins with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// The elements begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// Longer headers are not read; numpy has the same limit.
const LONGEST: usize = 10_000;

/// More dimensions numpy does not have.
const MOST_DIMENSIONS: usize = 64;

/// In which order the elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// The last index runs fastest.
    C,
    /// The first index runs fastest.
    Fortran,
}

/// What a header says.
#[derive(Debug)]
pub(super) struct Header {
    /// The element: order of its bytes, kind and width, as numpy writes them.
    element: String,
    pub(super) layout: Layout,
    pub(super) shape: Vec<usize>,
}

impl Header {
    /// That of an array of `A`.
    pub(super) fn of<A: NpyElement>(layout: Layout, shape: &[usize]) -> Result<Self, BoxError> {
        check_dimensions(shape.len())?;
        let order = if size_of::<A>() == 1 { '|' } else { '<' };
        Ok(Self { element: format!("{order}{}", A::KIND), layout, shape: shape.to_vec() })
    }

    /// Its bytes, up to the first element.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let fortran = if self.layout == Layout::Fortran { "True" } else { "False" };
        let shape: String = match self.shape[..] {
            [one] => format!("{one},"),
            _ => self.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
        };
        let element = &self.element;
        let text =
            format!("{{'descr': '{element}', 'fortran_order': {fortran}, 'shape': ({shape}), }}");
        let before = MAGIC.len() + 4;
        let whole = (before + text.len() + 1).next_multiple_of(ALIGNMENT);
        let length = u16::try_from(whole - before).expect("64 dimensions take less than 2 KiB");
        let mut bytes = [MAGIC, &[1, 0], &length.to_le_bytes(), text.as_bytes()].concat();
        bytes.resize(whole - 1, b' ');
        bytes.push(b'\n');
        bytes
    }

    /// How many bytes to read next, after these first ones of a file, to have the header; `None` if they are enough, or wrong.
    pub(super) fn missing(bytes: &[u8]) -> Option<usize> {
        let short = |length: usize| length.checked_sub(bytes.len()).filter(|&more| more > 0);
        let before = MAGIC.len() + 2;
        let Some(&[major, minor]) = bytes.get(MAGIC.len()..before) else { return short(before) };
        let begins = match (major, minor) {
            (1, 0) => before + 2,
            (2 | 3, 0) => before + 4,
            _ => return None,
        };
        let Some(length) = bytes.get(before..begins) else { return short(begins) };
        let length = length.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
        let text = usize::try_from(length).ok().filter(|&length| length <= LONGEST)?;
        short(begins + text)
    }

    /// The header of a file, and where its elements begin.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, usize), BoxError> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err("at byte 0: it does not begin as an npy file does".into());
        };
        let cut = || BoxError::from(format!("at byte {}: the header is cut off", bytes.len()));
        let ([major, minor], rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let (length, rest) = match (major, minor) {
            (1, 0) => {
                let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
                (usize::from(u16::from_le_bytes(*length)), rest)
            }
            (2 | 3, 0) => {
                let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
                (u32::from_le_bytes(*length) as usize, rest)
            }
            _ => {
                let why = format!("at byte 6: version {major}.{minor} of npy is not known");
                return Err(why.into());
            }
        };
        let begins = bytes.len() - rest.len();
        if length > LONGEST {
            let why = format!("at byte 8: a header of {length} bytes is longer than {LONGEST}");
            return Err(why.into());
        }
        let text = rest.get(..length).ok_or_else(cut)?;
        let header = Text { bytes: text, at: 0, begins }.header()?;
        check_dimensions(header.shape.len())?;
        Ok((header, begins + length))
    }

    /// The order of the bytes of an element, if it is an `A`.
    pub(super) fn order_of<A: NpyElement>(&self) -> Result<Order, BoxError> {
        let order = match self.element.as_bytes() {
            [b'<', kind @ ..] if kind == A::KIND.as_bytes() => Some(Order::Little),
            [b'>', kind @ ..] if kind == A::KIND.as_bytes() => Some(Order::Big),
            [b'|', kind @ ..] if kind == A::KIND.as_bytes() && size_of::<A>() == 1 => {
                Some(Order::Little)
            }
            _ => None,
        };
        order.ok_or_else(|| {
            let (found, kind, wanted) = (&self.element, A::KIND, std::any::type_name::<A>());
            format!("the file has elements `{found}` (in numpy's letters), and `{kind}`, `{wanted}`, is wanted").into()
        })
    }

    /// How many elements the shape has, if they are the `found` bytes from `at` on.
    pub(super) fn count<A>(&self, at: usize, found: u64) -> Result<usize, BoxError> {
        let shape = &self.shape;
        let needed = if shape.contains(&0) {
            Some(0)
        } else {
            shape.iter().try_fold(size_of::<A>(), |bytes, &length| bytes.checked_mul(length))
        };
        if let Some(bytes) = needed.filter(|&bytes| bytes as u64 == found) {
            return Ok(bytes / size_of::<A>());
        }
        let needed = needed.map_or("more than memory holds".into(), |bytes| bytes.to_string());
        Err(format!("at byte {at}: the shape {shape:?} needs {needed} bytes, and {found} follow")
            .into())
    }
}

/// Refuses what numpy could not read.
fn check_dimensions(count: usize) -> Result<(), BoxError> {
    if count > MOST_DIMENSIONS {
        return Err(
            format!("{count} dimensions are more than {MOST_DIMENSIONS}, numpy's limit").into()
        );
    }
    Ok(())
}

/// Reads the text of a header: a dictionary in Python's spelling, of which three entries are known.
struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the text begins in the file.
    begins: usize,
}

impl<'a> Text<'a> {
    /// The whole text.
    fn header(mut self) -> Result<Header, BoxError> {
        let (mut element, mut layout, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while !self.eat(b'}') {
            let key = self.quoted()?;
            self.expect(b':')?;
            let again = match key {
                "descr" => element.replace(self.element()?).is_some(),
                "fortran_order" => layout.replace(self.layout()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                _ => return Err(self.wrong(&format!("the key '{key}' is not known"))),
            };
            if again {
                return Err(self.wrong(&format!("the key '{key}' is there twice")));
            }
            if !self.eat(b',') {
                self.expect(b'}')?;
                break;
            }
        }
        self.skip_blanks();
        if self.at < self.bytes.len() {
            return Err(self.wrong("something follows the header"));
        }
        let missing = |key| format!("the header says nothing of '{key}'");
        Ok(Header {
            element: element.ok_or_else(|| missing("descr"))?,
            layout: layout.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
        })
    }

    /// The element: a text. Elements of several fields have a list there.
    fn element(&mut self) -> Result<String, BoxError> {
        self.skip_blanks();
        if self.bytes.get(self.at) == Some(&b'[') {
            return Err(
                self.wrong("elements of several fields have no type here: save the fields apart")
            );
        }
        Ok(self.quoted()?.to_owned())
    }

    /// A truth value.
    fn layout(&mut self) -> Result<Layout, BoxError> {
        self.skip_blanks();
        for (word, layout) in [(&b"False"[..], Layout::C), (b"True", Layout::Fortran)] {
            if self.bytes[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(layout);
            }
        }
        Err(self.wrong("`True` or `False` is expected"))
    }

    /// A tuple of numbers.
    fn shape(&mut self) -> Result<Vec<usize>, BoxError> {
        let mut shape = Vec::new();
        self.expect(b'(')?;
        while !self.eat(b')') {
            shape.push(self.number()?);
            if !self.eat(b',') {
                self.expect(b')')?;
                break;
            }
        }
        Ok(shape)
    }

    /// A number; Python 2 wrote an `L` after large ones.
    fn number(&mut self) -> Result<usize, BoxError> {
        self.skip_blanks();
        let rest = &self.bytes[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(&rest[..digits]).expect("digits are text");
        let number = text.parse().map_err(|_| self.wrong("a length is expected"))?;
        self.at += digits;
        self.eat(b'L');
        Ok(number)
    }

    /// A text in quotation marks of either kind, without escapes.
    fn quoted(&mut self) -> Result<&'a str, BoxError> {
        self.skip_blanks();
        let rest = &self.bytes[self.at..];
        let text = match rest {
            [mark @ (b'\'' | b'"'), rest @ ..] => {
                rest.iter().position(|byte| byte == mark).map(|end| &rest[..end])
            }
            _ => None,
        };
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        let text = text.ok_or_else(|| self.wrong("a text in quotation marks is expected"))?;
        self.at += text.len() + 2;
        Ok(text)
    }

    /// Reads `byte` after blanks, if it is there.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let there = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    /// Reads `byte` after blanks; it has to be there.
    fn expect(&mut self, byte: u8) -> Result<(), BoxError> {
        if self.eat(byte) {
            return Ok(());
        }
        Err(self.wrong(&format!("`{}` is expected", char::from(byte))))
    }

    /// Goes on to what is no blank.
    fn skip_blanks(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    /// The error of what stands here.
    fn wrong(&self, why: &str) -> BoxError {
        format!("at byte {}: {why}", self.begins + self.at).into()
    }
}
