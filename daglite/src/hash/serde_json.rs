//! Content of `serde_json` values.
//!
//! Objects are hashed in the order in which they are gone through. That is the order of the keys, whatever the order in
//! which they came, unless some package turns on serde_json's `preserve_order`: then a task sees the order, and it counts.

use serde_json::{Map, Number, Value};

use super::deep::deeper;
use super::{ContentHash, ContentHasher};

impl ContentHash for Value {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("serde_json::Value");
        value(self, hasher);
    }
}

impl ContentHash for Map<String, Value> {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("serde_json::Map");
        object(self, hasher);
    }
}

impl ContentHash for Number {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("serde_json::Number");
        number(self, hasher);
    }
}

/// A value; the kinds of nodes tell those of JSON apart.
fn value(value: &Value, hasher: &mut ContentHasher) {
    match value {
        Value::Null => hasher.unit(),
        Value::Bool(flag) => hasher.bool(*flag),
        Value::Number(inner) => number(inner, hasher),
        Value::String(text) => hasher.str(text),
        Value::Array(values) => {
            hasher.begin_seq(values.len());
            deeper(|| {
                for inner in values {
                    if hasher.has_enough() {
                        break;
                    }
                    self::value(inner, hasher);
                }
            });
        }
        Value::Object(entries) => object(entries, hasher),
    }
}

/// An object: a struct without a name, its keys as they come.
fn object(entries: &Map<String, Value>, hasher: &mut ContentHasher) {
    hasher.begin_struct("", entries.len());
    deeper(|| {
        for (key, inner) in entries {
            if hasher.has_enough() {
                break;
            }
            hasher.field(key);
            value(inner, hasher);
        }
    });
}

/// A number, as the one of Rust's numbers that it is. What none is (serde_json's `arbitrary_precision` keeps `1.10`, and
/// what is larger than all of them) counts by its text.
fn number(number: &Number, hasher: &mut ContentHasher) {
    let is = |other: Number| other == *number;
    if let Some(whole) = number.as_u64().filter(|&whole| is(whole.into())) {
        return hasher.u64(whole);
    }
    if let Some(whole) = number.as_i64().filter(|&whole| is(whole.into())) {
        return hasher.i64(whole);
    }
    let float = number.as_f64().filter(|&float| Number::from_f64(float).is_some_and(is));
    if let Some(float) = float { hasher.f64(float) } else { hasher.str(&number.to_string()) }
}
