//! Hashing by `serde::Serialize`: the content counts, and nothing but the content.

use std::collections::{BTreeMap, HashMap};

use daglite::{ContentHasher, Digest, InputDir, InputFile, Strategy, serde_hash};
use serde::ser::{Error, SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

fn result(value: impl Serialize) -> Result<Digest, String> {
    let mut hasher = ContentHasher::new(Strategy::Auto);
    serde_hash(&value, &mut hasher);
    hasher.finish().map_err(|error| error.to_string())
}

fn digest(value: impl Serialize) -> Digest {
    result(value).unwrap()
}

/// A value that serializes as the block does.
macro_rules! with {
    (|$serializer:ident| $body:expr) => {{
        struct Custom;
        impl Serialize for Custom {
            fn serialize<S: Serializer>(&self, $serializer: S) -> Result<S::Ok, S::Error> {
                $body
            }
        }
        Custom
    }};
}

#[test]
fn an_announced_length_does_not_count() {
    let known = with!(|s| {
        let mut seq = s.serialize_seq(Some(1))?;
        seq.serialize_element(&1_u8)?;
        seq.end()
    });
    let unknown = with!(|s| {
        let mut seq = s.serialize_seq(None)?;
        seq.serialize_element(&1_u8)?;
        seq.end()
    });
    assert_eq!(digest(known), digest(unknown));
    assert_eq!(digest(vec![1_u8]), digest(with!(|s| s.collect_seq([1_u8]))));
}

#[test]
fn where_one_list_ends_and_the_next_begins_counts() {
    assert_ne!(digest((vec![1, 2], vec![3])), digest((vec![1], vec![2, 3])));
    assert_ne!(digest(vec![vec![0_u8; 0], vec![]]), digest(vec![vec![0_u8; 0]]));
}

#[test]
fn a_wrong_number_of_fields_cannot_hide_one() {
    let short = with!(|s| {
        let mut s = s.serialize_struct("S", 1)?;
        s.serialize_field("a", &1)?;
        s.end()
    });
    let long = with!(|s| {
        let mut s = s.serialize_struct("S", 1)?;
        s.serialize_field("a", &1)?;
        s.serialize_field("b", &2)?;
        s.end()
    });
    assert_ne!(digest(short), digest(long));
}

#[test]
fn maps_have_no_order_at_any_depth() {
    let one = HashMap::from([("a", HashMap::from([(1, 2), (3, 4)])), ("b", HashMap::new())]);
    let other = BTreeMap::from([("b", BTreeMap::new()), ("a", BTreeMap::from([(3, 4), (1, 2)]))]);
    assert_eq!(digest(&one), digest(&other));
    assert_ne!(digest(&one), digest(BTreeMap::from([("a", 1)])));
}

#[test]
fn floats_count_by_their_bits() {
    assert_ne!(digest(0.0_f64), digest(-0.0_f64));
    assert_eq!(digest(f64::NAN), digest(f64::NAN));
    assert_ne!(digest(1.0_f32), digest(1.0_f64));
}

#[test]
fn wide_integers_keep_their_type() {
    assert_ne!(digest(1_i128), digest(1_u128));
    assert_ne!(digest(u128::MAX), digest(u128::MAX - 1));
}

#[test]
fn values_see_a_format_for_machines() {
    let human = with!(|s| s.is_human_readable().serialize(s));
    assert_eq!(digest(human), digest(false));
}

#[test]
fn a_serialize_that_fails_is_an_error_with_its_reason() {
    let fails = || with!(|_s| Err(S::Error::custom("the sensor is off")));
    assert_eq!(result(fails()).unwrap_err(), "the sensor is off");
    assert_eq!(result(vec![Some(fails())]).unwrap_err(), "the sensor is off");
    assert_eq!(result(BTreeMap::from([(1, fails())])).unwrap_err(), "the sensor is off");
}

#[test]
fn a_map_with_a_key_or_value_missing_is_an_error() {
    let key_only = with!(|s| {
        let mut map = s.serialize_map(None)?;
        map.serialize_key(&1)?;
        map.end()
    });
    let two_keys = with!(|s| {
        let mut map = s.serialize_map(None)?;
        map.serialize_key(&1)?;
        map.serialize_key(&2)?;
        map.end()
    });
    let value_only = with!(|s| {
        let mut map = s.serialize_map(None)?;
        map.serialize_value(&1)?;
        map.end()
    });
    assert!(result(key_only).unwrap_err().contains("without its value"));
    assert!(result(two_keys).unwrap_err().contains("after a key"));
    assert!(result(value_only).unwrap_err().contains("without its key"));
}

#[derive(Serialize)]
struct Config {
    table: InputFile,
    folder: Option<InputDir>,
}

#[test]
fn an_input_file_inside_counts_by_its_content() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    let config = || Config { table: InputFile::from(path.clone()), folder: None };
    std::fs::write(&path, "1").unwrap();
    let before = digest(config());
    std::fs::write(&path, "2").unwrap();
    assert_ne!(digest(config()), before);
    std::fs::write(&path, "1").unwrap();
    assert_eq!(digest(config()), before);
    std::fs::remove_file(&path).unwrap();
    assert!(result(config()).unwrap_err().starts_with("cannot read input file `"));
}

#[test]
fn an_input_folder_inside_counts_by_its_content() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("table.csv"), "1").unwrap();
    let config = || Config {
        table: InputFile::from(dir.path().join("table.csv")),
        folder: Some(InputDir::from(dir.path())),
    };
    let before = digest(config());
    std::fs::write(dir.path().join("other.csv"), "2").unwrap();
    assert_ne!(digest(config()), before);
}

#[test]
fn where_a_newtype_ends_counts() {
    #[derive(Serialize)]
    struct N<T>(T);
    #[derive(Serialize)]
    struct Unit;
    assert_ne!(digest((N(1), 2)), digest(N((1, 2))));
    assert_ne!(digest(N(N(1))), digest(N(1)));
    assert_ne!(digest((Unit, Unit)), digest((Unit,)));
}

#[test]
fn what_may_change_before_the_run_is_refused() {
    use std::cell::{Cell, RefCell};
    use std::sync::atomic::AtomicU8;
    use std::sync::{Arc, Mutex, RwLock};

    fn refused<T: Serialize>(value: T) {
        let mut hasher = ContentHasher::new(Strategy::Auto);
        serde_hash(&value, &mut hasher);
        let error = hasher.finish().unwrap_err().to_string();
        assert!(error.contains("may change between the hash and the run"), "{error}");
    }
    refused(Mutex::new(1_u8));
    refused(RwLock::new(1_u8));
    refused(Cell::new(1_u8));
    refused(RefCell::new(1_u8));
    refused(AtomicU8::new(1));
    refused(vec![Some(Mutex::new(1_u8))]);
    let shared = Arc::new("shared".to_owned());
    let mut hasher = ContentHasher::new(Strategy::Auto);
    serde_hash(&*shared, &mut hasher);
    assert!(hasher.finish().is_ok());
}
