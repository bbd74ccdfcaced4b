//! Arrays of every type of arrow's, with missing values and what is odd about each.

#![allow(dead_code, unreachable_pub, reason = "each test program uses what it needs")]

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use daglite::{ContentHash, ContentHasher, Digest, Strategy};

pub fn digest(value: &(impl ContentHash + ?Sized)) -> Digest {
    by(Strategy::Exact, value)
}

pub fn by(strategy: Strategy, value: &(impl ContentHash + ?Sized)) -> Digest {
    let mut hasher = ContentHasher::new(strategy);
    value.content_hash(&mut hasher);
    hasher.finish().unwrap()
}

/// Seven values, of which the third and the last are missing.
fn numbers<T: ArrowPrimitiveType>(values: [T::Native; 7]) -> PrimitiveArray<T> {
    PrimitiveArray::new(ScalarBuffer::from(values.to_vec()), Some(nulls()))
}

fn nulls() -> NullBuffer {
    NullBuffer::from(vec![true, true, false, true, true, true, false])
}

fn words() -> Vec<Option<&'static str>> {
    vec![
        Some("one"),
        Some(""),
        None,
        Some("a text that is longer than twelve letters"),
        Some("one"),
        Some("ü\n\"x\", y"),
        None,
    ]
}

fn field(name: &str, ty: DataType) -> FieldRef {
    Arc::new(Field::new(name, ty, true))
}

fn items() -> ArrayRef {
    Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(4), Some(5), None, Some(7)]))
}

fn pair() -> StructArray {
    let columns: Vec<ArrayRef> = vec![items(), Arc::new(StringArray::from(words()))];
    let fields = vec![field("n", DataType::Int32), field("s", DataType::Utf8)];
    StructArray::new(fields.into(), columns, Some(nulls()))
}

/// An array of each type, each of seven rows, and how many decimals, units and such vary.
pub fn arrays() -> Vec<(&'static str, ArrayRef)> {
    let mut arrays: Vec<(&'static str, ArrayRef)> = Vec::new();
    let mut add = |name, array: ArrayRef| {
        assert_eq!(array.len(), 7, "{name}");
        arrays.push((name, array));
    };
    macro_rules! integers {
        ($($name:literal $type:ty = $number:ty;)*) => {$(
            let values = [<$number>::MIN, 1, 2, <$number>::MAX, 0, 5, 6];
            add($name, Arc::new(numbers::<$type>(values)));
        )*};
    }
    integers! {
        "int8" Int8Type = i8;
        "int16" Int16Type = i16;
        "int32" Int32Type = i32;
        "int64" Int64Type = i64;
        "uint8" UInt8Type = u8;
        "uint16" UInt16Type = u16;
        "uint32" UInt32Type = u32;
        "uint64" UInt64Type = u64;
        "duration s" DurationSecondType = i64;
        "duration ns" DurationNanosecondType = i64;
        "interval months" IntervalYearMonthType = i32;
    }
    let odd = f64::from_bits(0x7ff8_0000_dead_beef);
    let floats = [0.1, -0.0, 1.0, odd, f64::INFINITY, 1e300, 2.0];
    add("float64", Arc::new(numbers::<Float64Type>(floats)));
    let odd = f32::from_bits(0xffc0_1234);
    add("float32", Arc::new(numbers::<Float32Type>([0.1, -0.0, 1.0, odd, f32::MIN, 1e-40, 2.0])));
    let bits = numbers::<UInt16Type>([0, 0x8000, 1, 0x7e01, 0x3c00, 5, 6]);
    let halves = bits.to_data().into_builder().data_type(DataType::Float16);
    add("float16", make_array(halves.build().unwrap()));
    let days = [0, 19_000, 1, -719_162, 20_000, 5, 6];
    add("date32", Arc::new(numbers::<Date32Type>(days)));
    add("date64", Arc::new(numbers::<Date64Type>(days.map(|day| i64::from(day) * 86_400_000))));
    add("time32 s", Arc::new(numbers::<Time32SecondType>([0, 1, 2, 86_399, 4, 5, 6])));
    add("time32 ms", Arc::new(numbers::<Time32MillisecondType>([0, 1, 2, 86_399_999, 4, 5, 6])));
    add(
        "time64 us",
        Arc::new(numbers::<Time64MicrosecondType>([0, 1, 2, 86_399_999_999, 4, 5, 6])),
    );
    add(
        "time64 ns",
        Arc::new(numbers::<Time64NanosecondType>([0, 1, 2, 86_399_999_999_999, 4, 5, 6])),
    );
    let moments = [0, 1, 2, 1_700_000_000, -5, 6, 7];
    add("timestamp s", Arc::new(numbers::<TimestampSecondType>(moments)));
    add("timestamp ms", Arc::new(numbers::<TimestampMillisecondType>(moments)));
    add("timestamp ns", Arc::new(numbers::<TimestampNanosecondType>(moments)));
    let zoned = numbers::<TimestampMicrosecondType>(moments);
    add("timestamp us utc", Arc::new(zoned.clone().with_timezone("UTC")));
    add("timestamp us offset", Arc::new(zoned.with_timezone("+02:00")));
    let day_time = |day| IntervalDayTimeType::make_value(day, day * 3);
    add(
        "interval days",
        Arc::new(numbers::<IntervalDayTimeType>([0, 1, 2, -3, 4, 5, 6].map(day_time))),
    );
    let all = |n| IntervalMonthDayNanoType::make_value(n, n * 2, i64::from(n) << 33);
    add(
        "interval all",
        Arc::new(numbers::<IntervalMonthDayNanoType>([0, 1, 2, -3, 4, 5, 6].map(all))),
    );
    let decimal = numbers::<Decimal32Type>([0, 1, 2, -999, 4, 5, 6]);
    add("decimal32", Arc::new(decimal.with_precision_and_scale(5, 2).unwrap()));
    let decimal = numbers::<Decimal64Type>([0, 1, 2, -999, 4, 5, 6]);
    add("decimal64", Arc::new(decimal.with_precision_and_scale(12, 3).unwrap()));
    let decimal = numbers::<Decimal128Type>([0, 1, 2, -(1 << 90), 4, 5, 6]);
    add("decimal128", Arc::new(decimal.with_precision_and_scale(38, 4).unwrap()));
    let large =
        [0, 1, 2, -999, 4, 5, 6].map(|n: i128| i256::from_parts(n as u128, -i128::from(n < 0)));
    let decimal = numbers::<Decimal256Type>(large);
    add("decimal256", Arc::new(decimal.with_precision_and_scale(70, 6).unwrap()));
    add("null", Arc::new(NullArray::new(7)));
    let truth = [Some(true), Some(false), None, Some(false), Some(true), Some(true), None];
    add("boolean", Arc::new(BooleanArray::from(truth.to_vec())));
    add("utf8", Arc::new(StringArray::from(words())));
    add("large utf8", Arc::new(LargeStringArray::from(words())));
    add("utf8 view", Arc::new(StringViewArray::from(words())));
    let bytes: Vec<Option<&[u8]>> =
        vec![Some(b"one"), Some(b""), None, Some(&[0xff; 30]), Some(b"one"), Some(b"\0"), None];
    add("binary", Arc::new(BinaryArray::from(bytes.clone())));
    add("large binary", Arc::new(LargeBinaryArray::from(bytes.clone())));
    add("binary view", Arc::new(BinaryViewArray::from(bytes)));
    let three = Buffer::from((0..21).collect::<Vec<u8>>());
    add("fixed binary", Arc::new(FixedSizeBinaryArray::new(3, three, Some(nulls()))));
    let offsets = || vec![0, 2, 2, 4, 4, 5, 6, 7];
    // Under the missing third row lie two items.
    let list = ListArray::new(
        field("item", DataType::Int32),
        OffsetBuffer::new(offsets().into()),
        items(),
        Some(nulls()),
    );
    add("list", Arc::new(list));
    let large: Vec<i64> = offsets().into_iter().map(i64::from).collect();
    let list = LargeListArray::new(
        field("item", DataType::Int32),
        OffsetBuffer::new(large.into()),
        items(),
        Some(nulls()),
    );
    add("large list", Arc::new(list));
    let (starts, sizes) = (vec![5, 0, 3, 3, 0, 4, 1], vec![2, 3, 1, 1, 0, 1, 1]);
    let list = ListViewArray::new(
        field("item", DataType::Int32),
        starts.clone().into(),
        sizes.clone().into(),
        items(),
        Some(nulls()),
    );
    add("list view", Arc::new(list));
    let wide = |numbers: &[i32]| {
        ScalarBuffer::from(numbers.iter().map(|n| i64::from(*n)).collect::<Vec<_>>())
    };
    let list = LargeListViewArray::new(
        field("item", DataType::Int32),
        wide(&starts),
        wide(&sizes),
        items(),
        Some(nulls()),
    );
    add("large list view", Arc::new(list));
    let fourteen: ArrayRef =
        Arc::new(Float32Array::from_iter((0..14).map(|n| (n % 5 > 0).then_some(n as f32))));
    let list =
        FixedSizeListArray::new(field("item", DataType::Float32), 2, fourteen, Some(nulls()));
    add("fixed list", Arc::new(list));
    add("struct", Arc::new(pair()));
    let entries = StructArray::from(vec![
        (
            Arc::new(Field::new("keys", DataType::Utf8, false)),
            Arc::new(StringArray::from(vec!["a", "b", "a", "c", "a", "b", "z"])) as ArrayRef,
        ),
        (field("values", DataType::Int32), items()),
    ]);
    let entries_field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    add(
        "map",
        Arc::new(MapArray::new(
            entries_field,
            OffsetBuffer::new(offsets().into()),
            entries,
            Some(nulls()),
            false,
        )),
    );
    macro_rules! dictionaries {
        ($($name:literal $key:ty;)*) => {$(
            let dictionary: DictionaryArray<$key> = words().into_iter().collect();
            add($name, Arc::new(dictionary));
        )*};
    }
    dictionaries! {
        "dictionary i8" Int8Type;
        "dictionary i16" Int16Type;
        "dictionary i32" Int32Type;
        "dictionary i64" Int64Type;
        "dictionary u8" UInt8Type;
        "dictionary u16" UInt16Type;
        "dictionary u32" UInt32Type;
        "dictionary u64" UInt64Type;
    }
    // Missing as a key, and missing as a value.
    let keys = Int8Array::from(vec![Some(0), Some(1), None, Some(2), Some(0), Some(3), Some(1)]);
    let values = Int64Array::from(vec![Some(10), None, Some(30), Some(40)]);
    add("dictionary of numbers", Arc::new(DictionaryArray::new(keys, Arc::new(values))));
    macro_rules! runs {
        ($($name:literal $end:ty;)*) => {$(
            let ends = PrimitiveArray::<$end>::from(vec![2, 3, 6, 7]);
            let values = StringArray::from(vec![Some("x"), None, Some("y"), Some("x")]);
            add($name, Arc::new(RunArray::<$end>::try_new(&ends, &values).unwrap()));
        )*};
    }
    runs! {
        "runs i16" Int16Type;
        "runs i32" Int32Type;
        "runs i64" Int64Type;
    }
    let tags = ScalarBuffer::from(vec![0_i8, 5, 5, 0, 5, 0, 0]);
    let fields = UnionFields::try_new(
        [0, 5],
        [Field::new("n", DataType::Int32, true), Field::new("s", DataType::Utf8, true)],
    )
    .unwrap();
    let texts: ArrayRef = Arc::new(StringArray::from(words()));
    let sparse =
        UnionArray::try_new(fields.clone(), tags.clone(), None, vec![items(), Arc::clone(&texts)])
            .unwrap();
    add("sparse union", Arc::new(sparse));
    let offsets = ScalarBuffer::from(vec![0, 0, 1, 2, 3, 4, 5]);
    let dense = UnionArray::try_new(fields, tags, Some(offsets), vec![items(), texts]).unwrap();
    add("dense union", Arc::new(dense));
    // Structs in lists in structs.
    let lists = ListArray::new(
        field("item", pair().data_type().clone()),
        OffsetBuffer::new(vec![0, 1, 3, 3, 3, 6, 7, 7].into()),
        Arc::new(pair()),
        Some(nulls()),
    );
    let deep = StructArray::from(vec![
        (field("l", lists.data_type().clone()), Arc::new(lists) as ArrayRef),
        (field("d", arrays_dictionary().data_type().clone()), arrays_dictionary()),
    ]);
    add("deep", Arc::new(deep));
    arrays
}

fn arrays_dictionary() -> ArrayRef {
    let dictionary: DictionaryArray<Int16Type> = words().into_iter().collect();
    Arc::new(dictionary)
}

/// A batch of one column.
pub fn batch_of(array: &ArrayRef) -> RecordBatch {
    let field = Field::new("column", array.data_type().clone(), true);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::clone(array)]).unwrap()
}

/// A batch of all columns, with metadata everywhere.
pub fn everything() -> RecordBatch {
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = arrays()
        .into_iter()
        .map(|(name, array)| {
            let field = Field::new(name, array.data_type().clone(), true);
            (
                field.with_metadata(
                    [("unit".to_owned(), name.to_owned())].into_iter().collect::<Metadata>(),
                ),
                array,
            )
        })
        .unzip();
    let metadata = [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())];
    let schema = Schema::new_with_metadata(fields, metadata.into_iter().collect::<Metadata>());
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// A batch that has rows, and nothing in them.
pub fn without_columns(rows: usize) -> RecordBatch {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap()
}
