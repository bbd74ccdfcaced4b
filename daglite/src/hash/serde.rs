//! `serde_hash`: the content of whatever can be serialized, through the same canonical stream.

use std::any::type_name;
use std::fmt::{self, Display};

use serde::ser::{self, Serialize};

use super::deep::deeper;
use super::input::{self, INPUT_DIR, INPUT_FILE};
use super::{ContentHasher, Unordered};
use crate::Digest;

/// Writes the content of a value that has `serde::Serialize` and no [`ContentHash`](crate::ContentHash) of its own.
///
/// Every value is tagged with its kind; names of structs, fields and variants count, and maps have no order. A
/// `Serialize` that fails makes the hasher fail.
///
/// serde does not tell a set from a list. So a `HashSet` inside such a value is hashed in its order of iteration, which
/// differs from run to run: nothing wrong is reused, but nothing is found again either. Derive `ContentHash` for such a
/// type, or use a `BTreeSet`. For the same reason `(1,)` and `[1; 1]` are one to it. An
/// [`InputFile`](crate::InputFile) inside such a value is hashed by the content of the file.
///
/// ```
/// use std::collections::{BTreeMap, HashMap};
/// use daglite::{ContentHasher, Strategy, serde_hash};
/// use serde::Serialize;
///
/// fn digest(value: impl Serialize) -> daglite::Digest {
///     let mut hasher = ContentHasher::new(Strategy::Auto);
///     serde_hash(&value, &mut hasher);
///     hasher.finish().unwrap()
/// }
///
/// let entries = [("b", 2), ("a", 1)];
/// assert_eq!(digest(HashMap::from(entries)), digest(BTreeMap::from(entries)));
/// assert_ne!(digest(HashMap::from(entries)), digest(entries));
/// ```
///
/// Cells, locks and atomics are refused, and so are lists, options and the like of them: their content may change between the
/// hash and the run. Inside a struct they cannot be seen: leave such a field out with `#[serde(skip)]`.
pub fn serde_hash<T: Serialize + ?Sized>(value: &T, hasher: &mut ContentHasher) {
    if let Some(name) = changeable(type_name::<T>()) {
        return hasher.fail(format_args!(
            "the content of a `{name}` may change between the hash and the run: take the value in it, or leave it out \
             of the key"
        ));
    }
    if let Err(Refused(why)) = value.serialize(Canonical(hasher, Kind::Content)) {
        hasher.fail(why);
    }
}

/// The name of a type, if what it holds can change while it is lent.
fn changeable(name: &'static str) -> Option<&'static str> {
    let modules = ["core::cell::", "std::sync::", "core::sync::atomic::"];
    modules.iter().any(|module| name.contains(module)).then_some(name)
}

/// Writes what can be told of a value by serde alone: its parts, their kinds and their names. serde does not tell a set
/// from a list, so no list has an order here; and paths are paths.
///
/// If it is another one after a value was written and read, the value is another one.
pub(crate) fn serde_trace<T: Serialize + ?Sized>(value: &T, hasher: &mut ContentHasher) {
    if let Err(Refused(why)) = value.serialize(Canonical(hasher, Kind::Trace)) {
        hasher.fail(why);
    }
}

/// What is written of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// All that a task may see of it.
    Content,
    /// What is the same for two equal values of a process, and of any two.
    Trace,
}

/// Why a `Serialize` gave up.
#[derive(Debug)]
struct Refused(String);

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<M: Display>(message: M) -> Self {
        Self(message.to_string())
    }
}

/// What stops a `Serialize` of which enough has been seen to show it.
fn enough() -> Refused {
    Refused(String::new())
}

/// Writes one value into the stream.
struct Canonical<'a>(&'a mut ContentHasher, Kind);

/// Methods that hand a scalar to the writer of the same meaning.
macro_rules! scalars {
    ($($method:ident($type:ty) = $writer:ident;)*) => {$(
        fn $method(self, value: $type) -> Result<(), Refused> {
            self.0.$writer(value);
            Ok(())
        }
    )*};
}

impl<'a> ser::Serializer for Canonical<'a> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    scalars! {
        serialize_bool(bool) = bool;
        serialize_i8(i8) = i8;
        serialize_i16(i16) = i16;
        serialize_i32(i32) = i32;
        serialize_i64(i64) = i64;
        serialize_i128(i128) = i128;
        serialize_u8(u8) = u8;
        serialize_u16(u16) = u16;
        serialize_u32(u32) = u32;
        serialize_u64(u64) = u64;
        serialize_u128(u128) = u128;
        serialize_f32(f32) = f32;
        serialize_f64(f64) = f64;
        serialize_char(char) = char;
        serialize_str(&str) = str;
        serialize_bytes(&[u8]) = bytes;
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_none(self) -> Result<(), Refused> {
        self.0.none();
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        self.0.some();
        deeper(|| value.serialize(self))
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        self.0.unit();
        Ok(())
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<(), Refused> {
        self.0.begin_struct(name, 0);
        Parts::of(self).end()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), Refused> {
        self.0.begin_variant(name, index, variant);
        self.0.unit();
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        if self.1 == Kind::Content && (name == INPUT_FILE || name == INPUT_DIR) {
            return input::hash_serialized(name, value, self.0).map_err(ser::Error::custom);
        }
        self.0.begin_tuple_struct(name, 1);
        let mut parts = Parts::of(self);
        parts.part(value)?;
        parts.end()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.0.begin_variant(name, index, variant);
        self.0.begin_tuple(1);
        let mut parts = Parts::of(self);
        parts.part(value)?;
        parts.end()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Refused> {
        if self.1 == Kind::Trace {
            return Ok(Parts { unordered: Some(Vec::new()), ..Parts::of(self) });
        }
        // The announced length is a hint, and may be missing for one of two equal values.
        self.0.begin_stream();
        Ok(Parts::of(self))
    }

    fn serialize_tuple(self, len: usize) -> Result<Parts<'a>, Refused> {
        self.0.begin_tuple(len);
        Ok(Parts::of(self))
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Parts<'a>, Refused> {
        self.0.begin_tuple_struct(name, len);
        Ok(Parts::of(self))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Parts<'a>, Refused> {
        self.0.begin_variant(name, index, variant);
        self.0.begin_tuple(len);
        Ok(Parts::of(self))
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Entries<'a>, Refused> {
        if self.0.is_sketch() {
            self.0.unordered_of(Unordered::Map, len.unwrap_or_default());
        }
        Ok(Entries { hasher: self.0, kind: self.1, done: Vec::new(), open: None, skipped: 0 })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Parts<'a>, Refused> {
        self.0.begin_struct(name, len);
        Ok(Parts::of(self))
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Parts<'a>, Refused> {
        self.0.begin_variant(name, index, variant);
        self.0.begin_struct(variant, len);
        Ok(Parts::of(self))
    }
}

/// Writes parts in their order, and at the end how many they were: a `Serialize` may announce a wrong number.
struct Parts<'a> {
    hasher: &'a mut ContentHasher,
    kind: Kind,
    count: usize,
    /// The digests of the parts, if their order does not count.
    unordered: Option<Vec<Digest>>,
}

impl<'a> Parts<'a> {
    fn of(Canonical(hasher, kind): Canonical<'a>) -> Self {
        Self { hasher, kind, count: 0, unordered: None }
    }

    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        if self.hasher.has_enough() {
            return Err(enough());
        }
        self.count += 1;
        let kind = self.kind;
        let Some(digests) = &mut self.unordered else {
            return deeper(|| value.serialize(Canonical(self.hasher, kind)));
        };
        let mut part = self.hasher.child();
        deeper(|| value.serialize(Canonical(&mut part, kind)))?;
        digests.push(self.hasher.adopt(part));
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Refused> {
        self.hasher.field(name);
        self.part(value)
    }

    fn end(self) -> Result<(), Refused> {
        match self.unordered {
            Some(digests) => self.hasher.unordered(Unordered::Set, digests),
            None => self.hasher.end(self.count),
        }
        Ok(())
    }
}

/// The traits of unnamed parts differ in the name of one method.
macro_rules! unnamed_parts {
    ($($trait:ident::$method:ident)*) => {$(
        impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = Refused;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                self.part(value)
            }

            fn end(self) -> Result<(), Refused> {
                Parts::end(self)
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
        impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = Refused;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Refused> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Refused> {
                Parts::end(self)
            }
        }
    )*};
}

named_parts! { SerializeStruct SerializeStructVariant }

/// Writes the entries of a map in an order of its own.
struct Entries<'a> {
    hasher: &'a mut ContentHasher,
    kind: Kind,
    done: Vec<Digest>,
    /// The entry whose key was written and whose value was not.
    open: Option<ContentHasher>,
    /// Entries that a sketch does not show.
    skipped: usize,
}

impl Entries<'_> {
    /// Whether entries are not written, as they are only sketched; an error if it is not worth going on.
    fn is_skipped(&mut self) -> Result<bool, Refused> {
        self.skipped += 1;
        match self.hasher.is_sketch() {
            true if self.skipped > 1_000 => Err(enough()),
            is_sketch => Ok(is_sketch),
        }
    }
}

impl ser::SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        if self.is_skipped()? {
            return Ok(());
        }
        if self.open.is_some() {
            return Err(Refused("its `Serialize` writes a map's key after a key".into()));
        }
        key.serialize(Canonical(self.open.insert(self.hasher.child()), self.kind))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        if self.hasher.is_sketch() {
            return Ok(());
        }
        let Some(mut entry) = self.open.take() else {
            return Err(Refused("its `Serialize` writes a map's value without its key".into()));
        };
        deeper(|| value.serialize(Canonical(&mut entry, self.kind)))?;
        self.done.push(self.hasher.adopt(entry));
        Ok(())
    }

    fn end(self) -> Result<(), Refused> {
        if self.open.is_some() {
            return Err(Refused("its `Serialize` writes a map's key without its value".into()));
        }
        if !self.hasher.is_sketch() {
            self.hasher.unordered(Unordered::Map, self.done);
        }
        Ok(())
    }
}
