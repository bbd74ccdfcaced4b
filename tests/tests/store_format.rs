//! The bytes of an entry and the names around it outlive the program: they do not change unnoticed.

mod store_support;

use std::fs;

use daglite::store::{Artifact, KeyPart, Lookup, PartKind, TaskRecord};
use store_support::{artifact, entry_path, get, key, open, put, tree};

/// An entry as version 1 of the layout writes it: `artifact(b"the value of the golden entry")` under `key("golden")`.
const GOLDEN: &[u8] = include_bytes!("golden/store_entry_v1.bin");
/// An entry as version 2 writes it: `golden()` under `key("golden")`.
const GOLDEN_2: &[u8] = include_bytes!("golden/store_entry_v2.bin");
/// The same as version 3 writes it.
const GOLDEN_3: &[u8] = include_bytes!("golden/store_entry_v3.bin");

#[test]
fn an_entry_of_version_1_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let key = key("golden");
    let path = entry_path(folder.path(), &key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, GOLDEN).unwrap();
    let expected = artifact(b"the value of the golden entry");
    assert_eq!(get(&open(folder.path()), &key), Lookup::Found(expected));
}

/// What versions 2 and 3 of the layout write more of it than version 1.
fn golden() -> Artifact {
    let mut golden = artifact(b"the value of the golden entry");
    golden.meta.record = Some(key("a record"));
    let kinds = [
        PartKind::Content,
        PartKind::Artifact,
        PartKind::Custom,
        PartKind::Variable,
        PartKind::Excluded,
        PartKind::ExcludedArtifact,
    ];
    golden.meta.parts = kinds
        .into_iter()
        .enumerate()
        .map(|(at, kind)| KeyPart {
            kind,
            shown: "größe".repeat(at),
            ..KeyPart::new(format!("part {at}"), key("the part"))
        })
        .collect();
    golden
}

#[test]
fn an_entry_of_version_2_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let key = key("golden");
    let path = entry_path(folder.path(), &key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, GOLDEN_2).unwrap();
    assert_eq!(get(&open(folder.path()), &key), Lookup::Found(golden()));
}

#[test]
fn an_entry_is_written_as_version_3_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let key = key("golden");
    put(&open(folder.path()), &key, &golden());
    let written = fs::read(entry_path(folder.path(), &key)).unwrap();
    assert!(
        written == GOLDEN_3,
        "the bytes of an entry have changed: raise the version of the layout and keep reading this one"
    );
    assert_eq!(get(&open(folder.path()), &key), Lookup::Found(golden()));
}

#[test]
fn the_record_of_a_task_is_written_as_ever() {
    let record = TaskRecord {
        task: "pipeline::features".to_owned(),
        package: "pipeline".to_owned(),
        scheme: "daglite key v1".to_owned(),
        code: vec![("helpers::scale".to_owned(), u64::MAX), ("größe".to_owned(), 0)],
        types: vec!["u8".to_owned()],
        version: "2".to_owned(),
        result: "f64".to_owned(),
    };
    let golden = b"\x12pipeline::features\x08pipeline\x0edaglite key v1\x02\x0ehelpers::scale\
                   \xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x07gr\xc3\xb6\xc3\x9fe\x00\x01\x02u8\x012\x03f64";
    assert_eq!(record.to_bytes(), golden);
    let whole = [b"daglite task record v1".as_slice(), golden].concat();
    assert_eq!(record.id(), daglite::Digest::of_bytes(&whole));
}

#[test]
fn the_fixed_fields_are_where_the_documentation_says() {
    assert_eq!(&GOLDEN[..8], b"\x89daglite");
    assert_eq!(GOLDEN[8..12], 1_u32.to_le_bytes());
    let header = u32::from_le_bytes(GOLDEN[12..16].try_into().unwrap());
    assert_eq!(GOLDEN[16..24], 29_u64.to_le_bytes());
    assert_eq!(&GOLDEN[24..56], key("golden").as_bytes());
    let (above, below) = GOLDEN.split_at(56 + header as usize);
    let (checksum, value) = below.split_at(32);
    assert_eq!(checksum, daglite::Digest::of_bytes(above).as_bytes());
    assert_eq!(value, b"the value of the golden entry");
    // Version 3 differs in its number and its checksum alone.
    let header = u32::from_le_bytes(GOLDEN_3[12..16].try_into().unwrap());
    let checksum = 56 + header as usize..88 + header as usize;
    let parts = |golden: &'static [u8]| (&golden[12..checksum.start], &golden[checksum.end..]);
    assert_eq!(parts(GOLDEN_3), parts(GOLDEN_2));
    assert_eq!(GOLDEN_3[..12], *b"\x89daglite\x03\0\0\0");
    assert_eq!(GOLDEN_3[checksum][16..], [0; 16]);
}

#[test]
fn a_store_has_this_layout() {
    let folder = tempfile::tempdir().unwrap();
    put(&open(folder.path()), &key("golden"), &artifact(b"value"));
    let name = key("golden").to_string();
    let (shard, rest) = (&name[..2], &name[2..]);
    let expected = [
        "CACHEDIR.TAG".to_owned(),
        "v1/".to_owned(),
        "v1/entries/".to_owned(),
        format!("v1/entries/{shard}/"),
        format!("v1/entries/{shard}/{rest}"),
        "v1/tmp/".to_owned(),
    ];
    assert_eq!(tree(folder.path()), expected);
    let tag = fs::read_to_string(folder.path().join("CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
}
