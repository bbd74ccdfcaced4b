//! Content of arrow's types: schemas count as a whole, arrays by what their rows hold.
//!
//! Where a buffer begins, what lies under nulls or between the rows, dictionary slots that no row uses and a bitmap that says
//! of each row that it is there make no difference. Floats count by their bits.

use arrow::array::{
    Array, AsArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, FixedSizeListArray,
    GenericByteArray, GenericByteViewArray, GenericListArray, GenericListViewArray, MapArray,
    NullArray, OffsetSizeTrait, PrimitiveArray, RecordBatch, RunArray, StructArray, UnionArray,
};
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, ArrowPrimitiveType, ByteArrayType, ByteViewType,
    DataType, Field, FieldRef, IntervalUnit, Metadata, RunEndIndexType, Schema, TimeUnit,
    UnionMode,
};

use super::column::{
    Bits, Column, Content, FieldOf, Fixed, Kind, Spans, Views, write_columns, write_fields,
};
use super::{ContentHash, ContentHasher, Element};

impl ContentHash for RecordBatch {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("arrow::RecordBatch");
        hasher.begin_struct("RecordBatch", self.num_columns() + 2);
        hasher.field("rows");
        hasher.usize(self.num_rows());
        for (field, array) in self.schema_ref().fields().iter().zip(self.columns()) {
            // By its name, so that what looks secret is not shown.
            hasher.field(field.name());
            write_columns(&[column(array)], hasher);
        }
        hasher.field("schema");
        self.schema_ref().content_hash(hasher);
    }
}

/// So that an [`ArrayRef`](arrow::array::ArrayRef) is hashed, which points to one.
impl ContentHash for dyn Array + '_ {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        write_array(self, hasher);
    }
}

/// Arrays whose type is known are hashed as those whose type is not.
macro_rules! arrays {
    ($($array:ty $(, $parameter:ident: $bound:path)?;)*) => {$(
        impl$(<$parameter: $bound>)? ContentHash for $array {
            fn content_hash(&self, hasher: &mut ContentHasher) {
                write_array(self, hasher);
            }
        }
    )*};
}

arrays! {
    NullArray;
    BooleanArray;
    PrimitiveArray<T>, T: ArrowPrimitiveType;
    GenericByteArray<T>, T: ByteArrayType;
    GenericByteViewArray<T>, T: ByteViewType;
    FixedSizeBinaryArray;
    GenericListArray<O>, O: OffsetSizeTrait;
    GenericListViewArray<O>, O: OffsetSizeTrait;
    FixedSizeListArray;
    StructArray;
    MapArray;
    UnionArray;
    DictionaryArray<K>, K: ArrowDictionaryKeyType;
    RunArray<R>, R: RunEndIndexType;
}

impl ContentHash for Schema {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("arrow::Schema");
        hasher.begin_tuple(2);
        let fields: Vec<FieldOf<'_>> = self.fields().iter().map(|field| field_of(field)).collect();
        write_fields(&fields, hasher);
        pairs(&self.metadata).content_hash(hasher);
    }
}

impl ContentHash for Field {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("arrow::Field");
        field_of(self).content_hash(hasher);
    }
}

impl ContentHash for DataType {
    fn content_hash(&self, hasher: &mut ContentHasher) {
        hasher.begin_builtin("arrow::DataType");
        kind_of(self).content_hash(hasher);
    }
}

/// Hashes an array with its type.
fn write_array(array: &dyn Array, hasher: &mut ContentHasher) {
    hasher.begin_builtin("arrow::Array");
    hasher.begin_tuple(3);
    hasher.usize(array.len());
    write_columns(&[column(array)], hasher);
    kind_of(array.data_type()).content_hash(hasher);
}

/// A field, as it is hashed.
fn field_of(field: &Field) -> FieldOf<'_> {
    FieldOf {
        name: field.name(),
        nullable: field.is_nullable(),
        ordered: field.dict_is_ordered() == Some(true),
        metadata: pairs(field.metadata()),
        kind: kind_of(field.data_type()),
    }
}

/// Metadata, sorted.
fn pairs(metadata: &Metadata) -> Vec<(&str, &str)> {
    // Sorted by its type's promise.
    metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// A type, as it is hashed.
fn kind_of(data_type: &DataType) -> Kind<'_> {
    use DataType as T;
    match data_type {
        T::Null => Kind::named("Null"),
        T::Boolean => Kind::named("Boolean"),
        T::Int8 => Kind::named("Int8"),
        T::Int16 => Kind::named("Int16"),
        T::Int32 => Kind::named("Int32"),
        T::Int64 => Kind::named("Int64"),
        T::UInt8 => Kind::named("UInt8"),
        T::UInt16 => Kind::named("UInt16"),
        T::UInt32 => Kind::named("UInt32"),
        T::UInt64 => Kind::named("UInt64"),
        T::Float16 => Kind::named("Float16"),
        T::Float32 => Kind::named("Float32"),
        T::Float64 => Kind::named("Float64"),
        T::Timestamp(unit, zone) => {
            Kind { text: zone.as_deref(), ..Kind::with("Timestamp", [exponent(unit)]) }
        }
        T::Date32 => Kind::named("Date32"),
        T::Date64 => Kind::named("Date64"),
        T::Time32(unit) => Kind::with("Time32", [exponent(unit)]),
        T::Time64(unit) => Kind::with("Time64", [exponent(unit)]),
        T::Duration(unit) => Kind::with("Duration", [exponent(unit)]),
        T::Interval(IntervalUnit::YearMonth) => Kind::named("IntervalYearMonth"),
        T::Interval(IntervalUnit::DayTime) => Kind::named("IntervalDayTime"),
        T::Interval(IntervalUnit::MonthDayNano) => Kind::named("IntervalMonthDayNano"),
        T::Binary => Kind::named("Binary"),
        T::FixedSizeBinary(width) => Kind::with("FixedSizeBinary", [i64::from(*width)]),
        T::LargeBinary => Kind::named("LargeBinary"),
        T::BinaryView => Kind::named("BinaryView"),
        T::Utf8 => Kind::named("Utf8"),
        T::LargeUtf8 => Kind::named("LargeUtf8"),
        T::Utf8View => Kind::named("Utf8View"),
        T::List(items) => parts("List", &[items]),
        T::ListView(items) => parts("ListView", &[items]),
        T::FixedSizeList(items, size) => {
            Kind { numbers: vec![i64::from(*size)], ..parts("FixedSizeList", &[items]) }
        }
        T::LargeList(items) => parts("LargeList", &[items]),
        T::LargeListView(items) => parts("LargeListView", &[items]),
        T::Struct(fields) => parts("Struct", &fields.iter().collect::<Vec<_>>()),
        T::Union(variants, mode) => {
            let name = match mode {
                UnionMode::Sparse => "SparseUnion",
                UnionMode::Dense => "DenseUnion",
            };
            let (tags, fields): (Vec<_>, Vec<_>) =
                variants.iter().map(|(tag, field)| (i64::from(tag), field)).unzip();
            Kind { numbers: tags, ..parts(name, &fields) }
        }
        T::Dictionary(key, value) => {
            Kind::of("Dictionary", [kind_of(key).unnamed(), kind_of(value).unnamed()])
        }
        T::Decimal32(precision, scale) => {
            Kind::with("Decimal32", [i64::from(*precision), i64::from(*scale)])
        }
        T::Decimal64(precision, scale) => {
            Kind::with("Decimal64", [i64::from(*precision), i64::from(*scale)])
        }
        T::Decimal128(precision, scale) => {
            Kind::with("Decimal128", [i64::from(*precision), i64::from(*scale)])
        }
        T::Decimal256(precision, scale) => {
            Kind::with("Decimal256", [i64::from(*precision), i64::from(*scale)])
        }
        T::Map(entries, sorted) => {
            Kind { numbers: vec![i64::from(*sorted)], ..parts("Map", &[entries]) }
        }
        T::RunEndEncoded(ends, values) => parts("RunEndEncoded", &[ends, values]),
    }
}

/// A type with parts.
fn parts<'a>(name: &'static str, fields: &[&'a FieldRef]) -> Kind<'a> {
    Kind::of(name, fields.iter().map(|field| field_of(field)))
}

/// How many digits a unit has behind the second's.
fn exponent(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    }
}

/// An array as its buffers.
fn column(array: &dyn Array) -> Column<'_> {
    let validity = array.nulls().map(|nulls| Bits::new(nulls.validity(), nulls.offset()));
    Column { len: array.len(), validity, content: content(array) }
}

/// A column below.
fn boxed(array: &dyn Array) -> Box<Column<'_>> {
    Box::new(column(array))
}

/// The values of an array.
fn content(array: &dyn Array) -> Content<'_> {
    use DataType as T;
    match array.data_type() {
        T::Null => Content::Null,
        T::Boolean => {
            let values = array.as_boolean().values();
            Content::Bits(Bits::new(values.values(), values.offset()))
        }
        T::Binary => text(array.as_binary::<i32>(), Spans::Small),
        T::LargeBinary => text(array.as_binary::<i64>(), Spans::Large),
        T::Utf8 => text(array.as_string::<i32>(), Spans::Small),
        T::LargeUtf8 => text(array.as_string::<i64>(), Spans::Large),
        T::BinaryView => Content::Views(array.as_binary_view()),
        T::Utf8View => Content::Views(array.as_string_view()),
        T::FixedSizeBinary(width) => {
            let bytes = array.as_fixed_size_binary().value_data();
            Content::Fixed(Fixed {
                element: Element::U8,
                parts: &[1],
                width: *width as usize,
                bytes,
            })
        }
        T::List(_) => {
            let array = array.as_list::<i32>();
            let spans = Spans::Small(array.value_offsets());
            Content::List { spans, items: boxed(array.values()) }
        }
        T::LargeList(_) => {
            let array = array.as_list::<i64>();
            let spans = Spans::Large(array.value_offsets());
            Content::List { spans, items: boxed(array.values()) }
        }
        T::ListView(_) => {
            let array = array.as_list_view::<i32>();
            let spans = Spans::SmallViews(array.value_offsets(), array.value_sizes());
            Content::List { spans, items: boxed(array.values()) }
        }
        T::LargeListView(_) => {
            let array = array.as_list_view::<i64>();
            let spans = Spans::LargeViews(array.value_offsets(), array.value_sizes());
            Content::List { spans, items: boxed(array.values()) }
        }
        T::FixedSizeList(_, size) => {
            let items = boxed(array.as_fixed_size_list().values());
            Content::FixedList { size: *size as usize, items }
        }
        T::Map(..) => {
            let array = array.as_map();
            let spans = Spans::Small(array.value_offsets());
            Content::List { spans, items: boxed(array.entries()) }
        }
        T::Struct(_) => {
            let columns = array.as_struct().columns();
            Content::Struct(columns.iter().map(|array| column(array)).collect())
        }
        T::Union(variants, _) => {
            let array = array.as_union();
            let variants =
                variants.iter().map(|(tag, _)| (tag, column(array.child(tag)))).collect();
            Content::Union {
                tags: array.type_ids(),
                offsets: array.offsets().map(|offsets| &offsets[..]),
                variants,
            }
        }
        T::Dictionary(key, _) => arrow::array::downcast_integer! {
            &**key => (dictionary_of, array),
            _ => unreachable!("arrow has integers as keys alone"),
        },
        T::RunEndEncoded(ends, _) => match ends.data_type() {
            T::Int16 => runs::<arrow::datatypes::Int16Type>(array),
            T::Int32 => runs::<arrow::datatypes::Int32Type>(array),
            _ => runs::<arrow::datatypes::Int64Type>(array),
        },
        data_type => arrow::array::downcast_primitive! {
            data_type => (fixed_of, array),
            _ => unreachable!("all others stand above"),
        },
    }
}

/// [`dictionary`] by the name of a type.
macro_rules! dictionary_of {
    ($key:ty, $array:ident) => {
        dictionary::<$key>($array)
    };
}
use dictionary_of;

/// [`fixed`] by the name of a type.
macro_rules! fixed_of {
    ($number:ty, $array:ident) => {
        fixed::<$number>($array)
    };
}
use fixed_of;

/// Numbers.
fn fixed<T: ArrowPrimitiveType>(array: &dyn Array) -> Content<'_> {
    let bytes = array.as_primitive::<T>().values().inner().as_slice();
    let (element, parts): (_, &[usize]) = match T::DATA_TYPE {
        DataType::Int8 => (Element::I8, &[1]),
        DataType::Int16 => (Element::I16, &[2]),
        DataType::UInt8 => (Element::U8, &[1]),
        DataType::UInt16 | DataType::Float16 => (Element::U16, &[2]),
        DataType::UInt32 => (Element::U32, &[4]),
        DataType::UInt64 => (Element::U64, &[8]),
        DataType::Float32 => (Element::F32, &[4]),
        DataType::Float64 => (Element::F64, &[8]),
        DataType::Interval(IntervalUnit::DayTime) => (Element::U8, &[4, 4]),
        DataType::Interval(IntervalUnit::MonthDayNano) => (Element::U8, &[4, 4, 8]),
        DataType::Decimal128(..) => (Element::I128, &[16]),
        DataType::Decimal256(..) => (Element::U8, &[16, 16]),
        _ if size_of::<T::Native>() == 4 => (Element::I32, &[4]),
        _ => (Element::I64, &[8]),
    };
    Content::Fixed(Fixed { element, parts, width: size_of::<T::Native>(), bytes })
}

/// Text or bytes.
fn text<'a, T: ByteArrayType>(
    array: &'a GenericByteArray<T>,
    spans: fn(&'a [T::Offset]) -> Spans<'a>,
) -> Content<'a> {
    Content::Text { spans: spans(array.value_offsets()), bytes: array.value_data() }
}

impl<T: ByteViewType> Views for GenericByteViewArray<T> {
    fn bytes(&self, row: usize) -> &[u8] {
        self.value(row).as_ref()
    }
}

/// A dictionary: keys, and what they stand for.
fn dictionary<K: ArrowDictionaryKeyType>(array: &dyn Array) -> Content<'_> {
    let array = array.as_dictionary::<K>();
    let keys = array.keys().values();
    let index = |row: usize| keys[row].as_usize();
    Content::Indirect { index: Box::new(index), items: boxed(array.values()) }
}

/// Runs, each of which stands for a value.
fn runs<R: RunEndIndexType>(array: &dyn Array) -> Content<'_> {
    let array = array.as_run::<R>();
    Content::Indirect {
        index: Box::new(|row| array.get_physical_index(row)),
        items: boxed(array.values()),
    }
}
