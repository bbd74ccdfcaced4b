//! Values on their way into a version and out of one, bit by bit where their format allows it.

use std::any::Any;
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::meta::CheckpointMeta;
use crate::error::{Error, ErrorKind};
use crate::registry::{Encoding, Registry, ValueFormats};

/// A value that writes its bytes where a store wants them.
pub(crate) struct Outgoing<'a> {
    encoding: Encoding<'a>,
    /// Why it has no bytes.
    flaw: Option<Error>,
}

impl<'a> Outgoing<'a> {
    /// One that has written nothing yet.
    pub(crate) fn new(encoding: Encoding<'a>) -> Self {
        Self { encoding, flaw: None }
    }

    /// `meta` with what is known of the bytes before they are there.
    pub(crate) fn described(&self, meta: CheckpointMeta) -> CheckpointMeta {
        let (format, extension, shape) = self.encoding.format();
        let (format, extension) = (format.to_owned(), extension.to_owned());
        CheckpointMeta { format, extension, shape, ..meta }
    }

    /// Writes the bytes.
    pub(crate) fn write(&mut self, to: &mut dyn Write) -> io::Result<()> {
        let mut to = Noticed { to, refused: false };
        let Err(flaw) = self.encoding.write(&mut to) else { return Ok(()) };
        let told = io::Error::other(flaw.to_string());
        // A place that takes no more is the affair of who owns it.
        if !to.refused {
            self.flaw = Some(flaw);
        }
        Err(told)
    }

    /// Why the value could not be written, if that was its own fault and not the store's.
    pub(crate) fn into_flaw(self) -> Option<Error> {
        self.flaw
    }
}

/// Notices whether a place takes what is written to it.
struct Noticed<'a> {
    to: &'a mut dyn Write,
    refused: bool,
}

impl Write for Noticed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes).inspect_err(|_| self.refused = true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush().inspect_err(|_| self.refused = true)
    }
}

/// A value of a type that is not known.
type Value = Arc<dyn Any + Send + Sync>;

/// A value that is made of what a store reads: as it is read if its format can do that, else of all of it, once that is
/// verified.
pub(crate) struct Incoming<'a> {
    registry: &'a Registry,
    formats: ValueFormats,
    came: Came,
}

/// What has come so far.
enum Came {
    /// Nothing.
    Nothing,
    /// The bytes.
    Bytes(Vec<u8>),
    /// The value.
    Value(Result<Value, Error>),
}

impl<'a> Incoming<'a> {
    /// One of which nothing has come.
    pub(crate) fn new(registry: &'a Registry, formats: ValueFormats) -> Self {
        Self { registry, formats, came: Came::Nothing }
    }

    /// Reads the value that `meta` speaks of.
    pub(crate) fn read(&mut self, meta: &CheckpointMeta, from: &mut dyn Read) {
        // What came before was of another version, or damaged: its memory is needed.
        self.came = Came::Nothing;
        let CheckpointMeta { format, shape, size, .. } = meta;
        self.came = if self.formats.flows(self.registry, format) {
            Came::Value(self.formats.read(self.registry, from, *size, format, *shape))
        } else {
            gather(from, *size).map_or_else(|error| Came::Value(Err(error)), Came::Bytes)
        };
    }

    /// The value, now that the store has said that the bytes are those of `meta`.
    pub(crate) fn finish(self, meta: &CheckpointMeta) -> Result<Value, Error> {
        match self.came {
            Came::Value(value) => value,
            Came::Bytes(bytes) => {
                self.formats.decode(self.registry, &bytes, &meta.format, meta.shape)
            }
            Came::Nothing => {
                Err(Error::new(ErrorKind::Checkpoint, "the store has not read the value"))
            }
        }
    }
}

/// The next `length` bytes of `from`.
fn gather(from: &mut dyn Read, length: u64) -> Result<Vec<u8>, Error> {
    let no_memory = || {
        let message = format!("there is no memory for the {length} bytes of the value");
        Error::new(ErrorKind::Checkpoint, message)
    };
    let mut bytes = room_for(length).ok_or_else(no_memory)?;
    from.read_exact(&mut bytes).map_err(|cause| {
        let message = format!("the value cannot be read to its end: {cause}");
        Error::new(ErrorKind::Checkpoint, message).with_source(cause)
    })?;
    Ok(bytes)
}

/// So many bytes, zero, if there can be so many: the metadata of a file with holes in it may claim anything.
pub(super) fn room_for(length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    // Only tried, as zeros that the system gives cost less than those that are written.
    Vec::<u8>::new().try_reserve_exact(length).ok()?;
    Some(vec![0; length])
}
