//! Writes the first corpus of each target: a story of each kind that it knows.

use std::fs;
use std::path::Path;

use daglite::store::CacheStore;
use daglite::{FileStore, FileStoreLayout, Registry};
use daglite_fuzz::folder::{contents, new_folder};
use daglite_fuzz::index::{open, put_known};
use daglite_fuzz::known::{KNOWN, header_of};
use daglite_fuzz::now;
use rusqlite::Connection;

/// Writes the seeds of a target.
fn write(target: &str, seeds: impl IntoIterator<Item = Vec<u8>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("it can be made");
    for (at, seed) in seeds.into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{at:02}")), seed).expect("it can be written");
    }
}

/// Bytes with their length before them.
fn some(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("seeds are short");
    [&length.to_le_bytes()[..], bytes].concat()
}

/// An edit that changes one bit.
fn flip(at: u16) -> Vec<u8> {
    [&[1, 0], &at.to_le_bytes()[..], &[3]].concat()
}

fn main() {
    let root = new_folder("seeds");
    let store = FileStore::builder(root.join("files")).layout(FileStoreLayout::Files).open();
    put_known(&store.expect("it can be used"));
    let entries = contents(&root.join("files/v1/entries"));
    let key = KNOWN[1].0.to_string();
    let (_, entry) =
        entries.iter().find(|(path, _)| path.ends_with(&key[2..])).expect("it was put");
    let header = header_of(entry);

    write(
        "entry_file",
        [
            [&[1 << 2], &entry[..]].concat(),
            [&[1 << 2 | 1], &flip(20)[..]].concat(),
            [&[5 << 2 | 1], &flip(9_000)[..]].concat(),
            [&[1 << 2 | 2], header].concat(),
            [&[1 << 2 | 3, 5], &some(&KNOWN[1].1.bytes)[..], &flip(3)].concat(),
            [&[1 << 2 | 3, 254], &some(b"")[..]].concat(),
        ],
    );
    let columns = |kind: u8| [kind, 0, 0];
    write(
        "index_row",
        [
            [&[1 << 3], &columns(0)[..], entry].concat(),
            [&[1 << 3 | 1], &columns(0)[..], &flip(60)].concat(),
            [&[4 << 3 | 1], &columns(1)[..]].concat(),
            [&[4 << 3 | 1], &columns(2)[..]].concat(),
            [&[1 << 3 | 2], &columns(0)[..], &[5], &some(&KNOWN[1].1.bytes), header].concat(),
            [&[5 << 3 | 3], &columns(1)[..], &[254], &some(b""), &flip(1)].concat(),
            [&[6 << 3 | 3, 1, 2, 3, 4, 5, 6, 7, 8], &[0, 254, 200, 1][..], &[9], &some(b"")]
                .concat(),
            [&[1 << 3 | 5, 254, 1, 253, 200, 253][..], &flip(1)].concat(),
        ],
    );
    let store = open(&root.join("small")).open().expect("it can be used");
    for (key, artifact) in &KNOWN[..2] {
        now(store.put(key, artifact)).expect("it can be written");
    }
    drop(store);
    let small = root.join("small/v1/index.sqlite");
    let connection = Connection::open(&small).expect("it was made");
    // Small pages make a small file.
    connection
        .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM;")
        .expect("nobody else uses it");
    drop(connection);
    let mut small = fs::read(small).expect("it was made");
    // The two bytes that say that there is a log.
    small[18..20].copy_from_slice(&[2, 2]);
    let pages: Vec<Vec<u8>> = [100, 4_110, 8_200, 16_500, 24_600, 28_700, 33_000, 40_000]
        .iter()
        .map(|at| [&[1], &flip(*at)[..]].concat())
        .collect();
    write(
        "index_file",
        [
            [&[0], &small[..]].concat(),
            vec![0],
            vec![1],
            vec![2],
            [&[2], &flip(20_000)[..]].concat(),
            [&[3], &some(&flip(70))[..], &flip(28)].concat(),
            [&[3], &some(&[])[..], &[2, 0, 0, 0x10]].concat(),
        ]
        .into_iter()
        .chain(pages),
    );
    let touch = [&[1], &KNOWN[1].0.as_bytes()[..8], &[3, 2]].concat();
    let extremes = [254; 12];
    let mut touches = Vec::new();
    for policy in 0..4 {
        touches.push(vec![policy]);
        touches.push([&[policy | 2 << 3, 0], &some(&touch)[..], &[1], &some(&flip(2))].concat());
        touches.push([&[policy | 4, 0xff, 7], &extremes[..]].concat());
        touches.push([&[policy | 4, 0x07, 0], &[5, 100, 200][..]].concat());
    }
    write("touches", touches);
    write(
        "journal",
        [
            [&[0], &some(b"\xf8\n\xf9\n\xfa\n\xfb\n")[..], b"\xf8\n\xfc\n"].concat(),
            [&[0], &some(b"\xfd\n\xfe\n../../canary.bin\n")[..], b"\xfd\xf8\n"].concat(),
            [&[1], &some(b"")[..], b"\xf9\r\n\xfa"].concat(),
            [&[2], &some(b"\xff\n")[..]].concat(),
            [&[3], &some(b"\xf8")[..], b"\xf8"].concat(),
        ],
    );
    let store = open(&root.join("packed")).compression(3).open().expect("it can be used");
    put_known(&store);
    let (_, packed) = contents(&root.join("packed/v1/objects")).pop().expect("it was put");
    write(
        "packed_object",
        [[&[0], &packed[..]].concat(), vec![1], [&[1], &flip(5)[..]].concat(), vec![0]],
    );
    let layout = br#"{"layout":1,"name":"group/model","version":"20000101T120000.000000Z","created":946728000000,"time":"","task":null,"fingerprint":null,"key":null,"arguments":[],"format":"json","extension":"json","type_name":"","shape":"0000000000000000000000000000000000000000000000000000000000000000","size":11,"digest":"0000000000000000000000000000000000000000000000000000000000000000","source_digest":null,"git_commit":null,"git_dirty":null,"host":"","daglite_version":"","took":{"secs":1,"nanos":2},"made_from":[],"user":{}}"#;
    write(
        "checkpoint_meta",
        [
            [&[0], &some(b"other")[..], &layout[..]].concat(),
            [&[1], &some(b"a/b c")[..]].concat(),
            [&[1], &some(b"Group/model")[..], &flip(40)].concat(),
            [&[3], &some(b"..")[..], &flip(150)].concat(),
            [&[7], &some(b"99991231T235959.999999Z")[..], &flip(31)].concat(),
            [&[5], &some(b"20000101T120000.000001Z")[..]].concat(),
        ],
    );
    let registry = Registry::new();
    let numbers = registry.serialize(&vec![0.5_f64, -0.0], None).expect("it has a format");
    let words = vec![vec!["a".to_owned(), "ß".to_owned()], vec![]];
    let text = registry.serialize(&words, Some("json")).expect("it has a format");
    let bytes = registry.serialize(&words, Some("postcard")).expect("it has a format");
    let story = |of: u8, format: u8, bytes: &[u8]| [&[of * 3 + format], bytes].concat();
    let json = br#"{"flag":true,"letter":"x","small":[1,-1,2,-2],"wide":[1,2,3,4],"real":[0.5,1e300],"text":"t","maybe":null,"kind":{"Named":{"left":1.0,"right":["Unit",{"One":1},{"Two":["a",2]}]}},"names":{"n":[1,2]},"set":[[1,"a"]],"array":[1,2,3],"unit":null,"took":{"secs":1,"nanos":1},"result":{"Ok":1}}"#;
    write(
        "value_decode",
        [
            story(3, 2, &numbers),
            story(4, 2, &numbers),
            story(5, 2, &numbers[..3]),
            story(7, 1, &text),
            story(7, 0, &bytes),
            story(2, 0, &[1, 2, 2, 0, 3, 1, 4, 0]),
            story(2, 1, br#"{"name":1,"below":[{"name":2,"below":[]}]}"#),
            story(0, 1, json),
            story(0, 0, &[0; 60]),
            story(1, 0, &[3, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 5]),
            story(6, 0, &[1, 1, b'k', 0, 0, 0, 0, 1, 1, b'v']),
            story(8, 0, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
            story(9, 0, &[1, 2, 1, b'a']),
            story(10, 1, br#"{"a":[1,-2.5e3,null,"\ud83d\ude00"]}"#),
            story(11, 0, &[1, 2, 0, 1]),
            story(4, 0, &[3, 1, 2, 3]),
        ],
    );
}
