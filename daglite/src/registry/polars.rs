//! The formats of polars' frames: `ipc`, arrow's own; `parquet`, packed; `csv`, for people.
//!
//! Each gives back what it was given, with the same types, or refuses it: what is written is read again at once, and compared.

use std::io::Cursor;

use polars::prelude::{
    Column, CompatLevel, DataFrame, DataType, IntoColumn, IpcReader, IpcWriter, NamedFrom,
    ParquetReader, ParquetWriter, SerReader, SerWriter, Series, StringChunked,
};

use super::guard::guarded;
use super::{Format, HasFormat, seal, table};
use crate::error::BoxError;
use crate::hash::{ContentHash, ContentHasher, Strategy};

const IPC: &str = "ipc";
const PARQUET: &str = "parquet";
const CSV: &str = "csv";

/// What files of the first two end with.
const IPC_END: &[u8] = b"ARROW1";
const PARQUET_END: &[u8] = b"PAR1";

/// What to do if a format cannot hold a frame.
const ELSE: &str = "use the format `ipc`";

impl HasFormat for DataFrame {
    fn formats() -> Vec<Format<Self>> {
        vec![
            Format::new(IPC, "arrow", |frame: &Self| checked(IPC, frame, ipc, of_ipc), of_ipc),
            Format::new(
                PARQUET,
                PARQUET,
                |frame: &Self| checked(PARQUET, frame, parquet, of_parquet),
                of_parquet,
            ),
            Format::new(CSV, CSV, |frame: &Self| checked(CSV, frame, csv, of_csv), of_csv),
        ]
    }
}

/// A series is kept as a frame of one column.
impl HasFormat for Series {
    fn formats() -> Vec<Format<Self>> {
        let formats = DataFrame::formats().into_iter().map(|format| {
            let (name, extension) = (format.name().to_owned(), format.extension().to_owned());
            let reader = format.clone();
            Format::new(
                name,
                extension,
                move |series: &Self| format.encode(&series.clone().into_frame()),
                move |bytes| {
                    let frame = reader.decode(bytes)?;
                    match frame.columns() {
                        [column] => Ok(column.as_materialized_series().clone()),
                        all => Err(format!("it has {} columns, and not one", all.len()).into()),
                    }
                },
            )
        });
        formats.collect()
    }
}

/// What `encode` writes, if `decode` reads the same frame of it.
fn checked(
    format: &str,
    frame: &DataFrame,
    encode: fn(&DataFrame) -> Result<Vec<u8>, BoxError>,
    decode: fn(&[u8]) -> Result<DataFrame, BoxError>,
) -> Result<Vec<u8>, BoxError> {
    let bytes = guarded(|| encode(frame))?;
    let whole = |back: DataFrame| {
        let same = back.shape() == frame.shape();
        same.then_some(back).ok_or_else(|| "rows or columns are lost".into())
    };
    let back = decode(&bytes).and_then(whole);
    let back = back.map_err(|error| format!("{format} cannot hold it ({error}): {ELSE}"))?;
    for (column, now) in frame.columns().iter().zip(back.columns()) {
        // The name is part of the digest.
        if column.dtype() != now.dtype() || digest(column)? != digest(now)? {
            let (name, ty) = (column.name(), column.dtype());
            return Err(
                format!("{format} would change column `{name}` of type {ty:?}: {ELSE}").into()
            );
        }
    }
    Ok(bytes)
}

/// All of a column's content.
fn digest(column: &Column) -> Result<crate::Digest, BoxError> {
    let mut hasher = ContentHasher::new(Strategy::Exact);
    column.content_hash(&mut hasher);
    Ok(hasher.finish()?)
}

fn ipc(frame: &DataFrame) -> Result<Vec<u8>, BoxError> {
    let mut bytes = Vec::new();
    let mut writer = IpcWriter::new(&mut bytes).with_compat_level(CompatLevel::newest());
    writer.finish(&mut frame.clone())?;
    seal::sealed(bytes, IPC_END)
}

fn of_ipc(bytes: &[u8]) -> Result<DataFrame, BoxError> {
    seal::check(bytes, IPC_END)?;
    guarded(|| Ok(IpcReader::new(Cursor::new(bytes)).finish()?))
}

fn parquet(frame: &DataFrame) -> Result<Vec<u8>, BoxError> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame.clone())?;
    seal::sealed(bytes, PARQUET_END)
}

fn of_parquet(bytes: &[u8]) -> Result<DataFrame, BoxError> {
    seal::check(bytes, PARQUET_END)?;
    guarded(|| Ok(ParquetReader::new(Cursor::new(bytes)).finish()?))
}

/// The plain types that a header of CSV names.
const PLAIN: [(&str, DataType); 13] = [
    ("bool", DataType::Boolean),
    ("i8", DataType::Int8),
    ("i16", DataType::Int16),
    ("i32", DataType::Int32),
    ("i64", DataType::Int64),
    ("u8", DataType::UInt8),
    ("u16", DataType::UInt16),
    ("u32", DataType::UInt32),
    ("u64", DataType::UInt64),
    ("f32", DataType::Float32),
    ("f64", DataType::Float64),
    ("str", DataType::String),
    ("null", DataType::Null),
];

fn csv(frame: &DataFrame) -> Result<Vec<u8>, BoxError> {
    let mut header = Vec::new();
    let mut columns = Vec::new();
    for column in frame.columns() {
        let (name, ty) = (column.name(), column.dtype());
        let Some((plain, _)) = PLAIN.iter().find(|(_, plain)| plain == ty) else {
            return Err(format!("csv cannot hold column `{name}` of type {ty:?}: {ELSE}").into());
        };
        header.push(format!("{name}: {plain}"));
        columns.push(column.as_materialized_series().strict_cast(&DataType::String)?.rechunk());
    }
    let columns: Vec<&StringChunked> =
        columns.iter().map(|column| column.str()).collect::<Result<_, _>>()?;
    Ok(table::write(&header, frame.height(), |column, row| columns[column].get(row)))
}

fn of_csv(bytes: &[u8]) -> Result<DataFrame, BoxError> {
    guarded(|| {
        let table = table::read(bytes)?;
        let columns = table.header.iter().zip(table.columns).map(|(head, cells)| {
            let wrong = || format!("`{head}` in the header is no `name: type`");
            let (name, plain) = head.rsplit_once(": ").ok_or_else(wrong)?;
            let (_, ty) = PLAIN.iter().find(|(known, _)| *known == plain).ok_or_else(wrong)?;
            if *ty == DataType::Boolean {
                let truths = cells.iter().map(|cell| cell.as_deref().map(str::parse).transpose());
                let truths: Vec<Option<bool>> = truths.collect::<Result<_, _>>()?;
                return Ok(Series::new(name.into(), truths).into_column());
            }
            let text = Series::new(name.into(), cells);
            Ok(text.strict_cast(ty)?.into_column())
        });
        let columns = columns.collect::<Result<Vec<Column>, BoxError>>()?;
        Ok(DataFrame::new(table.rows, columns)?)
    })
}
