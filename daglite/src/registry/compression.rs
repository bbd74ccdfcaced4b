//! Compression of a format's bytes: one zstd frame, which says how long the value is.

#[cfg(not(feature = "zstd"))]
use std::io::{Read, Write};

use super::coding::Coding;
use crate::error::BoxError;

/// How a format's bytes are compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compression {
    /// From 1, the fastest, to 22, the smallest.
    pub(super) level: i32,
    /// So many bytes, before they are compressed, and not one more.
    pub(super) most: u64,
}

#[cfg(not(feature = "zstd"))]
impl Compression {
    /// The error that says which feature to enable.
    pub(super) fn write<T>(self, _: &Coding<T>, _: &T, _: &mut dyn Write) -> Result<(), BoxError> {
        Err(self.is_missing())
    }

    /// The same.
    pub(super) fn read<T>(self, _: &Coding<T>, _: &mut dyn Read, _: u64) -> Result<T, BoxError> {
        Err(self.is_missing())
    }

    /// What to do.
    fn is_missing(self) -> BoxError {
        let Self { level, most } = self;
        format!("it is compressed (level {level}, up to {most} bytes): enable the feature `zstd` of daglite").into()
    }
}

#[cfg(feature = "zstd")]
mod enabled {
    use std::io::{self, BufRead, Chain, Read, Write};

    use zstd::zstd_safe::get_frame_content_size;

    use super::super::coding::ends_at;
    use super::{BoxError, Coding, Compression};

    /// The start of every frame.
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    /// No frame's header is longer.
    const LONGEST_HEADER: usize = 18;
    /// The levels there are.
    const LEVELS: std::ops::RangeInclusive<i32> = 1..=22;

    /// A frame whose start has been looked at.
    type Frame<R> = Chain<io::Cursor<Vec<u8>>, R>;

    impl Compression {
        /// Writes a value, compressed.
        pub(in super::super) fn write<T>(
            self,
            coding: &Coding<T>,
            value: &T,
            to: &mut dyn Write,
        ) -> Result<(), BoxError> {
            let Self { level, most } = self;
            if !LEVELS.contains(&level) {
                let (first, last) = (LEVELS.start(), LEVELS.end());
                return Err(format!(
                    "there is no compression level {level}: use {first} to {last}"
                )
                .into());
            }
            // The frame begins with the length, so it has to be known first. What flows is written twice: what only
            // passes slices on, as `raw` does, has no work with that.
            let whole = if coding.flows() { None } else { Some(coding.encode(value)?) };
            let length = match &whole {
                Some(bytes) => bytes.len() as u64,
                None => {
                    let mut count = Count(0);
                    coding.write(value, &mut count)?;
                    count.0
                }
            };
            if length > most {
                return Err(format!(
                    "it has {length} bytes, and the format compresses at most {most}: use `compress_up_to`"
                )
                .into());
            }
            let mut encoder = zstd::Encoder::new(to, level)?;
            encoder.set_pledged_src_size(Some(length))?;
            encoder.include_checksum(true)?;
            match &whole {
                Some(bytes) => encoder.write_all(bytes)?,
                None => coding.write(value, &mut encoder)?,
            }
            encoder.finish()?;
            Ok(())
        }

        /// The value that is compressed in the next `length` bytes of `from`.
        pub(in super::super) fn read<T>(
            self,
            coding: &Coding<T>,
            from: &mut dyn Read,
            length: u64,
        ) -> Result<T, BoxError> {
            let mut from = from.take(length);
            let (size, frame) = self.open(&mut from)?;
            let mut decoder = zstd::Decoder::new(frame)?.single_frame();
            let value = coding.read(&mut decoder, size)?;
            // The end of the frame is read with what comes after the value: nothing.
            if decoder.read(&mut [0])? > 0 || !decoder.finish().fill_buf()?.is_empty() {
                return Err("bytes are left over after what is compressed".into());
            }
            Ok(value)
        }

        /// The length of the value that is compressed in `from`, as the frame says, and the whole frame.
        fn open<R: Read>(self, mut from: R) -> Result<(u64, Frame<R>), BoxError> {
            let mut start = Vec::with_capacity(LONGEST_HEADER);
            from.by_ref().take(LONGEST_HEADER as u64).read_to_end(&mut start)?;
            if !start.starts_with(&MAGIC) {
                return Err("it is not compressed with zstd: it begins with other bytes".into());
            }
            let size = match get_frame_content_size(&start) {
                Ok(Some(size)) => size,
                Ok(None) => return Err("it does not say how long the value is".into()),
                Err(_) => return Err(ends_at(start.len() as u64, LONGEST_HEADER as u64)),
            };
            if size > self.most {
                let most = self.most;
                return Err(format!(
                    "{size} bytes are compressed in it, and the format decompresses at most {most}: use `compress_up_to`"
                )
                .into());
            }
            Ok((size, io::Cursor::new(start).chain(from)))
        }
    }

    /// Counts what is written to it.
    struct Count(u64);

    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
