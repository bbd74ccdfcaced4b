//! What a dead process has listed: a sweep removes objects that no row needs, and nothing else.
#![no_main]

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::LazyLock;

use daglite::Digest;
use daglite::store::{CacheStore, RunReport};
use daglite_fuzz::bytes::Bytes;
use daglite_fuzz::folder::{contents, renew};
use daglite_fuzz::index::{Template, open, put_known};
use daglite_fuzz::known::{KNOWN, artifact, found_as_known, key};
use daglite_fuzz::now;
use libfuzzer_sys::fuzz_target;

/// The folder, and the files that nobody may touch.
struct World {
    template: Template,
    canaries: Vec<PathBuf>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let template = Template::new("journal", put_known);
    template.bring(&template.index(), &[]);
    let root = &template.root;
    let above = root.parent().expect("it lies in a folder");
    let canaries = ["canary", "cache/canary", "cache/v1/canary.bin", "cache/v1/locks/canary"];
    let canaries: Vec<_> = canaries.iter().map(|name| above.join(name)).collect();
    for canary in &canaries {
        fs::create_dir_all(canary.parent().expect("it lies in a folder")).expect("it can be made");
        fs::write(canary, "a canary").expect("it can be written");
    }
    World { template, canaries }
});

/// What a list may name: an object without a row, one with a row, and what is no object.
fn lines(text: &[u8], names: &[String]) -> Vec<u8> {
    // A byte that starts no text stands for a name.
    text.iter()
        .flat_map(|byte| match byte {
            0xf8..=0xff => names[usize::from(byte & 7) % names.len()].as_bytes().to_vec(),
            byte => vec![*byte],
        })
        .collect()
}

fuzz_target!(|data: &[u8]| {
    let World { template, canaries } = &*WORLD;
    let root = &template.root;
    let objects = root.join("v1/objects");
    renew(&objects);
    template.bring_objects();
    let orphan = Digest::of_bytes(b"an orphan").to_string();
    let orphans = ["bin", "npy", "json.zst"].map(|suffix| format!("{orphan}.{suffix}"));
    for name in &orphans {
        let path = objects.join(&name[..2]).join(&name[2..4]).join(&name[4..]);
        fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("it can be made");
        fs::write(path, "nobody needs it").expect("it can be written");
    }
    let used: Vec<String> =
        KNOWN.iter().map(|(_, known)| format!("{}.bin", known.meta.digest)).collect();
    let canary = canaries[2].to_str().expect("paths are text here").to_owned();
    let names: Vec<String> = [&orphans[..], &used[4..], &["../".repeat(3), canary][..]].concat();

    let mut story = Bytes::new(data);
    let choice = story.byte();
    let dead = root.join("v1/tmp/4711-dead");
    renew(&dead);
    File::create(dead.join("alive")).expect("it can be made");
    let published = lines(story.some(), &names);
    let released = lines(story.rest(), &names);
    #[cfg(unix)]
    match choice & 3 {
        1 => std::os::unix::fs::symlink(&canaries[0], dead.join("published"))
            .expect("it can be made"),
        2 => std::os::unix::fs::symlink(root, dead.join("elsewhere")).expect("it can be made"),
        3 => fs::create_dir(dead.join("published")).expect("it can be made"),
        _ => {}
    }
    if choice & 1 == 0 {
        fs::write(dead.join("published"), &published).expect("it can be written");
    }
    fs::write(dead.join("released"), &released).expect("it can be written");

    let store = open(root).open().expect("it can be used");
    now(store.put(&key(50), &artifact(50, 50))).expect("a store that is damaged is written");
    now(store.end_run(&RunReport::default())).expect("a store that is damaged is written");
    assert!(!dead.exists(), "what a dead process left is swept");
    for canary in canaries {
        assert_eq!(
            fs::read(canary).ok().as_deref(),
            Some(&b"a canary"[..]),
            "{canary:?} is touched"
        );
    }
    assert_eq!(found_as_known(&store), KNOWN.len(), "an object that a row needs is gone");
    // An orphan is gone if a list has its name on a line of its own, and else it is there.
    let listed =
        |text: &[u8], name: &str| String::from_utf8_lossy(text).lines().any(|line| line == name);
    let left = contents(&objects);
    for name in &orphans {
        let is_listed = (choice & 1 == 0 && listed(&published, name)) || listed(&released, name);
        let is_there = left.iter().any(|(path, _)| path.ends_with(&name[4..]));
        assert_eq!(is_there, !is_listed, "{name}");
    }
});
