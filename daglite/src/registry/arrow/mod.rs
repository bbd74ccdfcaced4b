//! The formats of arrow's batches: `ipc`, arrow's own; `parquet`, packed; `csv`, for people.
//!
//! Each gives back what it was given, with the same schema, or refuses it. Of `ipc` the tests show that, for all types; the
//! others are read again as they are written, since neither can hold every type.

mod csv;
mod ipc;
mod parquet;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use super::guard::guarded;
use super::{Format, HasFormat};
use crate::error::BoxError;
use crate::hash::{ContentHash, ContentHasher, Strategy};

impl HasFormat for RecordBatch {
    fn formats() -> Vec<Format<Self>> {
        fn only(mut batches: Vec<RecordBatch>) -> Result<RecordBatch, BoxError> {
            match (batches.pop(), batches.len()) {
                (Some(batch), 0) => Ok(batch),
                (_, others) => Err(format!("there is not one batch in it, but {others}").into()),
            }
        }
        vec![
            Format::new(
                ipc::NAME,
                ipc::EXTENSION,
                |batch: &Self| ipc::encode(std::slice::from_ref(batch)),
                |bytes| guarded(|| ipc::decode(bytes)).and_then(only),
            ),
            Format::new(
                parquet::NAME,
                parquet::NAME,
                |batch: &Self| packed(std::slice::from_ref(batch)),
                |bytes| guarded(|| parquet::decode(bytes)).and_then(only),
            ),
            Format::new(csv::NAME, csv::NAME, csv::encode, |bytes| guarded(|| csv::decode(bytes))),
        ]
    }
}

impl HasFormat for Vec<RecordBatch> {
    fn formats() -> Vec<Format<Self>> {
        vec![
            Format::new(
                ipc::NAME,
                ipc::EXTENSION,
                |batches: &Self| ipc::encode(batches),
                |bytes| guarded(|| ipc::decode(bytes)),
            ),
            Format::new(
                parquet::NAME,
                parquet::NAME,
                |batches: &Self| packed(batches),
                |bytes| guarded(|| parquet::decode(bytes)),
            ),
            Format::new(
                csv::NAME,
                csv::NAME,
                |batches: &Self| match &batches[..] {
                    [batch] => csv::encode(batch),
                    _ => {
                        let count = batches.len();
                        Err(format!("csv does not tell {count} batches apart: {ELSE}").into())
                    }
                },
                |bytes| guarded(|| Ok(vec![csv::decode(bytes)?])),
            ),
        ]
    }
}

/// Parquet, or why not.
fn packed(batches: &[RecordBatch]) -> Result<Vec<u8>, BoxError> {
    schema_of(batches)?;
    let name = parquet::NAME;
    guarded(|| parquet::encode(batches))
        .map_err(|error| format!("{name} cannot hold it ({error}): {ELSE}").into())
}

/// What to do if a format cannot hold a value.
const ELSE: &str = "use the format `ipc`";

/// The schema of all batches.
fn schema_of(batches: &[RecordBatch]) -> Result<SchemaRef, BoxError> {
    let Some(first) = batches.first() else {
        return Ok(SchemaRef::new(arrow::datatypes::Schema::empty()));
    };
    match batches.iter().position(|batch| batch.schema_ref() != first.schema_ref()) {
        None => Ok(first.schema()),
        Some(at) => Err(format!(
            "batch {at} has another schema than the first one: return batches of one schema"
        )
        .into()),
    }
}

/// A batch without columns.
fn without_columns(schema: SchemaRef, rows: usize) -> Result<RecordBatch, BoxError> {
    let rows = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, Vec::new(), &rows)?)
}

/// Refuses what `format` would not give back.
fn same(format: &str, batch: &RecordBatch, back: &RecordBatch) -> Result<(), BoxError> {
    let (schema, found) = (batch.schema_ref(), back.schema_ref());
    let columns = schema.fields().iter().zip(found.fields());
    for (at, (field, now)) in columns.enumerate() {
        let name = field.name();
        if field != now {
            let ty = field.data_type();
            return Err(format!("{format} cannot hold column `{name}` of type {ty}: {ELSE}").into());
        }
        if digest(batch.column(at))? != digest(back.column(at))? {
            return Err(format!("{format} would change values of column `{name}`: {ELSE}").into());
        }
    }
    if schema != found || batch.num_rows() != back.num_rows() {
        return Err(format!("{format} cannot hold this schema: {ELSE}").into());
    }
    Ok(())
}

/// All of an array's content.
fn digest(array: &dyn Array) -> Result<crate::Digest, BoxError> {
    let mut hasher = ContentHasher::new(Strategy::Exact);
    array.content_hash(&mut hasher);
    Ok(hasher.finish()?)
}
