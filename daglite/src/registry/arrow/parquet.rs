//! The format `parquet`: packed, and read by everybody. It knows no batches: how many rows each had stands in the metadata.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{Metadata, Schema, SchemaRef};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{same, schema_of, without_columns};
use crate::error::BoxError;

pub(super) const NAME: &str = "parquet";

/// Under this name stands how many rows each batch has.
const BATCHES: &str = "daglite.batches";
/// So many rows are read at once: what a damaged file says of its rows is not to be believed.
const AT_ONCE: usize = 64 << 10;

pub(super) fn encode(batches: &[RecordBatch]) -> Result<Vec<u8>, BoxError> {
    let schema = schema_of(batches)?;
    let packed = Compression::ZSTD(ZstdLevel::try_new(1)?);
    let properties = WriterProperties::builder().set_compression(packed).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), SchemaRef::clone(&schema), Some(properties))?;
    if !schema.fields().is_empty() {
        batches.iter().try_for_each(|batch| writer.write(batch))?;
    }
    let rows: Vec<String> = batches.iter().map(|batch| batch.num_rows().to_string()).collect();
    writer.append_key_value_metadata(KeyValue::new(BATCHES.to_owned(), rows.join(",")));
    let bytes = writer.into_inner()?;
    let back = decode(&bytes)?;
    assert_eq!(back.len(), batches.len(), "the file says how many there are");
    batches.iter().zip(&back).try_for_each(|(batch, back)| same(NAME, batch, back))?;
    Ok(bytes)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Vec<RecordBatch>, BoxError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes))?;
    let (schema, rows) = without_rows(reader.schema())?;
    let read = reader.with_batch_size(AT_ONCE).build()?.collect::<Result<Vec<_>, _>>()?;
    let read = read.iter().map(|batch| batch.clone().with_schema(SchemaRef::clone(&schema)));
    let read = read.collect::<Result<Vec<_>, _>>()?;
    let Some(rows) = rows else { return Ok(vec![concat_batches(&schema, &read)?]) };
    if schema.fields().is_empty() {
        return rows
            .into_iter()
            .map(|rows| without_columns(SchemaRef::clone(&schema), rows))
            .collect();
    }
    let whole = concat_batches(&schema, &read)?;
    let mut left = whole.num_rows();
    let mut batches = Vec::new();
    for rows in rows {
        let start = whole.num_rows() - left;
        left = left.checked_sub(rows).ok_or_else(|| {
            let has = whole.num_rows();
            format!("it says that rows {start} to {start} + {rows} are a batch, and has {has}")
        })?;
        batches.push(whole.slice(start, rows));
    }
    if left > 0 {
        return Err(format!("{left} rows belong to no batch").into());
    }
    Ok(batches)
}

/// The schema without what stands in it of batches, and how many rows each of those has.
fn without_rows(schema: &SchemaRef) -> Result<(SchemaRef, Option<Vec<usize>>), BoxError> {
    let Some(rows) = schema.metadata.get(BATCHES) else {
        return Ok((SchemaRef::clone(schema), None));
    };
    let rows: Result<Vec<usize>, _> = rows.split_terminator(',').map(str::parse).collect();
    let others = schema.metadata.iter().filter(|(key, _)| *key != BATCHES);
    let metadata: Metadata = others.map(|(key, value)| (key.clone(), value.clone())).collect();
    let schema = Schema::new_with_metadata(schema.fields().clone(), metadata);
    Ok((SchemaRef::new(schema), Some(rows?)))
}
