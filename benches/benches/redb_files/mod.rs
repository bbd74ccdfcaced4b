//! Peer: the redb file of `cached`, as `#[concurrent_cached(disk = true)]` uses it, in a folder of ours.

use std::path::Path;

use cached::{ConcurrentCached, RedbCache};
use daglite_benches::call::{Call, through};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The file in `folder`; `durable` syncs at each write.
pub(crate) fn open<V>(folder: &Path, durable: bool) -> RedbCache<u64, V>
where
    V: Serialize + DeserializeOwned,
{
    let builder = RedbCache::builder("benches").disk_dir(folder).durable(durable);
    builder.build().expect("a folder of our own can be written")
}

/// A function cached in that file. Like daglite's stores it does not sync.
#[allow(dead_code, reason = "the bench `store` has no functions to cache")]
pub(crate) fn in_redb<V>(folder: &Path, compute: fn(u64) -> V) -> Call<V>
where
    V: Clone + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let store = std::sync::Arc::new(open::<V>(folder, false));
    let shared = std::sync::Arc::clone(&store);
    through(
        move |n| shared.cache_get(&n).expect("the file can be read"),
        move |n, value: &V| {
            store.cache_set(n, value.clone()).expect("the file can be written");
        },
        compute,
    )
}
