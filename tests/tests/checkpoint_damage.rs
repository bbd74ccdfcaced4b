//! A damaged version is an error that helps, never a wrong value; a save that cannot be done is an error with the path.
#![expect(clippy::disallowed_methods, reason = "what others do to a folder needs no door")]

mod checkpoint_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use checkpoint_support::{
    EVENING, bytes, files, fresh, meta, now, save_at, try_save_at, version_folder,
};
use daglite::checkpoint::{CheckpointStore, Version};
use daglite::{Checkpoint, ErrorKind, FileCheckpoints};

/// Three versions of `model`, and the folder of the last.
fn three() -> (tempfile::TempDir, FileCheckpoints, PathBuf) {
    let (folder, store) = fresh();
    for i in 0..3_u8 {
        save_at(&store, "model", &[i; 20], EVENING + u64::from(i));
    }
    let last = version_folder(folder.path(), "model", "20261122T193015.125000Z");
    (folder, store, last)
}

/// What a load of the latest version says is wrong, which names what can be loaded.
fn damage(store: &FileCheckpoints) -> String {
    let error = bytes(store, "model", "latest").unwrap_err().to_string();
    let (start, rest) = error.split_once(" is damaged: ").expect("it says that it is damaged");
    assert!(
        start.starts_with("version 20261122T193015.125000Z of checkpoint `model` in `"),
        "{error}"
    );
    let advice = "; load one of those before it: 20261122T193015.124000Z, 20261122T193015.123000Z";
    rest.strip_suffix(advice).expect("it names the versions before it").to_owned()
}

#[test]
fn a_damaged_value_is_an_error_that_names_the_versions_before() {
    let (_folder, store, last) = three();
    let value = last.join("value.txt");
    fs::write(&value, [9; 20]).unwrap();
    assert_eq!(damage(&store), "its value does not match its digest");
    fs::write(&value, [2; 12]).unwrap();
    assert_eq!(damage(&store), "its value has 12 of 20 bytes");
    fs::write(&value, []).unwrap();
    assert_eq!(damage(&store), "its value has 0 of 20 bytes");
    fs::remove_file(&value).unwrap();
    assert_eq!(damage(&store), "its value is missing");
    fs::create_dir(&value).unwrap();
    assert!(damage(&store).starts_with("its value "));
    assert!(last.exists(), "a damaged version is left for its owner");
    assert_eq!(bytes(&store, "model", "20261122T193015.124000Z").unwrap(), Some(vec![1; 20]));
}

#[test]
fn every_flipped_byte_of_the_value_is_noticed() {
    let (_folder, store, last) = three();
    for position in 0..20 {
        let mut value = [2; 20];
        value[position] ^= 1;
        fs::write(last.join("value.txt"), value).unwrap();
        damage(&store);
    }
}

#[test]
fn a_flipped_byte_of_a_large_value_is_noticed_though_the_value_is_made_of_it_before() {
    let (folder, store) = fresh();
    let numbers: Vec<u64> = (0..800_000).collect();
    let saved = store.save("model", &numbers).unwrap();
    let value = version_folder(folder.path(), "model", saved.version()).join("value.bin");
    let sound = fs::read(&value).unwrap();
    for position in [0, (256 << 10) - 1, 256 << 10, (4 << 20) + 1, sound.len() - 1] {
        let mut flipped = sound.clone();
        flipped[position] ^= 1;
        fs::write(&value, flipped).unwrap();
        let error = store.load::<Vec<u64>>("model", "latest").unwrap_err().to_string();
        assert!(error.contains("is damaged: its value does not match its digest"), "{error}");
        assert!(!store.verify("model").unwrap().is_sound());
    }
    fs::write(&value, &sound[..5 << 20]).unwrap();
    let error = store.load::<Vec<u64>>("model", "latest").unwrap_err().to_string();
    assert!(error.contains("its value has 5242880 of 6400000 bytes"), "{error}");
    fs::write(&value, sound).unwrap();
    assert!(store.load::<Vec<u64>>("model", "latest").unwrap() == numbers);
}

#[test]
fn every_flipped_byte_of_the_metadata_is_noticed_or_harmless() {
    let (_folder, store, last) = three();
    let path = last.join("meta.json");
    let sound = fs::read(&path).unwrap();
    let expected = store.meta("model", "latest").unwrap();
    let mut harmless = 0;
    for position in 0..sound.len() {
        for mask in [0x01, 0x04, 0x20, 0x80] {
            let mut text = sound.clone();
            text[position] ^= mask;
            fs::write(&path, &text).unwrap();
            if let Ok(found) = store.meta("model", "latest") {
                assert_eq!(found, expected, "byte {position} ^ {mask}");
                harmless += 1;
            }
        }
    }
    // What is left is inside the checksum's own name, or the white space beside it.
    assert!(harmless < 100, "{harmless} edits went unnoticed");
}

#[test]
fn metadata_cut_to_any_length_is_noticed() {
    let (_folder, store, last) = three();
    let path = last.join("meta.json");
    let sound = fs::read(&path).unwrap();
    let expected = store.meta("model", "latest").unwrap();
    for length in 0..sound.len() {
        fs::write(&path, &sound[..length]).unwrap();
        if let Ok(found) = store.meta("model", "latest") {
            // Only the line break at the end.
            assert_eq!((found, length), (expected.clone(), sound.len() - 1));
        }
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(damage(&store), "its meta.json is missing");
}

#[test]
fn an_edit_by_hand_is_noticed_and_can_be_meant() {
    let (_folder, store, last) = three();
    let path = last.join("meta.json");
    let sound = fs::read_to_string(&path).unwrap();
    let edited = sound.replace(r#""host": ""#, r#""host": "edited "#);
    assert_ne!(edited, sound);
    fs::write(&path, &edited).unwrap();
    let why = damage(&store);
    let advice =
        "undo the edit, or remove the line `checksum` and the comma before it if it is meant";
    let edited_or_damaged =
        "its meta.json does not match its checksum, so it was edited or damaged";
    assert_eq!(why, format!("{edited_or_damaged}: {advice}"));
    let (start, _) = edited.rsplit_once(",\n  \"checksum\"").unwrap();
    fs::write(&path, format!("{start}\n}}\n")).unwrap();
    assert!(store.meta("model", "latest").unwrap().host.starts_with("edited "));
    assert_eq!(bytes(&store, "model", "latest").unwrap(), Some(vec![2; 20]));
}

#[test]
fn the_metadata_of_another_version_is_damage() {
    let (folder, store, last) = three();
    let first = version_folder(folder.path(), "model", "20261122T193015.123000Z");
    fs::copy(first.join("meta.json"), last.join("meta.json")).unwrap();
    fs::copy(first.join("value.txt"), last.join("value.txt")).unwrap();
    assert_eq!(
        damage(&store),
        "its meta.json is that of version 20261122T193015.123000Z of `model`"
    );
}

#[test]
fn metadata_of_a_newer_daglite_is_told_apart_from_damage() {
    let (_folder, store, last) = three();
    let path = last.join("meta.json");
    let sound = fs::read_to_string(&path).unwrap();
    let unread = |store: &FileCheckpoints| bytes(store, "model", "latest").unwrap_err().to_string();
    fs::write(&path, r#"{"layout": 2, "daglite_version": "9.9.9", "everything": "else"}"#).unwrap();
    let error = unread(&store);
    let why = format!(
        " cannot be read: its meta.json has layout 2, of a newer daglite (9.9.9): this one ({}) reads layout 1; load one of",
        env!("CARGO_PKG_VERSION")
    );
    assert!(error.contains(&why) && !error.contains("damaged"), "{error}");

    // The same layout, sealed, with a kind of argument that there is not yet.
    let (said, _) = sound.rsplit_once(",\n  \"checksum\"").unwrap();
    let newer = said.replace(
        "\"arguments\": []",
        "\"arguments\": [{\"name\": \"n\", \"digest\": \"DIGEST\", \"kind\": \"new\"}]",
    );
    let newer = newer.replace("DIGEST", &"0".repeat(64));
    assert_ne!(newer, said);
    let ours = env!("CARGO_PKG_VERSION");
    let of_another_build = format!(
        " another build of daglite {ours} that writes what this one ({ours}) cannot read: "
    );
    let of_9_9_9 = format!(" a daglite (9.9.9) that writes what this one ({ours}) cannot read: ");
    for (writer, who) in [(ours, &of_another_build), ("9.9.9", &of_9_9_9)] {
        let version = |version| format!("\"daglite_version\": \"{version}\"");
        let newer = newer.replace(&version(ours), &version(writer));
        assert!(newer.contains(&version(writer)));
        let checksum = daglite::Digest::of_bytes(newer.as_bytes());
        fs::write(&path, format!("{newer},\n  \"checksum\": \"{checksum}\"\n}}\n")).unwrap();
        let error = unread(&store);
        let why = format!("its meta.json is sound, and was written by{who}");
        assert!(error.contains(&why), "{error}");
        assert!(error.contains("`new`") && !error.contains("damaged"), "{error}");
    }
    // With no seal it may as well have been edited.
    fs::write(&path, format!("{newer}\n}}\n")).unwrap();
    assert!(damage(&store).starts_with("its meta.json cannot be read: "));
}

#[test]
fn the_only_version_damaged_has_other_advice() {
    let (folder, store) = fresh();
    let version = save_at(&store, "model", b"one", EVENING);
    fs::write(version_folder(folder.path(), "model", &version).join("value.txt"), b"0ne").unwrap();
    let error = store.load::<u8>("model", "latest").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Checkpoint);
    assert!(
        error
            .to_string()
            .ends_with("there is no sound one before it: delete it, and compute it again"),
        "{error}"
    );
}

#[test]
fn metadata_that_is_empty_or_no_json_is_told_apart() {
    let (_folder, store, last) = three();
    let path = last.join("meta.json");
    for (text, why) in [
        ("", "its meta.json is empty"),
        (" \n", "its meta.json is empty"),
        ("model", "its meta.json cannot be read: it is no JSON: expected value at line 1 column 1"),
        ("{}", "its meta.json cannot be read: missing field `layout` at line 1 column 2"),
    ] {
        fs::write(&path, text).unwrap();
        assert_eq!(damage(&store), why);
    }
}

#[test]
fn advice_names_no_version_that_is_damaged_too() {
    let (folder, store, last) = three();
    fs::write(last.join("value.txt"), [9; 20]).unwrap();
    let second = version_folder(folder.path(), "model", "20261122T193015.124000Z");
    fs::write(second.join("value.txt"), b"short").unwrap();
    let error = bytes(&store, "model", "latest").unwrap_err().to_string();
    assert!(error.ends_with("; load one of those before it: 20261122T193015.123000Z"), "{error}");
}

#[test]
fn metadata_of_any_size_is_not_read_into_memory() {
    let (_folder, store, last) = three();
    // A file of a terabyte that takes no room.
    let file = fs::File::create(last.join("meta.json")).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(
        damage(&store),
        "its meta.json has 1099511627776 bytes, and none has more than 16777216"
    );
}

#[test]
fn metadata_that_nobody_could_read_again_is_not_saved() {
    let (folder, store) = fresh();
    let deep = (0..200).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    let big = "x".repeat(17 << 20);
    for (noted, why) in [(deep, "note something less deep"), (big.into(), "note less")] {
        let error = store.save(Checkpoint::named("model").meta("note", noted), &1_u8).unwrap_err();
        assert!(error.to_string().ends_with(why), "{error:.200}");
    }
    assert!(store.names().unwrap().is_empty());
    assert!(files(folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_anything_is_refused() {
    use std::os::unix::fs::symlink;
    let (folder, store, last) = three();
    let root = folder.path();
    let elsewhere = tempfile::tempdir().unwrap();
    for file in ["value.txt", "meta.json"] {
        let (inside, outside) = (last.join(file), elsewhere.path().join(file));
        fs::rename(&inside, &outside).unwrap();
        symlink(&outside, &inside).unwrap();
        assert!(damage(&store).contains("is a link, which may lead anywhere"), "{file}");
        fs::remove_file(&inside).unwrap();
        fs::rename(&outside, &inside).unwrap();
    }
    // A whole version, a whole name, and a group.
    let version = "20261122T193015.999000Z";
    symlink(&last, root.join("model").join(version)).unwrap();
    symlink(root.join("model"), root.join("twin")).unwrap();
    let error = bytes(&store, "model", version).unwrap_err().to_string();
    assert!(error.contains("is a link"), "{error}");
    assert_eq!(store.versions("model").unwrap().len(), 3);
    for name in ["twin", "twin/deep"] {
        let refused = [
            bytes(&store, name, "latest").map(drop),
            try_save_at(&store, name, b"one", EVENING).map(drop),
            now(CheckpointStore::versions(&store, name)).map(drop),
            now(CheckpointStore::delete(&store, name, version)).map(drop),
            now(CheckpointStore::tag(&store, name, version, "prod")).map(drop),
        ];
        for refused in refused {
            assert!(refused.unwrap_err().to_string().contains("is a link"));
        }
    }
    assert_eq!(store.names().unwrap(), ["model"]);
    assert!(!root.join("model/deep").exists());
}

#[cfg(unix)]
#[test]
fn a_new_folder_is_private_to_its_user() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("deep/checkpoints");
    let store = FileCheckpoints::open(&root).unwrap();
    save_at(&store, "model", b"one", EVENING);
    assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
    // A folder that was there is its owner's affair.
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o755)).unwrap();
    save_at(&FileCheckpoints::open(&shared).unwrap(), "model", b"one", EVENING);
    assert_eq!(fs::metadata(&shared).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn a_save_killed_in_the_middle_is_not_visible_and_is_swept() {
    let (folder, store) = fresh();
    save_at(&store, "model", b"one", EVENING);
    let tmp = folder.path().join(".tmp");
    let [old, young] = ["1-old", "2-young"].map(|name| tmp.join(name));
    for half in [&old, &young] {
        fs::create_dir(half).unwrap();
        fs::write(half.join("value.txt"), b"half a val").unwrap();
    }
    age(&old, Duration::from_secs(3 * 24 * 60 * 60));
    assert_eq!(store.names().unwrap(), ["model"]);
    assert_eq!(bytes(&store, "model", "latest").unwrap().unwrap(), b"one");
    save_at(&store, "model", b"two", EVENING);
    // The young one may be of a process that is still writing.
    assert!(!old.exists() && young.exists());
    assert_eq!(fs::read_dir(&tmp).unwrap().count(), 1);
}

/// Makes a folder look as if it had been changed that long ago.
fn age(path: &Path, age: Duration) {
    let folder = fs::File::open(path).unwrap();
    let modified = folder.metadata().unwrap().modified().unwrap();
    folder.set_modified(modified - age).unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"precious").unwrap();
    let root = file.join("checkpoints");
    let store = FileCheckpoints::open(&root).unwrap();
    let error = store.save("model", &1_u8).unwrap_err();
    let expected = format!(
        "cannot write checkpoints in `{}`: a file is in the way where a folder belongs: remove it, or choose another folder",
        root.display()
    );
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Checkpoint, expected));
    assert!(error.downcast_ref::<std::io::Error>().is_some());
    assert!(store.names().unwrap().is_empty());
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

#[test]
fn a_file_in_the_place_of_a_name_is_an_error_and_leaves_nothing() {
    let (folder, store) = fresh();
    let file = folder.path().join("model");
    fs::write(&file, b"precious").unwrap();
    let error = try_save_at(&store, "model", b"one", EVENING).unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert_eq!(files(folder.path()), ["model"]);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
}

#[test]
fn a_path_that_is_empty_or_a_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = FileCheckpoints::open("").unwrap_err();
    let expected = "the path of the checkpoint store is empty: name a folder".to_owned();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Checkpoint, expected));
    let error = FileCheckpoints::open(&file).unwrap_err();
    assert!(error.to_string().ends_with("is a file: name another path"), "{error}");
}

#[test]
fn a_value_that_does_not_match_its_metadata_is_refused() {
    let (folder, store) = fresh();
    let meta = meta("model", b"one", EVENING);
    let error = now(CheckpointStore::save(&store, meta, b"0ne".to_vec())).unwrap_err();
    assert!(error.to_string().contains("does not match its metadata"), "{error}");
    assert!(files(folder.path()).is_empty());
    // One so big that it is hashed while it is written; and one that claims to be what is there.
    let big = vec![7; 3 << 20];
    let mut other = big.clone();
    other[2 << 20] = 8;
    for _ in 0..2 {
        let meta = checkpoint_support::meta("model", &big, EVENING);
        let error = now(CheckpointStore::save(&store, meta, other.clone())).unwrap_err();
        assert!(error.to_string().contains("does not match its metadata"), "{error}");
        save_at(&store, "model", &big, EVENING);
        store.delete("model", "20261122T193015.123000Z").unwrap();
    }
    save_at(&store, "model", &big, EVENING);
    let meta = checkpoint_support::meta("model", &big, EVENING);
    assert!(now(CheckpointStore::save(&store, meta, other)).is_err());
    assert_eq!(bytes(&store, "model", "latest").unwrap(), Some(big));
}

#[test]
fn what_vanishes_while_it_is_looked_for_is_missing_and_not_damaged() {
    let (folder, store) = fresh();
    let version = save_at(&store, "model", b"one", EVENING);
    fs::remove_dir_all(folder.path()).unwrap();
    assert_eq!(bytes(&store, "model", &version).unwrap(), None);
    assert_eq!(now(CheckpointStore::head(&store, "model", &Version::Latest)).unwrap(), None);
    save_at(&store, "model", b"one", EVENING);
}
