//! Settings of a store that make no sense are refused when it is opened, with what to write instead.

use daglite::store::FileStoreBuilder;
use daglite::{ErrorKind, Eviction, FileStore, FileStoreLayout};

/// Asserts that a setting is refused with `message`, and that nothing was created for it.
fn refused(set: impl FnOnce(FileStoreBuilder) -> FileStoreBuilder, message: &str) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("cache");
    let error = set(FileStore::builder(&root)).open().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Config, message));
    assert!(!root.exists());
}

#[test]
fn a_size_that_is_none_is_refused() {
    refused(
        |builder| builder.max_size("10 apples"),
        "`max_size`: `10 apples` is not a size: write a number with a unit, such as `10GB`, `512 MiB` or `1.5 GB`, or a \
         number of bytes",
    );
    let zero = "`max_size` is 0, so nothing could be cached: give a size, or do without a cache";
    refused(|builder| builder.max_size(0), zero);
    refused(|builder| builder.max_size("0 GB"), zero);
}

#[test]
fn the_last_word_on_a_size_counts() {
    let folder = tempfile::tempdir().unwrap();
    let builder = || FileStore::builder(folder.path());
    assert!(builder().max_size("10 apples").max_size("10 GB").open().is_ok());
    assert!(builder().max_size("10 apples").without_max_size().open().is_ok());
    assert!(builder().without_max_size().max_size(0).open().is_err());
}

#[test]
fn a_cache_of_no_entries_is_refused() {
    refused(
        |builder| builder.max_entries(0),
        "`max_entries` is 0, so nothing could be cached: give a number, or do without a cache",
    );
}

#[test]
fn a_level_of_compression_that_does_not_exist_is_refused() {
    for level in [99, 23, 0, -1, i32::MIN, i32::MAX] {
        refused(
            |builder| builder.compression(level),
            &format!("`compression` is {level}: choose a level from 1 to 22"),
        );
    }
}

/// The tests are built without the feature; with it, by another member of the workspace, the level is good.
#[test]
fn compression_without_its_feature_is_refused_and_says_which() {
    let folder = tempfile::tempdir().unwrap();
    if let Err(error) = FileStore::builder(folder.path()).compression(3).open() {
        assert_eq!(error.kind(), ErrorKind::Config);
        let expected = "`compression` needs the feature `zstd` of daglite: enable it in Cargo.toml";
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_names_of_policies_and_layouts_are_read_as_they_are_shown() {
    let policies = ["lru", "lfu", "largest-first", "oldest-first", "none"];
    for name in policies {
        assert_eq!(name.parse::<Eviction>().unwrap().to_string(), name);
    }
    for wrong in ["", "LRU", "largest", "never"] {
        assert_eq!(
            wrong.parse::<Eviction>().unwrap_err(),
            format!(
                "`{wrong}` is no policy of eviction: write one of `lru`, `lfu`, `largest-first`, `oldest-first`, `none`"
            )
        );
    }
    let layouts = [FileStoreLayout::Auto, FileStoreLayout::Index, FileStoreLayout::Files];
    assert_eq!(["auto", "index", "files"].map(|name| name.parse()), layouts.map(Ok));
    let error = "sqlite".parse::<FileStoreLayout>().unwrap_err();
    assert_eq!(error, "`sqlite` is no layout: write `auto`, `index` or `files`");
}

#[test]
fn a_folder_on_a_local_disk_gets_an_index_by_itself() {
    use daglite::store::CacheStore;
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::builder(folder.path()).open().unwrap();
    assert!(store.notices().is_empty());
    assert!(FileStore::builder(folder.path()).layout(FileStoreLayout::Auto).open().is_ok());
}
