//! Bytes to an object and back: in parts and several at once where there are many, and never more than was announced.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use daglite::Digest;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutOptions, PutPayload,
};

use crate::runtime::Work;
use crate::trouble::Trouble;

/// Up to this size an object is written by one request.
pub(crate) const IN_ONE: u64 = 16 << 20;

/// The size of a part of a larger one.
const PART: u64 = 8 << 20;

/// How many parts are on their way at once.
const AT_ONCE: usize = 8;

/// What is said when work on a part ends without an answer.
const CUT_OFF: &str = "a part was cut off: please report it";

/// Writes an object by one request, under a condition.
pub(crate) async fn put(
    store: &dyn ObjectStore,
    path: &Path,
    payload: PutPayload,
    mode: PutMode,
) -> Result<(), Trouble> {
    store.put_opts(path, payload, PutOptions::from(mode)).await?;
    Ok(())
}

/// Writes an object of any size, over what is there; `progress` is called for each part that has arrived. One of parts becomes
/// visible only if `sound` says that it may.
pub(crate) async fn upload(
    store: &dyn ObjectStore,
    path: &Path,
    bytes: Bytes,
    sound: impl Future<Output = Result<(), Trouble>>,
    progress: &(dyn Fn() + Sync),
) -> Result<(), Trouble> {
    if bytes.len() as u64 <= IN_ONE {
        sound.await?;
        return put(store, path, bytes.into(), PutMode::Overwrite).await;
    }
    let mut upload = store.put_multipart(path).await?;
    let outcome = match put_parts(&mut *upload, &bytes, progress).await {
        Ok(()) => sound.await,
        failed => failed,
    };
    let outcome = match outcome {
        Ok(()) => upload.complete().await.map(drop).map_err(Trouble::from),
        failed => failed,
    };
    if outcome.is_err() {
        // Parts that nobody needs are paid for.
        let _ = upload.abort().await;
    }
    outcome
}

/// Writes all parts, several at once.
async fn put_parts(
    upload: &mut dyn MultipartUpload,
    bytes: &Bytes,
    progress: &(dyn Fn() + Sync),
) -> Result<(), Trouble> {
    let part = PART as usize;
    let mut starts = (0..bytes.len()).step_by(part);
    let mut flying = FuturesUnordered::new();
    loop {
        while flying.len() < AT_ONCE
            && let Some(start) = starts.next()
        {
            let end = bytes.len().min(start + part);
            // Each on any thread: to sign, to encrypt and to send is what takes the time.
            flying.push(Work::spread(upload.put_part(bytes.slice(start..end).into())));
        }
        match flying.next().await {
            Some(Ok(arrived)) => arrived?,
            Some(Err(_)) => return Err(Trouble::failed(CUT_OFF)),
            None => return Ok(()),
        }
        progress();
    }
}

/// The start of an object, up to `most` bytes, and its whole size.
pub(crate) async fn start_of(
    store: &dyn ObjectStore,
    path: &Path,
    most: u64,
) -> Result<(Vec<u8>, ObjectMeta), Trouble> {
    let options = GetOptions::new().with_range(Some(GetRange::Bounded(0..most)));
    let answer = store.get_opts(path, options).await?;
    let length = answer.range.end.saturating_sub(answer.range.start).min(most);
    let meta = answer.meta.clone();
    let mut bytes = Vec::new();
    receive(answer, length, Duration::MAX, &mut |chunk| bytes.extend_from_slice(&chunk)).await?;
    Ok((bytes, meta))
}

/// A whole object of no more than `most` bytes; [`Trouble::Wrong`] if it has more.
pub(crate) async fn whole(
    store: &dyn ObjectStore,
    path: &Path,
    most: u64,
    stall: Duration,
) -> Result<Vec<u8>, Trouble> {
    whole_watched(store, path, most, stall, &mut |_| ()).await
}

/// The same; `watch` sees what has come so far, again and again.
pub(crate) async fn whole_watched(
    store: &dyn ObjectStore,
    path: &Path,
    most: u64,
    stall: Duration,
    watch: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<Vec<u8>, Trouble> {
    let answer = store.get(path).await?;
    let size = answer.meta.size;
    if size > most {
        return Err(Trouble::wrong(format!("it has {size} bytes where {most} are the most")));
    }
    let mut bytes = room_for(size)?;
    let mut take = |chunk: Bytes| {
        bytes.extend_from_slice(&chunk);
        watch(&bytes);
    };
    receive(answer, size, stall, &mut take).await?;
    Ok(bytes)
}

/// A whole object and what is known of it; no bytes if it has more than `most`.
pub(crate) async fn small(
    store: &dyn ObjectStore,
    path: &Path,
    most: u64,
    stall: Duration,
) -> Result<(Option<Vec<u8>>, ObjectMeta), Trouble> {
    let answer = store.get(path).await?;
    let meta = answer.meta.clone();
    if meta.size > most {
        return Ok((None, meta));
    }
    let mut bytes = Vec::new();
    receive(answer, meta.size, stall, &mut |chunk| bytes.extend_from_slice(&chunk)).await?;
    Ok((Some(bytes), meta))
}

/// The bytes of an object of exactly `size` bytes, several parts at once, and their digest.
pub(crate) async fn download(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    size: u64,
    stall: Duration,
) -> Result<(Vec<u8>, Digest), Trouble> {
    let mut bytes = Vec::new();
    let mut hasher = blake3::Hasher::new();
    let parts = (0..size).step_by(PART as usize).map(|start| start..size.min(start + PART));
    // Each on any thread: to receive and to decrypt is what takes the time.
    let mut parts = stream::iter(parts)
        .map(|range| Work::spread(part(Arc::clone(store), path.clone(), range, size, stall)))
        .buffered(AT_ONCE);
    while let Some(chunks) = parts.next().await {
        let chunks = chunks.map_err(|_| Trouble::failed(CUT_OFF))?;
        let (chunks, start) = (chunks?, bytes.len());
        if start == 0 {
            // The first part has shown that there are so many.
            bytes = room_for(size)?;
        }
        for chunk in chunks {
            bytes.extend_from_slice(&chunk);
        }
        // At once: in small pieces it takes several times as long.
        hasher.update(&bytes[start..]);
    }
    Ok((bytes, Digest::from_bytes(*hasher.finalize().as_bytes())))
}

/// The bytes of one part, as they arrived.
async fn part(
    store: Arc<dyn ObjectStore>,
    path: Path,
    range: Range<u64>,
    size: u64,
    stall: Duration,
) -> Result<Vec<Bytes>, Trouble> {
    let options = GetOptions::new().with_range(Some(GetRange::Bounded(range.clone())));
    let answer = store.get_opts(&path, options).await?;
    if answer.meta.size != size || answer.range != range {
        let has = answer.meta.size;
        return Err(Trouble::wrong(format!("it has {has} of {size} bytes")));
    }
    let mut chunks = Vec::new();
    receive(answer, range.end - range.start, stall, &mut |chunk| chunks.push(chunk)).await?;
    Ok(chunks)
}

/// Receives exactly `length` bytes, and gives up if none come for `stall`.
async fn receive(
    answer: GetResult,
    length: u64,
    stall: Duration,
    take: &mut (dyn FnMut(Bytes) + Send),
) -> Result<(), Trouble> {
    let mut chunks = answer.into_stream();
    let mut left = length;
    loop {
        let next = tokio::time::timeout(stall, chunks.next()).await;
        let Some(chunk) =
            next.map_err(|_| Trouble::failed("it stopped sending: try again later"))?
        else {
            break;
        };
        let chunk = chunk?;
        // Whatever was announced, no more is kept than that.
        left = left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| Trouble::failed("it sends more than it announced"))?;
        take(chunk);
    }
    if left > 0 {
        return Err(Trouble::failed(format!("{left} of {length} bytes are missing")));
    }
    Ok(())
}

/// Memory for `size` bytes, which is not touched before they are there.
fn room_for(size: u64) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    usize::try_from(size)
        .ok()
        .and_then(|size| bytes.try_reserve_exact(size).ok())
        .ok_or_else(|| Trouble::failed(format!("there is no memory for its {size} bytes")))?;
    Ok(bytes)
}
