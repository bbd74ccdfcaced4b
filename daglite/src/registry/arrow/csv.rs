//! The format `csv`: for people. The header says of each column its name and its type, as in `price: Float64`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::super::table;
use super::{ELSE, same, without_columns};
use crate::error::BoxError;

pub(super) const NAME: &str = "csv";

/// All zones are written as this one: who does not know the rules of a zone knows its moments.
const UTC: &str = "+00:00";

/// Stands before the type of a column that has all values.
const NOT_NULL: &str = "non-null ";

pub(super) fn encode(batch: &RecordBatch) -> Result<Vec<u8>, BoxError> {
    let mut header = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let nullable = if field.is_nullable() { "" } else { NOT_NULL };
        header.push(format!("{}: {nullable}{}", field.name(), field.data_type()));
        let text = to_text(column).map_err(|error| {
            let (name, ty) = (field.name(), field.data_type());
            format!("csv cannot hold column `{name}` of type {ty} ({error}): {ELSE}")
        })?;
        columns.push(text);
    }
    let cell = |column: usize, row: usize| {
        let column: &StringArray = columns[column].as_string();
        column.is_valid(row).then(|| column.value(row))
    };
    let bytes = table::write(&header, batch.num_rows(), cell);
    let back = decode(&bytes).map_err(|error| format!("csv cannot hold it ({error}): {ELSE}"))?;
    same(NAME, batch, &back)?;
    Ok(bytes)
}

pub(super) fn decode(bytes: &[u8]) -> Result<RecordBatch, BoxError> {
    let table = table::read(bytes)?;
    let fields = table.header.iter().map(|head| field(head)).collect::<Result<Vec<_>, _>>()?;
    let schema = SchemaRef::new(Schema::new(fields));
    if table.columns.is_empty() {
        return without_columns(schema, table.rows);
    }
    let columns = schema.fields().iter().zip(&table.columns).map(|(field, cells)| {
        of_text(cells, field.data_type())
            .map_err(|error| format!("column `{}`: {error}", field.name()))
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// A column of what a cell of the header says.
fn field(head: &str) -> Result<Field, BoxError> {
    let wrong = || format!("`{head}` in the header is no `name: type`");
    let (name, ty) = head.rsplit_once(": ").ok_or_else(wrong)?;
    // A type may have a `: ` of its own: the name ends where a type begins.
    let mut split = (name, ty);
    loop {
        let (name, ty) = split;
        let (plain, nullable) = match ty.strip_prefix(NOT_NULL) {
            Some(plain) => (plain, false),
            None => (ty, true),
        };
        if let Ok(data_type) = plain.parse::<DataType>() {
            return Ok(Field::new(name, data_type, nullable));
        }
        let (shorter, _) = name.rsplit_once(": ").ok_or_else(wrong)?;
        split = (shorter, &head[shorter.len() + 2..]);
    }
}

/// The values as text.
fn to_text(column: &ArrayRef) -> Result<ArrayRef, BoxError> {
    match column.data_type() {
        ty if ty.is_nested() => Err("it holds lists, structs or the like".into()),
        // As numbers: there is no text of these types that is read again.
        DataType::Duration(_) => to_text(&cast(column, &DataType::Int64)?),
        DataType::Timestamp(unit, Some(zone)) if **zone != *UTC => {
            let moments = cast(column, &DataType::Int64)?;
            to_text(&cast(&moments, &DataType::Timestamp(*unit, Some(UTC.into())))?)
        }
        _ => cast(column, &DataType::Utf8),
    }
}

/// Values of their text.
fn of_text(cells: &[Option<String>], ty: &DataType) -> Result<ArrayRef, BoxError> {
    let text: ArrayRef = Arc::new(StringArray::from_iter(cells));
    match ty {
        DataType::Null if text.null_count() == text.len() => Ok(new_null_array(ty, text.len())),
        DataType::Duration(_) => cast(&cast(&text, &DataType::Int64)?, ty),
        DataType::Timestamp(unit, Some(zone)) if **zone != *UTC => {
            let moments = cast(&text, &DataType::Timestamp(*unit, Some(UTC.into())))?;
            cast(&cast(&moments, &DataType::Int64)?, ty)
        }
        _ => cast(&text, ty),
    }
}

/// Another type of the same values; an error if there is one that has no such.
fn cast(column: &ArrayRef, ty: &DataType) -> Result<ArrayRef, BoxError> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(column, ty, &options)?)
}
