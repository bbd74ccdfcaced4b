//! Formats at their edges: what they show of themselves, clones, and types that ask serde for unusual things.

use std::fmt;

use daglite::{Format, Registry, ValueFormats};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[test]
fn formats_say_what_they_are() {
    let shown = format!("{:?}", Format::<Vec<u8>>::raw());
    assert_eq!(shown, r#"Format { name: "raw", extension: "bin", .. }"#);
    assert_eq!(format!("{:?}", ValueFormats::serde::<u8>()), "ValueFormats");
}

#[test]
fn a_clone_of_a_format_writes_and_reads_the_same() {
    let value = vec![1_u16, 2, 3];
    for format in [Format::raw(), Format::json(), Format::postcard(), Format::raw().version("2")] {
        let clone = format.clone();
        assert_eq!(clone.encode(&value).unwrap(), format.encode(&value).unwrap());
        assert_eq!(clone.decode(&format.encode(&value).unwrap()).unwrap(), value);
    }
    let registry = Registry::new();
    assert!(registry.replace(Format::<Vec<u16>>::json()).is_none());
    registry
        .register(Format::new("none", "bin", |_: &Vec<u16>| Ok(vec![]), |_| Ok(vec![])))
        .unwrap();
    let error = registry.set_default_format::<Vec<u16>>("some").unwrap_err().to_string();
    assert!(error.contains("(registered: `json`, `none`): register it first"), "{error}");
}

/// Bytes and a text for people, the text made by `Display`.
#[derive(Debug, Clone, PartialEq)]
struct Tag([u8; 2]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}", self.0[0], self.0[1])
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Tag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("two bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Tag, E> {
                bytes.try_into().map(Tag).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Tag, E> {
                // The shape is learnt with other texts.
                let number = u16::from_str_radix(text, 16).unwrap_or_default();
                Ok(Tag([(number >> 8) as u8, number as u8]))
            }
        }

        if deserializer.is_human_readable() {
            return deserializer.deserialize_str(Bytes);
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Marker;

#[test]
fn bytes_texts_and_units_come_back() {
    let registry = Registry::new();
    let value = (Tag([0xab, 1]), Marker, ());
    for format in ["json", "postcard"] {
        let Ok(bytes) = registry.serialize(&value, Some(format)) else {
            // What cannot be seen as a whole goes as JSON.
            assert_eq!(registry.formats::<(Tag, Marker, ())>(), ["json"]);
            continue;
        };
        assert_eq!(registry.deserialize::<(Tag, Marker, ())>(&bytes, format).unwrap(), value);
    }
    assert_eq!(registry.serialize(&Tag([0xab, 1]), Some("json")).unwrap(), br#""ab01""#);
}

/// It is written as a number or a text, and read as a number alone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum OneWay {
    Number(u8),
}

impl Serialize for OneWay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("not a number")
    }
}

#[test]
fn what_json_cannot_read_again_is_refused_as_it_is_written() {
    let error = Registry::new().serialize(&OneWay::Number(1), None).unwrap_err().to_string();
    assert!(error.contains("is not read as it is written"), "{error}");
}

#[test]
fn an_error_of_postcard_has_its_cause() {
    let error = Registry::new().deserialize::<String>(&[5, b'x'], "postcard").unwrap_err();
    assert!(error.to_string().contains("at byte "), "{error}");
    let mut cause = std::error::Error::source(&error);
    let mut causes = 0;
    while let Some(next) = cause {
        causes += 1;
        cause = next.source();
    }
    assert_eq!(causes, 2, "where, and why");
}
