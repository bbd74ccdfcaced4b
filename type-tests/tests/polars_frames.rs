//! Polars' frames and series: hashed by what they hold, however it is cut and coded, and read back as they were.

mod by_hand;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use by_hand::{Stream, golden};
use daglite::prelude::*;
use daglite::{ContentHasher, Digest, Format, HasFormat, Strategy};
use polars::prelude::{
    AnyValue, Categories, Column, DataFrame, DataType, FrozenCategories, IntoColumn, IntoSeries,
    NamedFrom, Scalar, Series, TimeUnit,
};
use proptest::prelude::*;

const GOLDEN: &str = include_str!("polars_golden.txt");

fn digest(value: &(impl ContentHash + ?Sized)) -> Digest {
    let mut hasher = ContentHasher::new(Strategy::Exact);
    value.content_hash(&mut hasher);
    hasher.finish().unwrap()
}

/// A series of each type, each of five rows, of which the second is missing.
fn series() -> Vec<Series> {
    let numbers = Series::new("i64".into(), [Some(1_i64), None, Some(3), Some(3), Some(120)]);
    let cast = |name: &str, ty: DataType| numbers.strict_cast(&ty).unwrap().with_name(name.into());
    let words = [Some("one"), None, Some(""), Some("a text longer than twelve"), Some("one")];
    let words = Series::new("str".into(), words);
    let odd = f64::from_bits(0x7ff8_0000_dead_beef);
    let bytes: Vec<Option<&[u8]>> =
        vec![Some(b"one"), None, Some(b""), Some(&[0xff; 20]), Some(b"1")];
    let lists: Vec<Option<Series>> = vec![
        Some(Series::new("".into(), [Some(1_i32), None])),
        None,
        Some(Series::new("".into(), [0_i32; 0])),
        Some(Series::new("".into(), [7_i32])),
        Some(Series::new("".into(), [8_i32, 9])),
    ];
    let frozen = FrozenCategories::new(["one", "", "unused", "a text longer than twelve"]).unwrap();
    let fields = vec![numbers.clone(), words.clone()];
    let frame = DataFrame::new(5, fields.into_iter().map(Series::into_column).collect()).unwrap();
    let lists = Series::new("list".into(), lists);
    vec![
        cast("i8", DataType::Int8),
        cast("i16", DataType::Int16),
        cast("i32", DataType::Int32),
        cast("i128", DataType::Int128),
        cast("u8", DataType::UInt8),
        cast("u16", DataType::UInt16),
        cast("u32", DataType::UInt32),
        cast("u64", DataType::UInt64),
        cast("f32", DataType::Float32),
        Series::new("f64".into(), [Some(0.1), None, Some(-0.0), Some(odd), Some(f64::INFINITY)]),
        Series::new("bool".into(), [Some(true), None, Some(false), Some(true), Some(true)]),
        cast("date", DataType::Date),
        cast("time", DataType::Time),
        cast("ms", DataType::Datetime(TimeUnit::Milliseconds, None)),
        cast(
            "zone",
            DataType::Datetime(TimeUnit::Microseconds, Some(polars::prelude::TimeZone::UTC)),
        ),
        cast("span", DataType::Duration(TimeUnit::Nanoseconds)),
        cast("decimal", DataType::Decimal(20, 3)),
        Series::new("bytes".into(), bytes),
        words
            .cast(&DataType::from_categories(Categories::global()))
            .unwrap()
            .with_name("cat".into()),
        words.cast(&DataType::from_frozen_categories(frozen)).unwrap().with_name("enum".into()),
        Series::new_null("null".into(), 5),
        frame.into_struct("struct".into()).into_series(),
        lists.cast(&DataType::List(Box::new(DataType::Int16))).unwrap().with_name("small".into()),
        lists,
        numbers,
        words,
    ]
}

fn frame() -> DataFrame {
    DataFrame::new(5, series().into_iter().map(Series::into_column).collect()).unwrap()
}

#[test]
fn digests_never_change_and_no_two_types_share_one() {
    let mut lines = String::new();
    for series in series() {
        let name = series.name();
        writeln!(lines, "{} {name}", digest(&series)).unwrap();
        writeln!(lines, "{} {name}, none of 0 rows", digest(&series.slice(0, 0))).unwrap();
    }
    writeln!(lines, "{} frame", digest(&frame())).unwrap();
    writeln!(lines, "{} 3 rows without columns", digest(&DataFrame::new(3, vec![]).unwrap()))
        .unwrap();
    writeln!(lines, "{} nothing", digest(&DataFrame::new(0, vec![]).unwrap())).unwrap();
    assert_eq!(lines, GOLDEN, "the digests are now:\n{lines}");
    let digests: BTreeSet<&str> = lines.lines().map(|line| &line[..64]).collect();
    assert_eq!(digests.len(), lines.lines().count());
}

#[test]
fn the_golden_digests_are_those_of_the_streams_in_the_docs() {
    // Five rows, the second missing.
    let words = ["one", "", "a text longer than twelve", "one"];
    let mut text = Stream::new();
    text.built_in("polars::Series").tuple(4).text("str").usize(5).texts(0b1_1101, &words);
    text.tuple(2).plain_type("Utf8View").seq(0);
    assert_eq!(text.digest(), golden(GOLDEN, "str"));

    let mut pair = Stream::new();
    pair.built_in("polars::Series").tuple(4).text("struct").usize(5);
    pair.tuple(2).some().tuple(2).bulk_u8(&[0b1_1101]).bulk_i64(&[1, 3, 3, 120]);
    pair.texts(0b1_1101, &words);
    pair.tuple(2).type_of_fields("Struct", 2).field("i64", "Int64").field("str", "Utf8View").seq(0);
    assert_eq!(pair.digest(), golden(GOLDEN, "struct"));
}

#[test]
fn chunks_and_slices_do_not_count() {
    for one in series() {
        let mut chunks = one.slice(0, 2);
        chunks.append(&one.slice(2, 0)).unwrap();
        chunks.append(&one.slice(2, 1)).unwrap();
        chunks.append(&one.slice(3, 2)).unwrap();
        assert!(chunks.n_chunks() > 1, "{}", one.name());
        assert_eq!(digest(&chunks), digest(&one), "{}", one.name());
        assert_eq!(digest(&chunks.rechunk()), digest(&one), "{}", one.name());
        let mut around = one.clone();
        around.append(&one).unwrap();
        for (start, len) in [(0, 5), (1, 3), (4, 1), (2, 0)] {
            let expected = digest(&one.slice(start, len));
            assert_eq!(digest(&around.slice(start, len)), expected, "{}", one.name());
            assert_eq!(digest(&around.rechunk().slice(5 + start, len)), expected, "{}", one.name());
        }
        if one.name() != "null" {
            assert_ne!(digest(&one.reverse()), digest(&one), "{}", one.name());
        }
        assert_ne!(digest(&one.clone().with_name("other".into())), digest(&one));
    }
}

#[test]
fn a_value_that_stands_for_all_rows_is_as_many_values() {
    let nothing = Column::new_scalar("n".into(), Scalar::null(DataType::Null), 3);
    assert_eq!(digest(&nothing), digest(&Series::new_null("n".into(), 3)));
    for value in [AnyValue::Int64(7), AnyValue::Null] {
        let scalar = Scalar::new(DataType::Int64, value.clone());
        let one = Column::new_scalar("n".into(), scalar, 3);
        let all = Series::from_any_values_and_dtype(
            "n".into(),
            &[value.clone(), value.clone(), value],
            &DataType::Int64,
            true,
        );
        let all = all.unwrap();
        assert_eq!(digest(&one), digest(&all));
        let of = |column| DataFrame::new(3, vec![column]).unwrap();
        assert_eq!(digest(&of(one)), digest(&of(all.into_column())));
    }
}

#[test]
fn categories_count_by_their_words() {
    let of = |words: [&str; 3], before: [&str; 2]| {
        let categories =
            Categories::new("c".into(), "n".into(), polars::prelude::CategoricalPhysical::U32);
        let ty = DataType::from_categories(categories);
        let before = Series::new("w".into(), before).cast(&ty).unwrap();
        let cast = Series::new("w".into(), words).cast(&ty).unwrap();
        (digest(&cast), before)
    };
    let (one, _kept) = of(["a", "b", "a"], ["a", "b"]);
    let (other, _kept_too) = of(["a", "b", "a"], ["b", "z"]);
    assert_eq!(one, other);
    assert_ne!(one, of(["a", "b", "b"], ["a", "b"]).0);
}

fn format<T: HasFormat>(name: &str) -> Format<T> {
    T::formats().into_iter().find(|format| format.name() == name).unwrap()
}

#[track_caller]
fn round_trip<T: HasFormat + ContentHash>(name: &str, value: &T) -> Result<T, String> {
    let format = format::<T>(name);
    let bytes = format.encode(value).map_err(|error| error.to_string())?;
    let back = format.decode(&bytes).unwrap();
    assert_eq!(digest(&back), digest(value), "{name}");
    Ok(back)
}

#[test]
fn every_format_gives_back_what_it_takes() {
    for (name, expected) in [("ipc", &[][..]), ("parquet", &PARQUET_REFUSES), ("csv", &CSV_REFUSES)]
    {
        let mut refused = Vec::new();
        for series in series() {
            for (start, len) in [(0, 5), (1, 3), (2, 0)] {
                match round_trip(name, &series.slice(start, len)) {
                    Ok(back) => assert_eq!((back.dtype(), back.len()), (series.dtype(), len)),
                    Err(error) if start == 0 => {
                        eprintln!("{name} {}: {error}", series.name());
                        refused.push(series.name().to_string());
                    }
                    Err(_) => assert!(refused.contains(&series.name().to_string())),
                }
            }
        }
        assert_eq!(refused, expected, "{name}");
        for rows in [0, 3] {
            let back = round_trip(name, &DataFrame::new(rows, vec![]).unwrap());
            assert!(
                back.is_ok_and(|back| back.shape() == (rows, 0)) || (name != "csv" && rows > 0),
                "{name}"
            );
        }
    }
    assert_eq!(round_trip("ipc", &frame()).unwrap().schema(), frame().schema());
}

const PARQUET_REFUSES: [&str; 0] = [];
const CSV_REFUSES: [&str; 14] = [
    "i128", "f64", "date", "time", "ms", "zone", "span", "decimal", "bytes", "cat", "enum",
    "struct", "small", "list",
];

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let small = frame().select(["i64", "str", "list", "bool"]).unwrap();
    let mut random = 7_u64;
    for name in ["ipc", "parquet"] {
        let format = format::<DataFrame>(name);
        let bytes = format.encode(&small).unwrap();
        for cut in 0..bytes.len() {
            assert!(format.decode(&bytes[..cut]).is_err(), "{name} cut at {cut}");
        }
        for _ in 0..1000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let mut changed = bytes.clone();
            let at = (random >> 33) as usize % bytes.len();
            changed[at] ^= 1 << (random >> 20 & 7);
            // A change of the seal's own mark leaves a sound file without a seal.
            if let Ok(back) = format.decode(&changed) {
                assert_eq!(digest(&back), digest(&small));
            }
        }
    }
}

#[test]
fn no_change_of_a_single_cell_is_missed() {
    const ROWS: usize = 2_000;
    let mut numbers: Vec<Option<i64>> =
        (0..ROWS as i64).map(|n| (n % 7 > 0).then_some(n)).collect();
    let mut words: Vec<Option<String>> =
        (0..ROWS).map(|n| (n % 5 > 0).then(|| n.to_string())).collect();
    let mut random = 1_u64;
    let mut last = [Digest::of_bytes(b""); 2];
    let mut missed = 0;
    for _ in 0..10_000 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let (row, text) = ((random >> 33) as usize % ROWS, random >> 20 & 1 == 1);
        let series = if text {
            words[row] = match &words[row] {
                None => Some(String::new()),
                Some(word) if word.is_empty() => None,
                Some(word) => Some(format!("{word}!")),
            };
            Series::new("c".into(), &words)
        } else {
            numbers[row] = numbers[row].map_or(Some(0), |n| (n % 2 == 0).then_some(!n));
            Series::new("c".into(), &numbers)
        };
        let now = digest(&series);
        missed += usize::from(now == last[usize::from(text)]);
        last[usize::from(text)] = now;
    }
    assert_eq!(missed, 0);
}

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[task(cache)]
fn first_rows(frame: &DataFrame, count: usize) -> DataFrame {
    RUNS.fetch_add(1, Ordering::Relaxed);
    frame.head(Some(count))
}

#[task(cache)]
fn column(frame: &DataFrame, by: Series) -> Series {
    RUNS.fetch_add(1, Ordering::Relaxed);
    frame.column(by.name()).unwrap().as_materialized_series().clone()
}

#[test]
fn a_second_session_finds_what_the_first_computed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |frame: DataFrame| {
        let store = FileStore::builder(folder.path()).open().unwrap();
        let session = Session::builder().cache(store).build().unwrap();
        let by = frame.column("str").unwrap().as_materialized_series().clone();
        let head = first_rows(frame, 3);
        let column = column(head.clone(), by);
        (digest(&head.run_in(&session).unwrap()), digest(&column.run_in(&session).unwrap()))
    };
    let first = run(frame());
    assert_eq!(RUNS.load(Ordering::Relaxed), 2);
    let mut chunks = frame().slice(0, 2);
    chunks.vstack_mut(&frame().slice(2, 3)).unwrap();
    assert_eq!((run(chunks), RUNS.load(Ordering::Relaxed)), (first, 2));
    run(frame().slice(1, 4));
    assert_eq!(RUNS.load(Ordering::Relaxed), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_text_comes_back_and_counts(
        one in proptest::collection::vec(proptest::option::of(any::<String>()), 0..20),
        other in proptest::collection::vec(proptest::option::of("[ab]{0,1}"), 0..4),
        cut in 0_usize..20,
    ) {
        let series = Series::new("text".into(), &one);
        for name in ["ipc", "parquet", "csv"] {
            assert!(round_trip(name, &series).is_ok());
        }
        let cut = cut.min(one.len());
        let mut chunks = series.slice(0, cut);
        chunks.append(&series.slice(cut as i64, one.len() - cut)).unwrap();
        prop_assert_eq!(digest(&chunks), digest(&series));
        prop_assert_eq!(digest(&Series::new("text".into(), &other)) == digest(&series), one == other);
    }
}

#[test]
fn lists_of_one_length_count_by_their_items() {
    let of = |last: i32, width| {
        let items = Series::new("a".into(), [1, 2, 3, 4, 5, last]);
        items
            .reshape_array(&[
                polars::prelude::ReshapeDimension::Infer,
                polars::prelude::ReshapeDimension::new(width),
            ])
            .unwrap()
    };
    assert_eq!(digest(&of(6, 2)), digest(&of(6, 2)));
    assert_ne!(digest(&of(6, 2)), digest(&of(7, 2)));
    assert_ne!(digest(&of(6, 2)), digest(&of(6, 3)));
    for name in ["ipc", "parquet"] {
        if let Ok(back) = round_trip(name, &of(6, 2)) {
            assert_eq!(back.dtype(), of(6, 2).dtype(), "{name}");
        }
    }
}

#[test]
fn a_series_is_not_read_from_a_frame_of_several_columns() {
    let bytes = format::<DataFrame>("ipc").encode(&frame()).unwrap();
    let error = format::<Series>("ipc").decode(&bytes).unwrap_err().to_string();
    assert_eq!(error, format!("it has {} columns, and not one", frame().width()));
}

#[test]
fn a_packed_file_is_refused_by_arrow_before_room_is_made_for_what_it_says() {
    use polars::prelude::{CompatLevel, IpcCompression, IpcWriter, SerWriter};

    let mut frame =
        DataFrame::new(1000, vec![Series::new("n".into(), vec![7_i64; 1000]).into_column()])
            .unwrap();
    let mut packed = Vec::new();
    IpcWriter::new(&mut packed)
        .with_compression(Some(IpcCompression::ZSTD(Default::default())))
        .with_compat_level(CompatLevel::newest())
        .finish(&mut frame)
        .unwrap();
    let error = format::<arrow::array::RecordBatch>("ipc").decode(&packed).unwrap_err().to_string();
    assert!(error.contains("is compressed, which daglite never writes"), "{error}");
}
