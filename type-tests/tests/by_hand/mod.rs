//! The stream of `docs/format.md`, written from that page alone: nothing here asks daglite how a value is hashed.

#![allow(dead_code, unreachable_pub, reason = "each test program uses what it needs")]

use daglite::Digest;

/// A stream that grows node by node.
pub struct Stream(Vec<u8>);

impl Stream {
    /// The bytes that every stream begins with.
    pub fn new() -> Self {
        Self(b"daglite content v1".to_vec())
    }

    /// The digest of all nodes.
    pub fn digest(&self) -> String {
        Digest::of_bytes(&self.0).to_string()
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn length(&mut self, length: usize) -> &mut Self {
        self.bytes(&(length as u64).to_le_bytes())
    }

    fn name(&mut self, name: &str) -> &mut Self {
        self.length(name.len()).bytes(name.as_bytes())
    }

    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.bytes(&[0x02, u8::from(value)])
    }

    pub fn usize(&mut self, value: usize) -> &mut Self {
        self.bytes(&[0x15]).length(value)
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(&[0x30, 0x01]).name(text)
    }

    pub fn seq(&mut self, length: usize) -> &mut Self {
        self.bytes(&[0x40]).length(length)
    }

    pub fn tuple(&mut self, length: usize) -> &mut Self {
        self.bytes(&[0x41]).length(length)
    }

    pub fn tuple_struct(&mut self, name: &str, length: usize) -> &mut Self {
        self.bytes(&[0x44]).name(name).length(length)
    }

    pub fn none(&mut self) -> &mut Self {
        self.bytes(&[0x46])
    }

    pub fn some(&mut self) -> &mut Self {
        self.bytes(&[0x47])
    }

    pub fn built_in(&mut self, name: &str) -> &mut Self {
        self.bytes(&[0x49]).name(name)
    }

    pub fn bulk_u8(&mut self, values: &[u8]) -> &mut Self {
        self.bytes(&[0x31, 0x10, 0x01]).length(values.len()).bytes(values)
    }

    pub fn bulk_u32(&mut self, values: &[u32]) -> &mut Self {
        self.bytes(&[0x31, 0x12, 0x01]).length(values.len());
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
        self
    }

    pub fn bulk_i32(&mut self, values: &[i32]) -> &mut Self {
        self.bytes(&[0x31, 0x1a, 0x01]).length(values.len());
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
        self
    }

    pub fn bulk_i64(&mut self, values: &[i64]) -> &mut Self {
        self.bytes(&[0x31, 0x1b, 0x01]).length(values.len());
        values.iter().for_each(|value| self.0.extend(value.to_le_bytes()));
        self
    }

    /// A column of text, of which rows are missing: their bitmap, and the others.
    pub fn texts(&mut self, bitmap: u8, texts: &[&str]) -> &mut Self {
        let lengths: Vec<u32> = texts.iter().map(|text| text.len() as u32).collect();
        self.some().tuple(2).bulk_u8(&[bitmap]);
        self.tuple(2).bulk_u32(&lengths).bulk_u8(texts.concat().as_bytes())
    }

    /// A type that is its name alone.
    pub fn plain_type(&mut self, name: &str) -> &mut Self {
        self.tuple_struct(name, 0)
    }

    /// A type of so many fields, without numbers and text.
    pub fn type_of_fields(&mut self, name: &str, fields: usize) -> &mut Self {
        self.tuple_struct(name, 3).bulk_i64(&[]).none().seq(fields)
    }

    /// A field that may be missing, of a type that is its name alone.
    pub fn field(&mut self, name: &str, ty: &str) -> &mut Self {
        self.tuple(5).text(name).plain_type(ty).bool(true).bool(false).seq(0)
    }
}

/// The digest that a golden file has of a name.
pub fn golden<'a>(golden: &'a str, name: &str) -> &'a str {
    let line = golden.lines().find(|line| line.get(65..) == Some(name));
    &line.unwrap_or_else(|| panic!("no digest of {name}"))[..64]
}
