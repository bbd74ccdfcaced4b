//! daglite's own sessions and stores, as all benches set them up.

use std::path::Path;

use daglite::CacheStore;
use daglite::prelude::*;

/// A store in a folder of its own below `folder`.
pub fn file_store(folder: &Path) -> FileStore {
    let store = FileStore::builder(folder.join("cache")).open();
    store.expect("a folder of our own can be written")
}

/// A session with `store`, two tasks at once, and checkpoints that go nowhere but below `folder`.
pub fn session(store: impl CacheStore, folder: &Path) -> Session {
    build(Session::builder().cache(store), folder)
}

/// The same session without a cache.
pub fn uncached_session(folder: &Path) -> Session {
    build(Session::builder().without_cache(), folder)
}

/// What both have in common.
fn build(builder: daglite::SessionBuilder, folder: &Path) -> Session {
    let checkpoints = FileCheckpoints::open(folder.join("checkpoints"));
    builder
        .checkpoints(checkpoints.expect("a folder of our own can be written"))
        .concurrency(2)
        .build()
        .expect("all settings are given")
}
