//! A value for people, cut short: read back from the first bytes of its canonical stream.
//!
//! So what is shown is what is hashed, and no type needs `Debug` for it. Whatever the stream is, this ends and does not
//! fail: it serves messages alone.

use std::fmt::{self, Debug, Write};
use std::time::Duration;

use super::tag;
use crate::Digest;

/// So many characters are shown.
const LONGEST: usize = 40;
/// So deep is looked.
const DEEPEST: usize = 16;
/// So many elements of bulk data are shown.
const ELEMENTS: usize = 16;

/// Parts of names that say: not for everybody's eyes.
const SECRETS: [&str; 9] = [
    "secret",
    "token",
    "passw",
    "passphrase",
    "credential",
    "apikey",
    "api_key",
    "private_key",
    "access_key",
];

/// Whether what has this name is better not written down.
pub(crate) fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|part| name.contains(part))
}

/// `text`, cut to what is shown of a value.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// The value whose stream, after the first 18 bytes, begins with `stream`.
pub(super) fn of(stream: &[u8]) -> String {
    let mut reader = Reader { rest: stream, text: String::new(), chars: 0 };
    let whole = reader.node(0).is_some();
    let mut text = reader.text;
    if !whole {
        text.push('…');
    }
    text
}

/// Reads a stream and writes text; every method gives up (`None`) at the end of either.
struct Reader<'a> {
    rest: &'a [u8],
    text: String,
    chars: usize,
}

impl Write for Reader<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text).ok_or(fmt::Error)
    }
}

/// What a tag of a number says of its bytes.
macro_rules! numbers {
    ($self:ident, $tag:ident, $($name:ident: $type:ty),*) => {
        match $tag {
            $(tag::$name => {
                let number = <$type>::from_le_bytes($self.array()?);
                $self.number(number)
            })*
            _ => None,
        }
    };
}

impl<'a> Reader<'a> {
    /// Reads so many bytes.
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// Reads bytes of a fixed number.
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Reads one byte.
    fn byte(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    /// Reads a length.
    fn length(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).ok()
    }

    /// Reads a name.
    fn name(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// Writes text, as far as there is room.
    fn write(&mut self, text: &str) -> Option<()> {
        for letter in text.chars() {
            if self.chars == LONGEST {
                return None;
            }
            self.text.push(letter);
            self.chars += 1;
        }
        Some(())
    }

    /// Writes a number or a truth value.
    fn number(&mut self, value: impl Debug) -> Option<()> {
        write!(self, "{value:?}").ok()
    }

    /// Writes text in quotation marks; `bytes` may be cut, `whole` is how long they were.
    fn quoted(&mut self, bytes: &[u8], whole: usize) -> Option<()> {
        // A cut may be in the middle of a letter; a text that is damaged is shown as far as it goes.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(cut) if bytes.len() < whole => String::from_utf8_lossy(&bytes[..cut.valid_up_to()]),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        self.write("\"")?;
        for letter in text.chars() {
            let escaped: String = letter.escape_debug().collect();
            self.write(if letter == '\'' { "'" } else { &escaped })?;
        }
        if bytes.len() < whole { None } else { self.write("\"") }
    }

    /// One value.
    fn node(&mut self, depth: usize) -> Option<()> {
        if depth == DEEPEST {
            return None;
        }
        let tag = self.byte()?;
        match tag {
            tag::UNIT => self.write("()"),
            tag::BOOL => {
                let value = self.byte()? == 1;
                self.number(value)
            }
            tag::CHAR => {
                let letter = char::from_u32(u32::from_le_bytes(self.array()?))?;
                self.write(&format!("{letter:?}"))
            }
            tag::NONE => self.write("None"),
            tag::SOME => {
                self.write("Some(")?;
                self.node(depth + 1)?;
                self.write(")")
            }
            tag::STR => self.string(),
            tag::BULK => self.bulk(),
            tag::SEQ => {
                let length = self.length()?;
                self.list("[", length, "]", depth)
            }
            tag::STREAM => self.list("[", usize::MAX, "]", depth),
            tag::TUPLE => {
                let length = self.length()?;
                self.list("(", length, ")", depth)
            }
            tag::TUPLE_STRUCT => {
                let (name, length) = (self.name()?, self.length()?);
                self.write(name)?;
                self.list("(", length, ")", depth)
            }
            tag::STRUCT => {
                let (name, length) = (self.name()?, self.length()?);
                self.write(name)?;
                self.fields(length, depth)
            }
            tag::VARIANT => self.variant(depth),
            tag::UNORDERED => {
                let (kind, length) = (self.byte()?, self.length()?);
                let what = match (kind, length) {
                    (1, 1) => "entry",
                    (1, _) => "entries",
                    (_, 1) => "element",
                    _ => "elements",
                };
                self.take(length.saturating_mul(32).min(self.rest.len()))?;
                self.write(&format!("{{{length} {what}}}"))
            }
            tag::BUILTIN => self.builtin(depth),
            _ => numbers!(self, tag,
                U8: u8, U16: u16, U32: u32, U64: u64, U128: u128, USIZE: u64,
                I8: i8, I16: i16, I32: i32, I64: i64, I128: i128, ISIZE: i64, F32: f32, F64: f64),
        }
    }

    /// The text after its tag.
    fn string(&mut self) -> Option<()> {
        let _method = self.byte()?;
        let length = self.length()?;
        let bytes = self.take(length.min(self.rest.len()))?;
        self.quoted(bytes, length)
    }

    /// The rest of bulk data after its tag: the first elements, and how many there are.
    fn bulk(&mut self) -> Option<()> {
        let (element, _method, count) = (self.byte()?, self.byte()?, self.length()?);
        self.write("[")?;
        for at in 0..count.min(ELEMENTS) {
            if at > 0 {
                self.write(", ")?;
            }
            // Room for the number of elements must stay.
            if self.chars + 8 > LONGEST {
                break;
            }
            match element {
                tag::BOOL => {
                    let value = self.byte()? == 1;
                    self.number(value)?;
                }
                tag::CHAR => {
                    let letter = char::from_u32(u32::from_le_bytes(self.array()?))?;
                    self.write(&format!("{letter:?}"))?;
                }
                _ => numbers!(self, element,
                    U8: u8, U16: u16, U32: u32, U64: u64, U128: u128, USIZE: u64,
                    I8: i8, I16: i16, I32: i32, I64: i64, I128: i128, ISIZE: i64, F32: f32, F64: f64)?,
            }
            if at + 1 == count {
                return self.write("]");
            }
        }
        if count == 0 {
            return self.write("]");
        }
        // Beyond the limit, as it tells more than what was cut.
        self.text.push_str(&format!("… {count} in all]"));
        self.chars = LONGEST;
        // The bytes that are not shown cannot be told from what follows: nothing more is.
        self.rest = &[];
        Some(())
    }

    /// Values in a row; an end tag ends them early.
    fn list(&mut self, open: &str, length: usize, close: &str, depth: usize) -> Option<()> {
        self.write(open)?;
        let mut at = 0;
        while at < length && self.rest.first() != Some(&tag::END) {
            if at > 0 {
                self.write(", ")?;
            }
            self.node(depth + 1)?;
            at += 1;
        }
        self.end();
        self.write(close)
    }

    /// Fields in a row.
    fn fields(&mut self, length: usize, depth: usize) -> Option<()> {
        if length == 0 {
            self.end();
            return Some(());
        }
        self.write(" { ")?;
        for at in 0..length {
            if self.rest.first() != Some(&tag::FIELD) {
                break;
            }
            self.byte()?;
            if at > 0 {
                self.write(", ")?;
            }
            let name = self.name()?;
            self.write(name)?;
            self.write(": ")?;
            if looks_secret(name) {
                self.skip(depth + 1)?;
                self.write("…")?;
            } else {
                self.node(depth + 1)?;
            }
        }
        self.end();
        self.write(" }")
    }

    /// Reads a value and writes nothing.
    fn skip(&mut self, depth: usize) -> Option<()> {
        let (text, chars) = (std::mem::take(&mut self.text), std::mem::take(&mut self.chars));
        let skipped = self.node(depth);
        (self.text, self.chars) = (text, chars);
        skipped
    }

    /// Reads an end tag, if there is one.
    fn end(&mut self) {
        if self.rest.first() == Some(&tag::END) {
            self.rest = self.rest.get(9..).unwrap_or_default();
        }
    }

    /// A variant after its tag.
    fn variant(&mut self, depth: usize) -> Option<()> {
        let _index: [u8; 4] = self.array()?;
        let (_enum, variant) = (self.name()?, self.name()?);
        self.write(variant)?;
        match self.byte()? {
            tag::UNIT => Some(()),
            tag::TUPLE => {
                let length = self.length()?;
                self.list("(", length, ")", depth)
            }
            tag::STRUCT => {
                let (_variant, length) = (self.name()?, self.length()?);
                self.fields(length, depth)
            }
            _ => None,
        }
    }

    /// A built-in type after its tag.
    fn builtin(&mut self, depth: usize) -> Option<()> {
        let name = self.name()?;
        match (name, self.rest) {
            ("Path" | "OsStr" | "CStr", [tag::BULK, tag::U8, rest @ ..]) => {
                self.rest = rest;
                self.string()
            }
            ("Digest", [tag::BULK, tag::U8, _, rest @ ..]) => {
                let bytes: &[u8; 32] = rest.get(8..)?.first_chunk()?;
                self.rest = rest.get(40..)?;
                self.write(&Digest::from_bytes(*bytes).to_string()[..12])?;
                self.write("…")
            }
            ("Duration", [tag::U128, rest @ ..]) => {
                self.rest = rest;
                let nanos = u128::from_le_bytes(self.array()?);
                let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
                let rest = (nanos % 1_000_000_000) as u32;
                self.write(&format!("{:?}", Duration::new(seconds, rest)))
            }
            _ => self.node(depth + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::path::Path;
    use std::time::Duration;

    use serde::Serialize;

    use super::super::{ContentHash, ContentHasher, InputFile, Strategy, serde_hash};

    fn shown<T: ContentHash + ?Sized>(value: &T) -> String {
        let mut sketch = ContentHasher::sketch(Strategy::Auto);
        value.content_hash(&mut sketch);
        sketch.shown()
    }

    fn shown_by_serde<T: Serialize>(value: &T) -> String {
        let mut sketch = ContentHasher::sketch(Strategy::Auto);
        serde_hash(value, &mut sketch);
        sketch.shown()
    }

    #[derive(ContentHash, Serialize)]
    enum Mode {
        Off,
        At(u8, f32),
        Named { name: &'static str, on: bool },
    }
    use daglite_macros::ContentHash;

    #[derive(ContentHash, Serialize)]
    struct Settings {
        window: usize,
        modes: Vec<Mode>,
    }

    #[derive(ContentHash, Serialize)]
    struct Login {
        user: &'static str,
        password: &'static str,
        tries: u8,
    }

    fn settings() -> Settings {
        Settings { window: 30, modes: vec![Mode::At(1, 0.5), Mode::Off] }
    }

    #[test]
    fn values_are_shown_as_people_write_them() {
        assert_eq!(shown(&7_u64), "7");
        assert_eq!(shown(&-7_i8), "-7");
        assert_eq!(shown(&1.5_f64), "1.5");
        assert_eq!(shown(&true), "true");
        assert_eq!(shown("it's \"so\"\n"), r#""it's \"so\"\n""#);
        assert_eq!(shown(&Some('x')), "Some('x')");
        assert_eq!(shown(&(1_u8, (), None::<u8>)), "(1, (), None)");
        assert_eq!(shown(&[1_u16, 2, 3]), "[1, 2, 3]");
        assert_eq!(shown(&Vec::<u16>::new()), "[]");
        assert_eq!(shown(&vec!["a", "b"]), r#"["a", "b"]"#);
        assert_eq!(shown(&Duration::from_millis(1500)), "1.5s");
        assert_eq!(shown(Path::new("a/b.csv")), r#""a/b.csv""#);
        assert_eq!(shown(&HashSet::from([1, 2])), "{2 elements}");
        assert_eq!(shown(&(0_u8..5)), "(0, 5)");
        assert_eq!(shown(&Mode::Named { name: "x", on: true }), r#"Named { name: "x", on: true }"#);
    }

    #[test]
    fn structs_are_shown_alike_however_they_are_hashed() {
        let expected = "Settings { window: 30, modes: [At(1, 0.5…";
        assert_eq!(shown(&settings()), expected);
        assert_eq!(shown_by_serde(&settings()), expected);
        assert_eq!(shown_by_serde(&(Mode::Off, Mode::At(2, 1.0))), "(Off, At(2, 1.0))");
        assert_eq!(shown_by_serde(&vec![Some(1), None]), "[Some(1), None]");
        assert_eq!(shown_by_serde(&BTreeMap::from([(1, "a")])), "{1 entry}");
    }

    #[test]
    fn what_looks_secret_is_not_shown() {
        let login = Login { user: "eve", password: "hunter2", tries: 1 };
        assert_eq!(shown(&login), r#"Login { user: "eve", password: …, tries:…"#);
        assert!(!shown_by_serde(&login).contains("hunter2"));
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(super::cut(&"é".repeat(40)), "é".repeat(40));
        assert_eq!(super::cut(&"é".repeat(41)), format!("{}…", "é".repeat(40)));
        assert_eq!(shown(&"é".repeat(1000)), format!("\"{}…", "é".repeat(39)));
        assert_eq!(
            shown(&vec![0.25_f64; 1000]),
            "[0.25, 0.25, 0.25, 0.25, 0.25, 0.25, … 1000 in all]"
        );
        let deep = (0..100).fold(Box::new(0_u8) as Box<dyn ContentHash>, |inner, _| {
            struct Deep(Box<dyn ContentHash>);
            impl ContentHash for Deep {
                fn content_hash(&self, hasher: &mut ContentHasher) {
                    hasher.some();
                    self.0.content_hash(hasher);
                }
            }
            Box::new(Deep(inner))
        });
        assert!(shown(&*deep).ends_with('…'));
    }

    #[test]
    fn a_large_value_is_not_read_to_its_end() {
        use std::cell::Cell;

        thread_local!(static READ: Cell<usize> = const { Cell::new(0) });
        struct Counted;
        impl ContentHash for Counted {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                READ.set(READ.get() + 1);
                hasher.u8(1);
            }
        }
        impl Serialize for Counted {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                READ.set(READ.get() + 1);
                serializer.serialize_u8(1)
            }
        }
        let many: Vec<Counted> = (0..100_000).map(|_| Counted).collect();
        shown(&many);
        shown_by_serde(&many);
        assert!(READ.get() < 2_000, "{} elements were read", READ.get());
    }

    #[test]
    fn an_input_file_is_shown_by_its_path_and_not_read() {
        let file = InputFile::from("no/such/file.csv");
        assert_eq!(shown(&file), r#""no/such/file.csv""#);
        assert_eq!(shown_by_serde(&file), r#""no/such/file.csv""#);
    }

    #[test]
    fn whatever_the_bytes_are_something_is_shown() {
        let mut random = 1_u64;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..64)
                .map(|_| {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    // Mostly small numbers: tags and short lengths.
                    if random >> 63 == 0 { (random >> 56) as u8 % 0x50 } else { 0 }
                })
                .collect();
            assert!(super::of(&bytes).chars().count() <= 80);
        }
    }
}
