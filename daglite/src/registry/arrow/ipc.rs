//! The format `ipc`: an arrow file, as every library of arrow's reads it.
//!
//! A file holds one dictionary for a column. Batches with several are written as a stream of arrow's, which is read as well.

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamDecoder, read_footer_length};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use arrow::ipc::{Block, MessageHeader, root_as_footer, root_as_message};

use crate::error::BoxError;

pub(super) const NAME: &str = "ipc";
pub(super) const EXTENSION: &str = "arrow";

/// What a file begins and ends with.
const MAGIC: &[u8] = b"ARROW1";
/// What a stream begins its messages with.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// What a stream ends with.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

pub(super) fn encode(batches: &[RecordBatch]) -> Result<Vec<u8>, BoxError> {
    let schema = super::schema_of(batches)?;
    let mut file = FileWriter::try_new(Vec::new(), &schema)?;
    match batches.iter().try_for_each(|batch| file.write(batch)) {
        Err(ArrowError::InvalidArgumentError(_)) if batches.len() > 1 => {
            let mut stream = StreamWriter::try_new(Vec::new(), &schema)?;
            batches.iter().try_for_each(|batch| stream.write(batch))?;
            Ok(stream.into_inner()?)
        }
        written => {
            written?;
            Ok(file.into_inner()?)
        }
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<RecordBatch>, BoxError> {
    if bytes.starts_with(&CONTINUATION) {
        return decode_stream(bytes);
    }
    if !bytes.starts_with(MAGIC) {
        return Err("it does not begin as an arrow file does: byte 0".into());
    }
    check(bytes)?;
    let file = FileReader::try_new(std::io::Cursor::new(bytes), None)?;
    Ok(file.collect::<Result<_, _>>()?)
}

/// The batches of a stream. A stream that is cut between two messages is still one, so its end is asked for.
fn decode_stream(bytes: &[u8]) -> Result<Vec<RecordBatch>, BoxError> {
    if !bytes.ends_with(&END) {
        return Err(format!("the stream has no end at byte {}: it is cut", bytes.len()).into());
    }
    let mut rest = Buffer::from(bytes);
    let mut decoder = StreamDecoder::new();
    let mut batches = Vec::new();
    while let Some(batch) = decoder.decode(&mut rest)? {
        batches.push(batch);
    }
    decoder.finish()?;
    Ok(batches)
}

/// Whether all that the footer speaks of lies in the file, and nothing is packed: whoever reads it makes room for what it
/// says, however much that is.
fn check(bytes: &[u8]) -> Result<(), BoxError> {
    let cut = || format!("it has no footer at byte {}: it is cut or damaged", bytes.len());
    let (rest, tail) = bytes.split_last_chunk::<10>().ok_or_else(cut)?;
    let length = read_footer_length(*tail).map_err(|_| cut())?;
    let start = rest.len().checked_sub(length).ok_or_else(cut)?;
    let damaged = |error| format!("the footer at byte {start} is damaged: {error}");
    let footer = root_as_footer(&rest[start..]).map_err(damaged)?;
    let batches = footer.recordBatches().into_iter().flatten();
    let dictionaries = footer.dictionaries().into_iter().flatten();
    for block in batches.chain(dictionaries) {
        check_block(bytes, block)?;
    }
    Ok(())
}

/// The same, of a block.
fn check_block(bytes: &[u8], block: &Block) -> Result<(), BoxError> {
    let wrong = || format!("a block at byte {} does not lie in the file", block.offset());
    let start = usize::try_from(block.offset()).map_err(|_| wrong())?;
    let head = usize::try_from(block.metaDataLength()).map_err(|_| wrong())?;
    let body = usize::try_from(block.bodyLength()).map_err(|_| wrong())?;
    let message = bytes.get(start..).and_then(|rest| rest.get(..head)).ok_or_else(wrong)?;
    bytes[start + head..].get(..body).ok_or_else(wrong)?;
    let length = message.strip_prefix(&CONTINUATION).unwrap_or(message);
    let damaged = |error| format!("the block at byte {start} is damaged: {error}");
    let message = root_as_message(length.get(4..).ok_or_else(wrong)?).map_err(damaged)?;
    let batch = match message.header_type() {
        MessageHeader::DictionaryBatch => {
            message.header_as_dictionary_batch().and_then(|batch| batch.data())
        }
        _ => message.header_as_record_batch(),
    };
    if batch.is_some_and(|batch| batch.compression().is_some()) {
        return Err(
            format!("the block at byte {start} is compressed, which daglite never writes").into()
        );
    }
    Ok(())
}
