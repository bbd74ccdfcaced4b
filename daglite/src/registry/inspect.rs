//! Finds what a format would lose without a word, before it does.

use std::cell::Cell;
use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::shape::{FIELDS, Read};

/// Looks through the whole value for what JSON cannot hold: it has one `null`, and no infinities.
pub(super) fn check_json<T: Serialize>(value: &T) -> Result<(), Lossy> {
    value.serialize(Inspect(Target::Json)).map(drop)
}

/// Looks through the whole value for what postcard cannot hold, in which every field has its place.
///
/// `read` is how the value's type is read. The answer is the first part that is written in another way, as far as names
/// and numbers can tell: two types may share a name, and one may have two.
pub(super) fn check_postcard<T: Serialize>(
    value: &T,
    read: &[Read],
) -> Result<Option<Doubt>, Lossy> {
    let doubt = Cell::new(None);
    value.serialize(Inspect(Target::Postcard(read, &doubt)))?;
    Ok(doubt.get())
}

/// A part of a value that may not be read as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubt {
    name: &'static str,
    /// The variant of an enum, or [`FIELDS`].
    variant: &'static str,
}

impl Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { name, variant: FIELDS } => f.write_str(name),
            Self { name, variant } => write!(f, "{name}::{variant}"),
        }
    }
}

/// The format that is meant.
#[derive(Clone, Copy)]
enum Target<'a> {
    Json,
    Postcard(&'a [Read], &'a Cell<Option<Doubt>>),
}

/// What would be lost, and what to do.
#[derive(Debug)]
pub(super) struct Lossy(String);

impl Display for Lossy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lossy {}

impl ser::Error for Lossy {
    fn custom<M: Display>(message: M) -> Self {
        Self(message.to_string())
    }
}

/// Whether JSON writes a value as `null`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Other,
}

/// Looks at one value.
#[derive(Clone, Copy)]
struct Inspect<'a>(Target<'a>);

impl Inspect<'_> {
    fn is_for_json(self) -> bool {
        matches!(self.0, Target::Json)
    }

    /// Compares how a variant is written with how it is read.
    fn compare(self, name: &'static str, index: u32, variant: &'static str, parts: usize) {
        let Target::Postcard(read, doubt) = self.0 else { return };
        let mut same_name = read.iter().filter(|read| read.name == name).peekable();
        let known = same_name.peek().is_some();
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        let fits = |read: &Read| read.variants.get(place) == Some(&(variant, Some(parts)));
        if !(known && same_name.all(fits)) && doubt.get().is_none() {
            doubt.set(Some(Doubt { name, variant }));
        }
    }

    fn float(self, finite: bool, value: impl Display) -> Result<Kind, Lossy> {
        if finite || !self.is_for_json() {
            return Ok(Kind::Other);
        }
        Err(Lossy(format!("JSON has no number `{value}`: use the format `postcard`")))
    }
}

/// Methods for values that are never lost.
macro_rules! harmless {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, _: $type) -> Result<Kind, Lossy> {
            Ok(Kind::Other)
        }
    )*};
}

impl ser::Serializer for Inspect<'_> {
    type Ok = Kind;
    type Error = Lossy;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    harmless! {
        serialize_bool(bool) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
    }

    fn is_human_readable(&self) -> bool {
        self.is_for_json()
    }

    fn serialize_f32(self, value: f32) -> Result<Kind, Lossy> {
        self.float(value.is_finite(), value)
    }

    fn serialize_f64(self, value: f64) -> Result<Kind, Lossy> {
        self.float(value.is_finite(), value)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Result<Kind, Lossy> {
        Ok(Kind::Other)
    }

    fn serialize_none(self) -> Result<Kind, Lossy> {
        Ok(Kind::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Kind, Lossy> {
        if value.serialize(self)? == Kind::Null && self.is_for_json() {
            return Err(Lossy(
                "JSON cannot tell `Some(None)` or `Some(())` from `None`: use the format `postcard`".into(),
            ));
        }
        Ok(Kind::Other)
    }

    fn serialize_unit(self) -> Result<Kind, Lossy> {
        Ok(Kind::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Kind, Lossy> {
        Ok(Kind::Null)
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<Kind, Lossy> {
        self.compare(name, index, variant, 0);
        Ok(Kind::Other)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Kind, Lossy> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Kind, Lossy> {
        self.compare(name, index, variant, 1);
        value.serialize(self)?;
        Ok(Kind::Other)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Lossy> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Lossy> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, name: &'static str, parts: usize) -> Result<Self, Lossy> {
        self.compare(name, 0, FIELDS, parts);
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        parts: usize,
    ) -> Result<Self, Lossy> {
        self.compare(name, index, variant, parts);
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Lossy> {
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, parts: usize) -> Result<Self, Lossy> {
        self.compare(name, 0, FIELDS, parts);
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        parts: usize,
    ) -> Result<Self, Lossy> {
        self.compare(name, index, variant, parts);
        Ok(self)
    }
}

/// The traits of unnamed parts differ in the name of one method.
macro_rules! unnamed_parts {
    ($($trait:ident::$method:ident)*) => {$(
        impl ser::$trait for Inspect<'_> {
            type Ok = Kind;
            type Error = Lossy;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Lossy> {
                value.serialize(*self).map(drop)
            }

            fn end(self) -> Result<Kind, Lossy> {
                Ok(Kind::Other)
            }
        }
    )*};
}

unnamed_parts! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

/// The traits of named parts differ in their names alone.
macro_rules! named_parts {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Inspect<'_> {
            type Ok = Kind;
            type Error = Lossy;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Lossy> {
                value.serialize(*self).map(drop)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), Lossy> {
                if self.is_for_json() {
                    return Ok(());
                }
                Err(Lossy(format!(
                    "the field `{name}` is skipped, which postcard cannot tell when it reads: use the format `json`, \
                     or drop `skip_serializing_if`"
                )))
            }

            fn end(self) -> Result<Kind, Lossy> {
                Ok(Kind::Other)
            }
        }
    )*};
}

named_parts! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Inspect<'_> {
    type Ok = Kind;
    type Error = Lossy;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Lossy> {
        key.serialize(*self).map(drop)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Lossy> {
        value.serialize(*self).map(drop)
    }

    fn end(self) -> Result<Kind, Lossy> {
        Ok(Kind::Other)
    }
}
