//! Peer: foyer, with next to no memory in front, so that its hits come from the disk as everybody's do.

use std::path::Path;

use daglite_benches::cache::{Cache, Held};
use foyer::{
    BlockEngineConfig, DeviceBuilder, FsDeviceBuilder, HybridCache, HybridCacheBuilder,
    HybridCachePolicy,
};
use tokio::runtime::Runtime;

/// The bytes that wait to be written before a put has to: above its own limit foyer drops what is put.
const WAITING: usize = 4 << 20;

/// A cache on disk and the runtime that it needs.
pub(crate) struct FoyerCache {
    cache: HybridCache<u64, Vec<u8>>,
    runtime: Runtime,
    /// The bytes that were put since all had been written.
    waiting: usize,
}

impl FoyerCache {
    /// The one in `folder`, for values of `size` bytes.
    pub(crate) fn open(folder: &Path, size: usize) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build();
        let runtime = runtime.expect("threads can be started");
        let cache = runtime.block_on(async {
            let device = FsDeviceBuilder::new(folder).with_capacity(1 << 30).build();
            let device = device.expect("a folder of our own can be written");
            let mut engine = BlockEngineConfig::new(device);
            if size > 1 << 20 {
                engine = engine
                    .with_block_size(2 * size)
                    .with_buffer_pool_size(4 * size)
                    .with_submit_queue_size_threshold(4 * size);
            }
            let builder =
                HybridCacheBuilder::new().with_policy(HybridCachePolicy::WriteOnInsertion);
            let storage = builder.memory(1).with_shards(1).storage();
            storage.with_engine_config(engine).build().await
        });
        Self { cache: cache.expect("a folder of our own can be read"), runtime, waiting: 0 }
    }
}

impl Cache for FoyerCache {
    fn put(&mut self, n: u64, value: Vec<u8>) {
        // An entry takes a page at least.
        self.waiting += value.len().max(4096);
        self.cache.insert(n, value);
        if self.waiting >= WAITING {
            self.waiting = 0;
            self.runtime.block_on(self.cache.storage().wait());
        }
    }

    fn hit(&mut self, n: u64) -> Option<Held> {
        let found = self.runtime.block_on(async { self.cache.get(&n).await });
        found.expect("the files can be read").map(|entry| Held::Own(entry.value().clone()))
    }

    fn finish(&mut self) {
        self.runtime.block_on(self.cache.close()).expect("the files can be written");
    }
}
