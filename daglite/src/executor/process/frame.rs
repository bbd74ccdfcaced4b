//! Frames: what a worker and the process that started it say to each other. The layout is in `docs/format.md`.
//!
//! A frame is a head, which postcard writes, and the bytes of values, which are written as they are. Nothing that is read is
//! believed: memory is asked for as bytes come, and never by a length alone.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::registry::Encoded;

/// What each side says first: the words, and the version of all that follows.
pub(super) const PREAMBLE: [u8; 16] = *b"daglite-worker\0\x01";

/// The most bytes of a head.
const MOST_HEAD: u32 = 64 << 20;

/// The most bytes of one value: what is more is no value, but a mistake.
const MOST_VALUE: u64 = 1 << 44;

/// How much memory is asked for before the first byte of a value is there.
const FIRST_PIECE: u64 = 1 << 20;

/// What a worker is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToWorker {
    /// The first word.
    Hello {
        /// The version of daglite.
        daglite: String,
        /// What the worker was told when it was started.
        token: String,
    },
    /// Run a body; the arguments follow.
    Job(JobHead),
}

/// A job without the bytes of its arguments.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JobHead {
    /// The name of the task.
    pub(super) name: String,
    /// Its fingerprint.
    pub(super) fingerprint: Digest,
    /// The cache key that the result is for.
    pub(super) key: Option<Digest>,
    /// Which attempt it is.
    pub(super) attempt: u32,
    /// How much memory the process may have, in bytes.
    pub(super) memory: Option<u64>,
    /// The arguments.
    pub(super) arguments: Vec<ValueHead>,
}

/// A value without its bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ValueHead {
    format: String,
    extension: String,
    shape: Digest,
    length: u64,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromWorker {
    /// The answer to [`ToWorker::Hello`].
    Welcome {
        /// The version of daglite.
        daglite: String,
        /// What it was told when it was started.
        token: String,
    },
    /// The job is here, with all its bytes.
    Begun,
    /// The result, whose bytes follow.
    Done {
        /// How long the body ran.
        took_nanos: u64,
        /// The names of the states that the body has saved.
        states: Vec<String>,
        /// The result.
        value: ValueHead,
    },
    /// The body returned an error.
    Failed {
        /// Its text, and then those of its causes.
        texts: Vec<String>,
        /// What `retry_if` says.
        again: Option<bool>,
    },
    /// The body panicked.
    Panicked {
        /// With this message.
        message: String,
    },
    /// The body was not run, or its result cannot be sent.
    Refused {
        /// Why.
        why: String,
    },
}

impl ValueHead {
    /// That of `value`.
    pub(super) fn of(value: &Encoded) -> Self {
        let Encoded { bytes, format, extension, shape } = value;
        let (format, extension, length) = (format.clone(), extension.clone(), bytes.len() as u64);
        Self { format, extension, shape: *shape, length }
    }

    /// The value, whose bytes come next.
    pub(super) fn read(self, from: &mut impl Read) -> io::Result<Encoded> {
        let Self { format, extension, shape, length } = self;
        let bytes = read_bytes(from, length)?;
        Ok(Encoded { bytes, format, extension, shape })
    }
}

/// Writes a frame: its head, and then the bytes of `values`.
pub(super) fn write_frame(
    to: &mut impl Write,
    head: &impl Serialize,
    values: &[Encoded],
) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    bytes = postcard::to_extend(head, bytes).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length <= MOST_HEAD);
    let length = length.ok_or_else(|| invalid("a frame with a head that is too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    to.write_all(&bytes)?;
    values.iter().try_for_each(|value| to.write_all(&value.bytes))?;
    to.flush()
}

/// Reads the head of a frame.
pub(super) fn read_head<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MOST_HEAD {
        return Err(invalid("a frame with a head of an absurd length"));
    }
    let bytes = read_bytes(from, length.into())?;
    match postcard::take_from_bytes(&bytes) {
        Ok((head, [])) => Ok(head),
        Ok(_) => Err(invalid("a frame with a head that goes on after its end")),
        Err(error) => Err(invalid(&format!("a frame with a head that is none: {error}"))),
    }
}

/// Reads so many bytes. Memory is asked for as they come.
fn read_bytes(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let whole = usize::try_from(length).ok().filter(|_| length <= MOST_VALUE);
    let whole = whole.ok_or_else(|| invalid("a value of an absurd length"))?;
    let mut bytes = Vec::new();
    while bytes.len() < whole {
        let there = bytes.len();
        let piece = (whole - there).min(there.max(FIRST_PIECE as usize));
        bytes.try_reserve_exact(piece).map_err(|_| {
            let message = format!("no memory for a value of {length} bytes");
            io::Error::new(io::ErrorKind::OutOfMemory, message)
        })?;
        bytes.resize(there + piece, 0);
        from.read_exact(&mut bytes[there..])?;
    }
    Ok(bytes)
}

/// An error of what does not belong into a frame.
pub(super) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::{FromWorker, ToWorker, ValueHead, read_bytes, read_head, write_frame};
    use crate::digest::Digest;
    use crate::registry::Encoded;
    use std::io::{self, Read};

    fn value(bytes: Vec<u8>) -> Encoded {
        let (format, extension) = ("raw".to_owned(), "bin".to_owned());
        Encoded { bytes, format, extension, shape: Digest::of_bytes(b"Vec<u8>") }
    }

    /// Numbers that look random, always the same.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn bytes(&mut self, most: u64) -> Vec<u8> {
            (0..self.next() % most).map(|_| self.next() as u8).collect()
        }
    }

    #[test]
    fn a_frame_comes_as_it_went() {
        let sent = value((0..=255).cycle().take(3 << 20).collect());
        let head = FromWorker::Done {
            took_nanos: 7,
            states: vec!["a".to_owned()],
            value: ValueHead::of(&sent),
        };
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &head, std::slice::from_ref(&sent)).expect("memory takes all");
        let mut from = &bytes[..];
        let FromWorker::Done { took_nanos: 7, value, .. } =
            read_head(&mut from).expect("it is one")
        else {
            panic!("another head")
        };
        assert_eq!(value.read(&mut from).expect("it is there"), sent);
        assert!(from.is_empty());
    }

    #[test]
    fn arbitrary_bytes_are_errors_and_take_no_memory() {
        let mut numbers = Numbers(0x5eed);
        for _ in 0..20_000 {
            let bytes = numbers.bytes(200);
            let mut with_length = (bytes.len() as u32).to_le_bytes().to_vec();
            with_length.extend_from_slice(&bytes);
            for bytes in [&bytes, &with_length] {
                if let Ok(FromWorker::Done { value, .. }) = read_head(&mut &bytes[..]) {
                    drop(value.read(&mut io::empty()));
                }
                drop(read_head::<ToWorker>(&mut &bytes[..]));
            }
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_of_a_frame_is_survived() {
        let sent = value(vec![1, 2, 3]);
        let head =
            FromWorker::Done { took_nanos: 7, states: Vec::new(), value: ValueHead::of(&sent) };
        let mut bytes = Vec::new();
        write_frame(&mut bytes, &head, &[sent]).expect("memory takes all");
        for end in 0..bytes.len() {
            let mut from = &bytes[..end];
            let read = read_head::<FromWorker>(&mut from).and_then(|head| match head {
                FromWorker::Done { value, .. } => value.read(&mut from).map(drop),
                _ => Ok(()),
            });
            assert!(read.is_err(), "a frame that is cut at {end} was taken for a whole one");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let mut from = &changed[..];
                if let Ok(FromWorker::Done { value, .. }) = read_head(&mut from) {
                    drop(value.read(&mut from));
                }
            }
        }
    }

    #[test]
    fn a_length_that_nobody_keeps_takes_no_more_memory_than_its_first_piece() {
        /// Hands out ten bytes, and notes the most that was asked for at once.
        struct Ten(usize, usize);
        impl Read for Ten {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                self.1 = self.1.max(into.len());
                let length = self.0.min(into.len());
                self.0 -= length;
                Ok(length)
            }
        }
        let mut ten = Ten(10, 0);
        let error = read_bytes(&mut ten, 1 << 43).expect_err("there are ten");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(ten.1, 1 << 20);
        let error = read_bytes(&mut io::empty(), u64::MAX).expect_err("it is absurd");
        assert_eq!(error.to_string(), "a value of an absurd length");
    }
}
