//! The types of columns, as they are hashed.

use super::super::{ContentHash, ContentHasher};

/// The type of a column.
pub(in crate::hash) struct Kind<'a> {
    /// Its name.
    pub(in crate::hash) name: &'static str,
    /// The numbers that belong to it: units, widths, precision.
    pub(in crate::hash) numbers: Vec<i64>,
    /// The text that belongs to it: a time zone.
    pub(in crate::hash) text: Option<&'a str>,
    /// What is in it.
    pub(in crate::hash) fields: Vec<FieldOf<'a>>,
}

/// A named column, or a part of one.
pub(in crate::hash) struct FieldOf<'a> {
    /// Its name.
    pub(in crate::hash) name: &'a str,
    /// Whether values may be missing.
    pub(in crate::hash) nullable: bool,
    /// Whether the order of its dictionary has a meaning.
    pub(in crate::hash) ordered: bool,
    /// What else is said of it, sorted.
    pub(in crate::hash) metadata: Vec<(&'a str, &'a str)>,
    /// Its type.
    pub(in crate::hash) kind: Kind<'a>,
}

impl<'a> Kind<'a> {
    /// A type that is its name alone.
    pub(in crate::hash) fn named(name: &'static str) -> Self {
        Self { name, numbers: Vec::new(), text: None, fields: Vec::new() }
    }

    /// One with numbers.
    pub(in crate::hash) fn with(name: &'static str, numbers: impl Into<Vec<i64>>) -> Self {
        Self { numbers: numbers.into(), ..Self::named(name) }
    }

    /// One with parts.
    pub(in crate::hash) fn of(
        name: &'static str,
        fields: impl IntoIterator<Item = FieldOf<'a>>,
    ) -> Self {
        Self { fields: fields.into_iter().collect(), ..Self::named(name) }
    }

    /// A type that stands in another without a name.
    pub(in crate::hash) fn unnamed(self) -> FieldOf<'a> {
        FieldOf { name: "", nullable: true, ordered: false, metadata: Vec::new(), kind: self }
    }
}

impl ContentHash for Kind<'_> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        if self.numbers.is_empty() && self.text.is_none() && self.fields.is_empty() {
            return hasher.begin_tuple_struct(self.name, 0);
        }
        hasher.begin_tuple_struct(self.name, 3);
        self.numbers.content_hash(hasher);
        self.text.content_hash(hasher);
        write_fields(&self.fields, hasher);
    }
}

/// Hashes fields.
pub(in crate::hash) fn write_fields(fields: &[FieldOf<'_>], hasher: &mut ContentHasher) {
    fields.content_hash(hasher);
}

impl ContentHash for FieldOf<'_> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_tuple(5);
        hasher.str(self.name);
        self.kind.content_hash(hasher);
        hasher.bool(self.nullable);
        hasher.bool(self.ordered);
        self.metadata.content_hash(hasher);
    }
}
