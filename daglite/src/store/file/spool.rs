//! `Spool`: takes a value as it is written, hashes and counts it; what is more than a little goes into a file at once.

use std::fs::File;
use std::io::{self, Write};

use super::staged::Staged;
use crate::digest::Digest;
use crate::store::StoreError;

/// Up to so many bytes are gathered before they are hashed and written.
const GATHERED: usize = 64 << 10;
/// So many bytes are hashed and written at once: what was hashed is near by when it is written.
const PIECE: usize = 1 << 20;

/// A file that a value goes into, perhaps by way of a compressor.
pub(super) trait Sink: Write + Send {
    /// Writes what is left over; answers the file.
    fn finish(self: Box<Self>) -> io::Result<File>;
}

impl Sink for File {
    fn finish(self: Box<Self>) -> io::Result<File> {
        Ok(*self)
    }
}

/// Where the bytes go.
enum Place {
    /// Nowhere but into memory, until they are too many.
    Memory,
    /// Into a file.
    File(Staged, Box<dyn Sink>),
    /// They are too many: the reason is for people.
    Refused(String),
    /// The operating system refused.
    Failed(StoreError),
}

/// What became of the bytes.
pub(super) enum Body {
    /// They are few.
    Few(Vec<u8>),
    /// They are in a file.
    File(Staged, File),
    /// They were too many.
    Refused(String),
    /// The operating system refused.
    Failed(StoreError),
}

/// What a store does with bytes that do not stay in memory.
pub(super) trait Spooler {
    /// Why a value that has so many bytes by now is not taken in, if it is not.
    fn refusal(&self, size: u64) -> Option<String>;
    /// A new file.
    fn open(&self) -> Result<(Staged, Box<dyn Sink>), StoreError>;
    /// The error of a file that takes no more.
    fn failed(&self, cause: io::Error) -> StoreError;
}

/// Takes the bytes of a value. Never an error for who writes: a store that cannot keep them still says what they are.
pub(super) struct Spool<'a, S> {
    store: &'a S,
    hasher: blake3::Hasher,
    size: u64,
    gathered: Vec<u8>,
    place: Place,
}

impl<'a, S: Spooler> Spool<'a, S> {
    /// One that has seen nothing.
    pub(super) fn new(store: &'a S) -> Self {
        let place = store.refusal(0).map_or(Place::Memory, Place::Refused);
        Self { store, hasher: blake3::Hasher::new(), size: 0, gathered: Vec::new(), place }
    }

    /// The digest, the length, and what became of the bytes: of no more than `few` no file is made.
    pub(super) fn finish(mut self, few: usize) -> (Digest, u64, Body) {
        if matches!(self.place, Place::Memory) && self.gathered.len() <= few {
            let digest = Digest::of_bytes(&self.gathered);
            let size = self.size;
            let refusal = self.store.refusal(size);
            return (digest, size, refusal.map_or(Body::Few(self.gathered), Body::Refused));
        }
        self.pass_gathered();
        let digest = Digest::from_bytes(*self.hasher.finalize().as_bytes());
        let body = match self.place {
            Place::Memory => Body::Few(Vec::new()),
            Place::File(staged, sink) => match sink.finish() {
                Ok(file) => Body::File(staged, file),
                Err(cause) => Body::Failed(self.store.failed(cause)),
            },
            Place::Refused(why) => Body::Refused(why),
            Place::Failed(error) => Body::Failed(error),
        };
        (digest, self.size, body)
    }

    /// Hashes and writes what was gathered.
    fn pass_gathered(&mut self) {
        let mut gathered = std::mem::take(&mut self.gathered);
        self.pass(&gathered);
        gathered.clear();
        self.gathered = gathered;
    }

    /// Hashes and writes `bytes`.
    fn pass(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            self.hasher.update(piece);
            if let Err(place) = self.keep(piece) {
                // What was written of it goes with the file.
                self.place = place;
            }
        }
    }

    /// Writes `piece` where all is to go.
    fn keep(&mut self, piece: &[u8]) -> Result<(), Place> {
        if matches!(self.place, Place::Memory | Place::File(..))
            && let Some(why) = self.store.refusal(self.size)
        {
            return Err(Place::Refused(why));
        }
        if matches!(self.place, Place::Memory) {
            let (staged, sink) = self.store.open().map_err(Place::Failed)?;
            self.place = Place::File(staged, sink);
        }
        match &mut self.place {
            Place::File(_, sink) => {
                sink.write_all(piece).map_err(|cause| Place::Failed(self.store.failed(cause)))
            }
            Place::Memory | Place::Refused(_) | Place::Failed(_) => Ok(()),
        }
    }
}

impl<S: Spooler> Write for Spool<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len() as u64;
        if self.gathered.len() + bytes.len() <= GATHERED {
            self.gathered.extend_from_slice(bytes);
        } else {
            self.pass_gathered();
            if bytes.len() <= GATHERED {
                self.gathered.extend_from_slice(bytes);
            } else {
                self.pass(bytes);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
