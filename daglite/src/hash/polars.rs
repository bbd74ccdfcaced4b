//! Content of polars' frames and series: names, types and values count; chunks, flags of sorting and the numbers of categories do
//! not, since a task hardly sees them.
//!
//! An enum's categories belong to its type. Floats count by their bits. A `LazyFrame` has no content before it is collected: it is
//! no argument of a cached task, which the compiler says.

use polars::prelude::{Column as Named, CompatLevel, DataFrame, DataType, Series};
use polars_arrow::array::{
    Array, BinaryArray, BinaryViewArrayGeneric, BooleanArray, DictionaryArray, DictionaryKey,
    FixedSizeListArray, ListArray, PrimitiveArray, StructArray, ViewType,
};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{
    ArrowDataType, Field, IntegerType, Metadata, PhysicalType, TimeUnit,
};
use polars_arrow::types::{NativeType, PrimitiveType};

use super::column::{Bits, Column, Content, FieldOf, Fixed, Kind, Spans, Views, write_columns};
use super::{ContentHash, ContentHasher, Element};

impl ContentHash for DataFrame {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("polars::DataFrame");
        hasher.begin_struct("DataFrame", self.width() + 1);
        hasher.field("rows");
        hasher.usize(self.height());
        for column in self.columns() {
            // By its name, so that what looks secret is not shown.
            hasher.field(column.name());
            hasher.begin_tuple(2);
            match column {
                Named::Series(series) => write_series(series, None, hasher),
                Named::Scalar(scalar) => {
                    write_series(&scalar.as_single_value_series(), Some(scalar.len()), hasher);
                }
            }
        }
    }
}

impl ContentHash for Series {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("polars::Series");
        hasher.begin_tuple(4);
        hasher.str(self.name());
        hasher.usize(self.len());
        write_series(self, None, hasher);
    }
}

/// A column is hashed as the series that it is.
impl ContentHash for Named {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("polars::Series");
        hasher.begin_tuple(4);
        hasher.str(self.name());
        hasher.usize(self.len());
        match self {
            Named::Series(series) => write_series(series, None, hasher),
            Named::Scalar(scalar) => {
                write_series(&scalar.as_single_value_series(), Some(scalar.len()), hasher);
            }
        }
    }
}

/// Hashes the values of a series and its type. If it is `repeated`, its one value stands for so many.
fn write_series(series: &Series, repeated: Option<usize>, hasher: &mut ContentHasher) {
    let (name, ty) = (series.name(), series.dtype());
    let newest = CompatLevel::newest();
    let is_known = !matches!(ty, DataType::Unknown(_));
    let field = is_known.then(|| ty.to_arrow_field(name.clone(), newest));
    let Some(field) = field else { return refuse(name, ty, hasher) };
    let Some(kind) = kind_of(&field.dtype) else { return refuse(name, ty, hasher) };
    let chunks: Vec<_> = (0..series.n_chunks()).map(|at| series.to_arrow(at, newest)).collect();
    let columns: Option<Vec<Column<'_>>> = chunks.iter().map(|chunk| column(&**chunk)).collect();
    let Some(mut columns) = columns else { return refuse(name, ty, hasher) };
    if let Some(len) = repeated {
        columns = columns.into_iter().map(|one| times(len, one)).collect();
    }
    write_columns(&columns, hasher);
    hasher.begin_tuple(2);
    kind.content_hash(hasher);
    pairs(field.metadata.as_deref()).content_hash(hasher);
}

/// As many rows as `len`, each of which stands for the only one of another column.
fn times(len: usize, one: Column<'_>) -> Column<'_> {
    let content = match one.content {
        Content::Null => Content::Null,
        _ => Content::Indirect { index: Box::new(|_| 0), items: Box::new(one) },
    };
    Column { len, validity: None, content }
}

/// Says that a column has no hash.
fn refuse(name: &str, ty: &DataType, hasher: &mut ContentHasher) {
    hasher.fail(format_args!("column `{name}` of type {ty:?} cannot be hashed"));
}

/// A field, as it is hashed.
fn field_of(field: &Field) -> Option<FieldOf<'_>> {
    Some(FieldOf {
        name: &field.name,
        nullable: field.is_nullable,
        ordered: false,
        metadata: pairs(field.metadata.as_deref()),
        kind: kind_of(&field.dtype)?,
    })
}

/// Metadata, sorted.
fn pairs(metadata: Option<&Metadata>) -> Vec<(&str, &str)> {
    let metadata = metadata.into_iter().flatten();
    metadata.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// A type, as it is hashed; `None` if no column of polars' has it.
fn kind_of(data_type: &ArrowDataType) -> Option<Kind<'_>> {
    use ArrowDataType as T;
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    Some(match data_type {
        T::Null => Kind::named("Null"),
        T::Boolean => Kind::named("Boolean"),
        T::Int8 => Kind::named("Int8"),
        T::Int16 => Kind::named("Int16"),
        T::Int32 => Kind::named("Int32"),
        T::Int64 => Kind::named("Int64"),
        T::Int128 => Kind::named("Int128"),
        T::UInt8 => Kind::named("UInt8"),
        T::UInt16 => Kind::named("UInt16"),
        T::UInt32 => Kind::named("UInt32"),
        T::UInt64 => Kind::named("UInt64"),
        T::UInt128 => Kind::named("UInt128"),
        T::Float16 => Kind::named("Float16"),
        T::Float32 => Kind::named("Float32"),
        T::Float64 => Kind::named("Float64"),
        T::Date32 => Kind::named("Date32"),
        T::Time64(unit) => Kind::with("Time64", [exponent(*unit)]),
        T::Duration(unit) => Kind::with("Duration", [exponent(*unit)]),
        T::Timestamp(unit, zone) => {
            Kind { text: zone.as_deref(), ..Kind::with("Timestamp", [exponent(*unit)]) }
        }
        T::Decimal(precision, scale) => {
            Kind::with("Decimal128", [number(*precision), number(*scale)])
        }
        T::LargeBinary => Kind::named("LargeBinary"),
        T::BinaryView => Kind::named("BinaryView"),
        T::Utf8View => Kind::named("Utf8View"),
        T::LargeList(items) => Kind::of("LargeList", [field_of(items)?]),
        T::FixedSizeList(items, size) => {
            Kind { numbers: vec![number(*size)], ..Kind::of("FixedSizeList", [field_of(items)?]) }
        }
        T::Struct(fields) => {
            let fields: Option<Vec<_>> = fields.iter().map(field_of).collect();
            Kind::of("Struct", fields?)
        }
        T::Dictionary(key, value, ordered) => {
            let key = match key {
                IntegerType::UInt8 => Kind::named("UInt8"),
                IntegerType::UInt16 => Kind::named("UInt16"),
                IntegerType::UInt32 => Kind::named("UInt32"),
                _ => return None,
            };
            let fields = [key.unnamed(), kind_of(value)?.unnamed()];
            Kind { numbers: vec![i64::from(*ordered)], ..Kind::of("Dictionary", fields) }
        }
        T::Extension(extension) => {
            let metadata = extension.metadata.iter().map(|text| ("metadata", text.as_str()));
            let inner = FieldOf {
                name: &extension.name,
                metadata: metadata.collect(),
                ..kind_of(&extension.inner)?.unnamed()
            };
            Kind::of("Extension", [inner])
        }
        _ => return None,
    })
}

/// How many digits a unit has behind the second's.
fn exponent(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// An array as its buffers; `None` if no column of polars' is of this kind.
fn column(array: &dyn Array) -> Option<Column<'_>> {
    Some(Column {
        len: array.len(),
        validity: array.validity().map(bits),
        content: content(array)?,
    })
}

/// A bitmap.
fn bits(bitmap: &Bitmap) -> Bits<'_> {
    let (bytes, offset, _) = bitmap.as_slice();
    Bits::new(bytes, offset)
}

/// The values of an array.
fn content(array: &dyn Array) -> Option<Content<'_>> {
    use PhysicalType as P;
    let any = array.as_any();
    Some(match array.dtype().to_physical_type() {
        P::Null => Content::Null,
        P::Boolean => Content::Bits(bits(any.downcast_ref::<BooleanArray>()?.values())),
        P::Primitive(number) => match number {
            PrimitiveType::Int8 => fixed::<i8>(array, Element::I8, &[1])?,
            PrimitiveType::Int16 => fixed::<i16>(array, Element::I16, &[2])?,
            PrimitiveType::Int32 => fixed::<i32>(array, Element::I32, &[4])?,
            PrimitiveType::Int64 => fixed::<i64>(array, Element::I64, &[8])?,
            PrimitiveType::Int128 => fixed::<i128>(array, Element::I128, &[16])?,
            PrimitiveType::UInt8 => fixed::<u8>(array, Element::U8, &[1])?,
            PrimitiveType::UInt16 => fixed::<u16>(array, Element::U16, &[2])?,
            PrimitiveType::UInt32 => fixed::<u32>(array, Element::U32, &[4])?,
            PrimitiveType::UInt64 => fixed::<u64>(array, Element::U64, &[8])?,
            PrimitiveType::UInt128 => fixed::<u128>(array, Element::U128, &[16])?,
            PrimitiveType::Float16 => fixed::<polars::prelude::pf16>(array, Element::U16, &[2])?,
            PrimitiveType::Float32 => fixed::<f32>(array, Element::F32, &[4])?,
            PrimitiveType::Float64 => fixed::<f64>(array, Element::F64, &[8])?,
            _ => return None,
        },
        P::Utf8View => Content::Views(any.downcast_ref::<BinaryViewArrayGeneric<str>>()?),
        P::BinaryView => Content::Views(any.downcast_ref::<BinaryViewArrayGeneric<[u8]>>()?),
        P::LargeBinary => {
            let array = any.downcast_ref::<BinaryArray<i64>>()?;
            Content::Text { spans: Spans::Large(array.offsets().as_slice()), bytes: array.values() }
        }
        P::LargeList => {
            let array = any.downcast_ref::<ListArray<i64>>()?;
            let items = Box::new(column(&**array.values())?);
            Content::List { spans: Spans::Large(array.offsets().as_slice()), items }
        }
        P::FixedSizeList => {
            let array = any.downcast_ref::<FixedSizeListArray>()?;
            Content::FixedList { size: array.size(), items: Box::new(column(&**array.values())?) }
        }
        P::Struct => {
            let columns = any.downcast_ref::<StructArray>()?.values().iter();
            let columns: Option<Vec<_>> = columns.map(|array| column(&**array)).collect();
            Content::Struct(columns?)
        }
        P::Dictionary(IntegerType::UInt8) => dictionary::<u8>(array)?,
        P::Dictionary(IntegerType::UInt16) => dictionary::<u16>(array)?,
        P::Dictionary(IntegerType::UInt32) => dictionary::<u32>(array)?,
        _ => return None,
    })
}

/// Numbers.
fn fixed<'a, T: NativeType>(
    array: &'a dyn Array,
    element: Element,
    parts: &'static [usize],
) -> Option<Content<'a>> {
    let values = array.as_any().downcast_ref::<PrimitiveArray<T>>()?.values().as_slice();
    let bytes = bytemuck::cast_slice(values);
    Some(Content::Fixed(Fixed { element, parts, width: size_of::<T>(), bytes }))
}

/// A dictionary: keys, and what they stand for.
fn dictionary<K: DictionaryKey>(array: &dyn Array) -> Option<Content<'_>> {
    let array = array.as_any().downcast_ref::<DictionaryArray<K>>()?;
    let items = Box::new(column(&**array.values())?);
    let keys = array.keys();
    // A number that is in no dictionary is that of a missing row, which is not asked for.
    let index = |row: usize| keys.value(row).try_into().unwrap_or(usize::MAX);
    Some(Content::Indirect { index: Box::new(index), items })
}

impl<T: ViewType + ?Sized> Views for BinaryViewArrayGeneric<T> {
    fn bytes(&self, row: usize) -> &[u8] {
        self.value(row).to_bytes()
    }
}

/// Types of polars' that stand behind features of its own, or in no column of a user's.
#[cfg(test)]
mod tests {
    use polars_arrow::array::{Array, NullArray, Utf8Array};
    use polars_arrow::bitmap::Bitmap;
    use polars_arrow::datatypes::ExtensionType;

    use super::*;
    use crate::hash::Strategy;

    fn digest(write: impl FnOnce(&mut ContentHasher)) -> Result<crate::Digest, String> {
        let mut hasher = ContentHasher::new(Strategy::Exact);
        write(&mut hasher);
        hasher.finish().map_err(|error| error.to_string())
    }

    fn kind(ty: &ArrowDataType) -> Option<crate::Digest> {
        kind_of(ty).map(|kind| digest(|hasher| kind.content_hash(hasher)).unwrap())
    }

    fn field(ty: ArrowDataType) -> Box<Field> {
        Box::new(Field::new("item".into(), ty, true))
    }

    #[test]
    fn every_type_is_told_from_every_other() {
        use ArrowDataType as T;
        let extension = |name: &str, metadata: Option<&str>| {
            T::Extension(Box::new(ExtensionType {
                name: name.into(),
                inner: T::Int8,
                metadata: metadata.map(Into::into),
            }))
        };
        let dictionary = |key, ordered| T::Dictionary(key, Box::new(T::Utf8View), ordered);
        let types = [
            T::UInt128,
            T::Float16,
            T::LargeBinary,
            T::Duration(TimeUnit::Second),
            T::Duration(TimeUnit::Millisecond),
            T::FixedSizeList(field(T::Int8), 2),
            T::FixedSizeList(field(T::Int8), 3),
            T::LargeList(field(T::Int8)),
            dictionary(IntegerType::UInt8, false),
            dictionary(IntegerType::UInt16, false),
            dictionary(IntegerType::UInt16, true),
            extension("a", None),
            extension("b", None),
            extension("a", Some("x")),
        ];
        let mut digests: Vec<_> =
            types.iter().map(|ty| kind(ty).expect("it is a column's")).collect();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), types.len());
        for foreign in [T::Utf8, dictionary(IntegerType::Int8, false), T::Unknown] {
            assert!(kind(&foreign).is_none(), "{foreign:?}");
        }
    }

    #[test]
    fn arrays_of_every_kind_show_their_values() {
        let values = |array: &dyn Array| {
            column(array).map(|column| digest(|hasher| write_columns(&[column], hasher)).unwrap())
        };
        let wide = |last| PrimitiveArray::<u128>::from_vec(vec![1, last]);
        assert_ne!(values(&wide(2)), values(&wide(3)));
        let half = |last: f32| PrimitiveArray::<polars::prelude::pf16>::from_vec(vec![last.into()]);
        assert_ne!(values(&half(0.5)), values(&half(1.5)));
        let text = |bytes: &[u8]| BinaryArray::<i64>::from_slice([&bytes[..1], &bytes[1..]]);
        assert_ne!(values(&text(b"abc")), values(&text(b"abd")));
        let pairs = |last| {
            let items = PrimitiveArray::<i8>::from_vec(vec![1, 2, 3, last]).boxed();
            let ty = ArrowDataType::FixedSizeList(field(ArrowDataType::Int8), 2);
            FixedSizeListArray::new(ty, 2, items, None)
        };
        assert_ne!(values(&pairs(4)), values(&pairs(5)));
        let words = |keys: Vec<u16>| {
            let there = Bitmap::from_iter(keys.iter().map(|key| *key < 9));
            let words = BinaryViewArrayGeneric::<str>::from_slice([Some("a"), Some("b")]).boxed();
            DictionaryArray::try_from_keys(
                PrimitiveArray::from_vec(keys).with_validity(Some(there)),
                words,
                false,
            )
            .unwrap()
        };
        assert_ne!(values(&words(vec![0, 1, 0])), values(&words(vec![0, 1, 1])));
        let foreign: [Box<dyn Array>; 2] = [
            Utf8Array::<i64>::from_slice(["a"]).boxed(),
            PrimitiveArray::<polars_arrow::types::days_ms>::from_vec(vec![Default::default()])
                .boxed(),
        ];
        for array in foreign {
            assert!(values(&*array).is_none());
        }
        assert!(values(&NullArray::new(ArrowDataType::Null, 2)).is_some());
    }

    #[test]
    fn a_column_that_cannot_be_hashed_is_named_with_its_type() {
        let error = digest(|hasher| refuse("a", &DataType::Int8, hasher)).unwrap_err();
        assert_eq!(error, "column `a` of type Int8 cannot be hashed");
    }
}
