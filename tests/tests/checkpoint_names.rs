//! Names that are safe as folders everywhere, and what the others are told.

mod checkpoint_support;

use std::fs;

use checkpoint_support::{EVENING, files, fresh, save_at, try_save_at};
use daglite::checkpoint::{Version, check_name, check_tag, split_reference};
use daglite::{Checkpoint, ErrorKind};
use proptest::prelude::*;

#[test]
fn ordinary_names_are_taken() {
    let longest = "n".repeat(200);
    for name in [
        "model",
        "churn/model",
        "a/b/c",
        "Zürich",
        "模型",
        "v1.2",
        "with space",
        "latest",
        "console",
        "com",
        "com10",
        "lpt",
        "nul-data",
        "a..b",
        "-",
        "_",
        "2026-11-22",
        "20261122",
        "model (1)",
        "~",
        // Joiners and selectors are part of how words are written.
        "می\u{200c}خواهم",
        "❤\u{fe0f}",
        &longest,
    ] {
        assert!(check_name(name).is_ok(), "`{name}` must be taken");
    }
    let (_folder, store) = fresh();
    for name in ["churn/model", "with space", "模型", &longest] {
        save_at(&store, name, b"one", EVENING);
        assert_eq!(store.versions(name).unwrap().len(), 1);
    }
}

#[test]
fn every_refusal_says_what_to_change() {
    let too_long = "n".repeat(201);
    for (name, why) in [
        ("", "it is empty: write at least one letter"),
        (too_long.as_str(), "it has 201 bytes: use 200 at most"),
        ("/etc/passwd", "it starts with `/`: name it relative to the store"),
        (
            "a//b",
            "a part between two `/` is empty: write one `/` between parts and none at the end",
        ),
        ("a/", "a part between two `/` is empty: write one `/` between parts and none at the end"),
        (".", "`.` means the folder itself: leave out the `.`"),
        ("..", "it would leave its folder: leave out the `..`"),
        ("a/../b", "it would leave its folder: leave out the `..`"),
        ("a/./b", "`.` means the folder itself: leave out the `.`"),
        (r"a\b", r"it has a `\`: write `/` to make groups"),
        (r"..\b", r"it has a `\`: write `/` to make groups"),
        ("C:", "it starts with a drive, `C:`: name it relative to the store"),
        (r"d:\models\churn", "it starts with a drive, `d:`: name it relative to the store"),
        ("a:b", "it starts with a drive, `a:`: name it relative to the store"),
        ("ab:c", "some systems have no files with `:` in their names: use `-` or `_`"),
        ("mo\u{200b}del", "nobody sees that it has a `\\u{200b}`: leave it out"),
        ("a/\u{202e}ledom", "nobody sees that it has a `\\u{202e}`: leave it out"),
        ("what?", "some systems have no files with `?` in their names: use `-` or `_`"),
        ("a*", "some systems have no files with `*` in their names: use `-` or `_`"),
        ("a<b", "some systems have no files with `<` in their names: use `-` or `_`"),
        ("a>b", "some systems have no files with `>` in their names: use `-` or `_`"),
        ("a|b", "some systems have no files with `|` in their names: use `-` or `_`"),
        ("a\"b", "some systems have no files with `\\\"` in their names: use `-` or `_`"),
        ("a\nb", "some systems have no files with `\\n` in their names: use `-` or `_`"),
        ("a\0b", "some systems have no files with `\\0` in their names: use `-` or `_`"),
        ("a\u{7f}b", "some systems have no files with `\\u{7f}` in their names: use `-` or `_`"),
        (".hidden", "`.hidden` starts with a dot, as hidden files do: start with a letter"),
        (".tmp", "`.tmp` starts with a dot, as hidden files do: start with a letter"),
        ("model@prod", "`@` stands between a name and its version: use `-` or `_`"),
        (
            "re\u{301}sume",
            "it is not in Unicode's composed form (NFC), so it would look like another name and be none: write `résume`",
        ),
        ("end.", "Windows drops the dot or space at the end of `end.`: leave it out"),
        ("end /b", "Windows drops the dot or space at the end of `end `: leave it out"),
        ("NUL", "Windows keeps `NUL` for a device: add a word, as in `NUL-data`"),
        ("a/con", "Windows keeps `con` for a device: add a word, as in `con-data`"),
        ("aux.txt", "Windows keeps `aux.txt` for a device: add a word, as in `aux-data.txt`"),
        ("Com1", "Windows keeps `Com1` for a device: add a word, as in `Com1-data`"),
        (
            "lpt9.tar.gz",
            "Windows keeps `lpt9.tar.gz` for a device: add a word, as in `lpt9-data.tar.gz`",
        ),
        ("com²", "Windows keeps `com²` for a device: add a word, as in `com²-data`"),
        ("prn .x", "Windows keeps `prn .x` for a device: add a word, as in `prn-data.x`"),
        ("conin$", "Windows keeps `conin$` for a device: add a word, as in `conin$-data`"),
        (
            "model/20261122T193015.123456Z",
            "`20261122T193015.123456Z` looks like a version of the checkpoint above it: add a word",
        ),
    ] {
        let error = check_name(name).unwrap_err();
        // What looks like another name is spelled out, and a long one is cut.
        let shown = match name {
            "re\u{301}sume" => "re\\u{301}sume".to_owned(),
            _ if name == too_long => "n".repeat(60) + "…",
            _ => name.escape_debug().to_string(),
        };
        assert_eq!(error.to_string(), format!("`{shown}` cannot name a checkpoint: {why}"));
    }
}

#[test]
fn the_advice_on_devices_can_be_followed() {
    for name in ["NUL", "aux.txt", "com²", "prn .x", "lpt9.tar.gz", "a/con"] {
        let refused = check_name(name).unwrap_err().to_string();
        let advice = refused.rsplit('`').nth(1).unwrap();
        assert!(check_name(advice).is_ok(), "{refused}");
    }
}

#[test]
fn every_method_refuses_a_bad_name_and_touches_nothing() {
    let (folder, store) = fresh();
    let outside = folder.path().join("outside");
    fs::write(&outside, b"precious").unwrap();
    let name = "../outside";
    let refused = [
        store.tag(name, "latest", "prod").map(drop),
        store.untag(name, "prod").map(drop),
        store.tags(name).map(drop),
        store.lineage(name).map(drop),
        store.verify(name).map(drop),
        store.save(Checkpoint::named(name), &1_u8).map(drop),
        store.load::<u8>(name, "latest").map(drop),
        store.meta(name, "latest").map(drop),
        store.versions(name).map(drop),
        store.delete(name, "latest"),
        store.prune(name, 1).map(drop),
        store.diff(name, "latest", "latest").map(drop),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Checkpoint);
        assert!(error.to_string().contains("leave out the `..`"), "{error}");
    }
    assert_eq!(files(folder.path()), ["outside"]);
}

#[test]
fn a_version_never_leads_out_of_its_checkpoint() {
    let (_folder, store) = fresh();
    let version = save_at(&store, "model", b"one", EVENING);
    save_at(&store, "other", b"two", EVENING);
    for bad in [
        format!("../other/{version}"),
        "..".to_owned(),
        format!("{version}/"),
        format!("./{version}"),
    ] {
        assert!(store.load::<u8>("model", &bad).is_err(), "{bad}");
        assert!(store.delete("model", &bad).is_err(), "{bad}");
    }
    assert_eq!(store.names().unwrap(), ["model", "other"]);
}

#[test]
fn names_that_differ_in_case_alone_are_refused() {
    let (folder, store) = fresh();
    save_at(&store, "churn/Model", b"one", EVENING);
    let before = files(folder.path());
    for (name, there) in [
        ("churn/model", "churn/Model"),
        ("Churn/other", "churn"),
        ("CHURN/Model", "churn"),
        ("churn/MODEL/deep", "churn/Model"),
    ] {
        let error = try_save_at(&store, name, b"two", EVENING).unwrap_err();
        let expected = format!(
            "`{name}` cannot name a checkpoint: `{there}` is there, which some systems take for the same name: \
             write `{there}`, or choose another name"
        );
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(files(folder.path()), before);
    save_at(&store, "churn/Model", b"two", EVENING);
    save_at(&store, "churn/Model/deep", b"two", EVENING);
    save_at(&store, "Straße", b"one", EVENING);
    for name in ["STRASSE", "straße", "STRAßE"] {
        let error = try_save_at(&store, name, b"two", EVENING).unwrap_err().to_string();
        assert!(error.contains("`Straße` is there"), "{error}");
    }
}

#[test]
fn the_composed_form_that_is_advised_is_taken() {
    let error = check_name("Zu\u{308}rich/re\u{301}sume\u{301}").unwrap_err().to_string();
    let advice = error.rsplit('`').nth(1).unwrap();
    assert_eq!(advice, "Zürich/résumé");
    assert!(check_name(advice).is_ok());
}

#[test]
fn tags_have_names_that_no_version_has() {
    for tag in ["prod", "v1.2", "a", "x-y_z", &"t".repeat(64)] {
        assert!(check_tag(tag).is_ok(), "{tag}");
        assert_eq!(Version::from(tag), Version::tag(tag));
    }
    for tag in
        ["", "latest", "Prod", "1st", "-a", "a/b", "a.", "con", "lpt1.x", "é", &"t".repeat(65)]
    {
        let error = check_tag(tag).unwrap_err().to_string();
        assert!(error.contains("cannot be a tag: "), "{error}");
    }
}

#[test]
fn a_reference_is_a_name_and_a_version() {
    let version = "20261122T193015.123456Z";
    for (text, name, meant) in [
        ("model", "model", Version::Latest),
        ("a/b@latest", "a/b", Version::Latest),
        ("model@prod", "model", Version::tag("prod")),
        ("model@20261122T193015.123456Z", "model", Version::Exact(version.to_owned())),
    ] {
        assert_eq!(split_reference(text).unwrap(), (name, meant));
    }
    for text in ["", "model@", "@prod", "../up@prod"] {
        assert!(split_reference(text).is_err(), "{text}");
    }
}

#[test]
fn twins_that_are_there_already_can_both_be_saved_to() {
    // Some other program made them; to refuse would make one of them read-only.
    let (folder, store) = fresh();
    for name in ["model", "Model"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    if fs::read_dir(folder.path()).unwrap().count() < 2 {
        return;
    }
    for name in ["model", "Model"] {
        save_at(&store, name, b"one", EVENING);
    }
    assert_eq!(store.names().unwrap(), ["Model", "model"]);
}

#[test]
fn what_is_no_checkpoint_is_not_listed() {
    let (folder, store) = fresh();
    save_at(&store, "model", b"one", EVENING);
    for path in [
        "empty/deep",
        ".hidden/20261122T193015.123456Z",
        "20261122T193015.123456Z",
        "nul/20261122T193015.123456Z",
    ] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    fs::write(folder.path().join("README"), b"notes").unwrap();
    fs::write(folder.path().join("model/notes.txt"), b"notes").unwrap();
    assert_eq!(store.names().unwrap(), ["model"]);
    assert_eq!(store.versions("model").unwrap(), ["20261122T193015.123000Z"]);
}

#[test]
fn an_extension_that_cannot_end_a_file_name_is_refused() {
    let (folder, store) = fresh();
    for extension in ["", "../../x", "a/b", "a b", "a:b", "txt.", "ключ"] {
        let mut meta = checkpoint_support::meta("model", b"one", EVENING);
        meta.extension = extension.to_owned();
        let saved = daglite::checkpoint::CheckpointStore::save(&store, meta, b"one".to_vec());
        let error = checkpoint_support::now(saved).unwrap_err();
        assert!(error.to_string().contains("cannot end a file's name"), "{error}");
    }
    assert!(files(folder.path()).is_empty());
}

proptest! {
    #[test]
    fn a_name_that_is_taken_stays_in_the_folder(name in any::<String>()) {
        if check_name(&name).is_ok() {
            let path = std::path::Path::new(&name);
            prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            let joined = path.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("/");
            prop_assert_eq!(joined, name);
        }
    }

    #[test]
    fn hostile_pieces_never_pass_or_never_leave(pieces in prop::collection::vec(
        prop::sample::select(vec!["..", ".", "/", "\\", "a", "nul", " ", "C:", "~", "\0", "20261122T193015.123456Z"]), 0..6)
    ) {
        let name = pieces.concat();
        if check_name(&name).is_ok() {
            prop_assert!(name.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
            prop_assert!(!name.contains(['\\', ':', '\0']));
        }
    }
}
