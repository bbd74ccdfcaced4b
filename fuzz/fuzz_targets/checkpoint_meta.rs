//! The metadata of checkpoints, and the names of folders: what is loaded is what was saved, or says what is wrong.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use daglite::checkpoint::{CheckpointMeta, CheckpointStore, Version, check_name};
use daglite::clock::Timestamp;
use daglite::{Digest, FileCheckpoints};
use daglite_fuzz::bytes::Bytes;
use daglite_fuzz::folder::{new_folder, renew};
use daglite_fuzz::now;
use libfuzzer_sys::fuzz_target;

/// The store, and what is in the two files of a version when it is sound.
struct World {
    root: PathBuf,
    store: FileCheckpoints,
    version: String,
    meta: CheckpointMeta,
    text: Vec<u8>,
}

/// The checkpoint's name.
const NAME: &str = "group/model";
/// Its value.
const VALUE: &[u8] = b"[0.25,0.75]";

/// What is asked to be saved.
fn meta(value: &[u8]) -> CheckpointMeta {
    let created = Timestamp::from_millis(946_728_000_000);
    let mut meta = CheckpointMeta::new(NAME, value, created);
    meta.format = "json".to_owned();
    meta.extension = "json".to_owned();
    meta.user.insert("alpha".to_owned(), serde_json::json!({"a": [1, 2.5, null]}));
    meta
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let above = new_folder("checkpoint_meta");
    fs::write(above.join("canary"), "a canary").expect("it can be written");
    let root = above.join("checkpoints");
    let store = FileCheckpoints::open(&root).expect("it can be used");
    let dynamic: &dyn CheckpointStore = &store;
    let saved = now(dynamic.save(meta(VALUE), VALUE.to_vec())).expect("it can be saved");
    let version = saved.version().to_owned();
    let loaded = now(dynamic.load(NAME, &Version::Latest)).expect("it was saved");
    let (meta, _) = loaded.expect("it was saved");
    let text = fs::read(root.join(NAME).join(&version).join("meta.json")).expect("it was saved");
    World { root, store, version, meta, text }
});

/// The text with a checksum that is right, if it has one.
fn sealed(text: &[u8]) -> Vec<u8> {
    let seal = b",\n  \"checksum\": \"";
    let Some(at) = text.windows(seal.len()).rposition(|part| part == seal) else {
        return text.to_vec();
    };
    let said = &text[..at];
    let checksum = Digest::of_bytes(said).to_string();
    [said, seal, checksum.as_bytes(), b"\"\n}\n"].concat()
}

/// Makes a version with this text.
fn write(folder: &Path, text: &[u8]) {
    fs::create_dir_all(folder).expect("it can be made");
    fs::write(folder.join("meta.json"), text).expect("it can be written");
    fs::write(folder.join("value.json"), VALUE).expect("it can be written");
}

fuzz_target!(|data: &[u8]| {
    let World { root, store: files, version, meta: known, text } = &*WORLD;
    let store: &dyn CheckpointStore = files;
    let mut story = Bytes::new(data);
    let choice = story.byte();
    renew(root);
    let odd = String::from_utf8_lossy(story.some()).into_owned();
    let fits = |part: &str| !part.is_empty() && part != "." && part != ".." && part.len() < 255;
    if choice & 4 != 0 {
        // A folder of any name among the versions.
        if fits(&odd) && !odd.contains(['/', '\0']) {
            write(&root.join(NAME).join(&odd), text);
        }
    } else if odd.split('/').all(fits) && !odd.contains('\0') {
        // A version under any name.
        write(&root.join(&odd).join(version), text);
    }
    let is_sealed = choice & 3 >= 2;
    let edited = match choice & 3 {
        0 => story.rest().to_vec(),
        1 => story.edited(text),
        2 => sealed(story.rest()),
        _ => sealed(&story.edited(text)),
    };
    // A person may take the checksum out of an edited text.
    let is_meant = is_sealed || !edited.windows(12).any(|part| part == b"\"checksum\": ");
    let folder = root.join(NAME).join(version);
    write(&folder, &edited);

    for name in files.names().expect("what is damaged is listed") {
        check_name(&name).expect("only names are listed");
        for version in files.versions(&name).expect("what is damaged is listed") {
            let _ = now(store.load(&name, &Version::Exact(version)));
        }
    }
    let exact = Version::Exact(version.clone());
    let head = now(store.head(NAME, &exact));
    let loaded = now(store.load(NAME, &exact));
    match loaded {
        Ok(Some((meta, bytes))) => {
            assert_eq!(head.expect("it is loaded"), Some(meta.clone()));
            assert_eq!((meta.size, meta.digest), (bytes.len() as u64, Digest::of_bytes(&bytes)));
            assert_eq!((meta.name.as_str(), &meta.version), (NAME, version));
            assert!(is_meant || (meta == *known && bytes == VALUE), "a version that nobody saved");
            let _ = files.load::<Vec<f64>>(NAME, exact);
        }
        Ok(None) => panic!("the version is there"),
        Err(error) => {
            // What is sealed, or says that it is of another layout, is somebody else's to read.
            let text = error.to_string();
            assert!(
                ["is damaged", "update daglite"].iter().any(|part| text.contains(part)),
                "{text}"
            );
        }
    }
    // People go on with it.
    let _ = files.diff(NAME, version.as_str(), "latest");
    let _ = files.prune(NAME, 1);
    let _ = files.load::<Vec<f64>>(&odd, "latest");
    let _ = files.delete(&odd, version);
    let _ = files.delete(NAME, &odd);
    // A folder at the end of time leaves no later version.
    if let Ok(saved) = now(store.save(meta(b"[1.0]"), b"[1.0]".to_vec())) {
        let loaded = now(store.load(NAME, &Version::Exact(saved.version().to_owned())));
        let (_, bytes) = loaded.expect("it was saved").expect("it was saved");
        assert_eq!(bytes, b"[1.0]");
    } else {
        assert!(odd.starts_with("9999"), "a save beside damage is possible");
    }
    let above = root.parent().expect("it lies in a folder");
    let canary = fs::read(above.join("canary")).ok();
    assert_eq!(canary.as_deref(), Some(&b"a canary"[..]), "the canary is touched");
    assert_eq!(fs::read_dir(above).expect("it is there").count(), 2, "something lies outside");
});
