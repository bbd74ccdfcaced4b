//! What daglite writes of arrow's batches is read back as it was, or refused; and damage is an error.

mod arrow_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::*;
use arrow::datatypes::*;
use arrow_support::{arrays, batch_of, digest, everything, without_columns};
use daglite::prelude::*;
use daglite::{Format, HasFormat};
use proptest::prelude::*;

fn format<T: HasFormat>(name: &str) -> Format<T> {
    T::formats().into_iter().find(|format| format.name() == name).unwrap()
}

/// The value comes back as it was, or why it was refused.
#[track_caller]
fn round_trip<T: HasFormat + ContentHash>(name: &str, value: &T) -> Result<T, String> {
    let format = format::<T>(name);
    let bytes = format.encode(value).map_err(|error| error.to_string())?;
    let back = format.decode(&bytes).unwrap();
    assert_eq!(digest(&back), digest(value), "{name}");
    Ok(back)
}

#[test]
fn the_formats_are_ipc_parquet_and_csv() {
    let names = |formats: Vec<(String, String)>| {
        formats.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let of = RecordBatch::formats()
        .iter()
        .map(|f| (f.name().to_owned(), f.extension().to_owned()))
        .collect::<Vec<_>>();
    assert_eq!(of[0], ("ipc".to_owned(), "arrow".to_owned()));
    assert_eq!(names(of), ["ipc", "parquet", "csv"]);
    let of = Vec::<RecordBatch>::formats()
        .iter()
        .map(|f| (f.name().to_owned(), String::new()))
        .collect::<Vec<_>>();
    assert_eq!(names(of), ["ipc", "parquet", "csv"]);
}

#[test]
fn ipc_gives_back_every_type() {
    for (name, array) in arrays() {
        for (start, len) in [(0, 7), (1, 5), (3, 0)] {
            let batch = batch_of(&array.slice(start, len));
            let back = round_trip("ipc", &batch).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(back.schema(), batch.schema(), "{name}");
            assert_eq!(back.num_rows(), len, "{name}");
        }
    }
    let whole = everything();
    assert_eq!(round_trip("ipc", &whole).unwrap().schema(), whole.schema());
    for rows in [0, 5] {
        assert_eq!(round_trip("ipc", &without_columns(rows)).unwrap().num_rows(), rows);
    }
}

#[test]
fn parquet_gives_back_what_it_takes() {
    let mut refused = Vec::new();
    for (name, array) in arrays() {
        for (start, len) in [(0, 7), (1, 5), (3, 0)] {
            match round_trip("parquet", &batch_of(&array.slice(start, len))) {
                Ok(back) => assert_eq!(back.num_rows(), len, "{name}"),
                Err(_) if refused.last() == Some(&name) => {}
                Err(error) => {
                    eprintln!("{name}: {error}");
                    refused.push(name);
                }
            }
        }
    }
    assert_eq!(refused, PARQUET_REFUSES);
    for rows in [0, 5] {
        assert_eq!(round_trip("parquet", &without_columns(rows)).unwrap().num_rows(), rows);
    }
}

/// What parquet has no type for.
const PARQUET_REFUSES: [&str; 6] =
    ["interval all", "runs i16", "runs i32", "runs i64", "sparse union", "dense union"];

#[test]
fn csv_gives_back_plain_columns_and_refuses_all_others() {
    let mut refused = Vec::new();
    for (name, array) in arrays() {
        match round_trip("csv", &batch_of(&array)) {
            Ok(back) => assert_eq!(*back.schema(), *batch_of(&array).schema(), "{name}"),
            Err(error) => {
                assert!(error.contains("use the format `ipc`"), "{name}: {error}");
                eprintln!("{name}: {error}");
                refused.push(name);
            }
        }
    }
    assert_eq!(refused, CSV_REFUSES);
    for rows in [0, 5] {
        assert_eq!(round_trip("csv", &without_columns(rows)).unwrap().num_rows(), rows);
    }
    let error = round_trip("csv", &everything()).unwrap_err();
    assert!(error.contains("column `"), "{error}");
}

/// What has no text that tells all of it. Floats are refused here for the odd payload of their NaN.
const CSV_REFUSES: [&str; 18] = [
    "interval months",
    "float64",
    "float32",
    "float16",
    "binary",
    "large binary",
    "binary view",
    "fixed binary",
    "list",
    "large list",
    "list view",
    "large list view",
    "fixed list",
    "struct",
    "map",
    "sparse union",
    "dense union",
    "deep",
];

#[test]
fn csv_is_for_people() {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("name: of it", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Second, Some("UTC".into())), true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![1, 2, 3])),
        Arc::new(StringArray::from(vec![Some("a, b"), None, Some("")])),
        Arc::new(Float64Array::from(vec![Some(0.1), None, Some(-0.0)])),
        Arc::new(
            TimestampSecondArray::from(vec![Some(0), None, Some(1_700_000_000)])
                .with_timezone("UTC"),
        ),
    ];
    let batch = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let bytes = format::<RecordBatch>("csv").encode(&batch).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "id: non-null Int32,name: of it: Utf8,price: Float64,\"at: Timestamp(s, \"\"UTC\"\")\"\n\
         1,\"a, b\",0.1,1970-01-01T00:00:00Z\n2,,,\n3,\"\",-0.0,2023-11-14T22:13:20Z\n"
    );
    round_trip("csv", &batch).unwrap();
}

#[test]
fn metadata_is_no_part_of_csv_and_batches_are_not_either() {
    let one = batch_of(&(Arc::new(Int8Array::from(vec![1])) as ArrayRef));
    let schema = Arc::unwrap_or_clone(one.schema());
    let metadata: Metadata = [("a".to_owned(), "b".to_owned())].into_iter().collect();
    let with = one.clone().with_schema(Arc::new(schema.with_metadata(metadata))).unwrap();
    assert!(round_trip("csv", &with).unwrap_err().contains("this schema"));
    assert!(
        round_trip("csv", &vec![one.clone(), one.clone()]).unwrap_err().contains("2 batches apart")
    );
    round_trip("csv", &vec![one]).unwrap();
}

#[test]
fn batches_come_back_one_by_one() {
    let all = everything();
    let batches = vec![all.slice(0, 3), all.slice(3, 0), all.slice(3, 4)];
    let back = round_trip("ipc", &batches).unwrap();
    assert_eq!(back.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [3, 0, 4]);
    assert_eq!(round_trip("ipc", &Vec::new()).unwrap().len(), 0);

    let plain =
        batch_of(&(Arc::new(StringArray::from(vec![Some("a"), None, Some("c")])) as ArrayRef));
    let batches = vec![plain.slice(0, 1), plain.slice(1, 0), plain.slice(1, 2)];
    assert_eq!(round_trip("parquet", &batches).unwrap().len(), 3);
    assert_eq!(round_trip("parquet", &Vec::new()).unwrap().len(), 0);
    let bare = vec![without_columns(2), without_columns(0)];
    assert_eq!(round_trip("parquet", &bare).unwrap().len(), 2);

    let other = without_columns(1);
    for name in ["ipc", "parquet"] {
        let error = round_trip(name, &vec![plain.clone(), other.clone()]).unwrap_err();
        assert!(error.contains("batch 1 has another schema"), "{error}");
    }
}

/// Batches of which each has a dictionary of its own.
fn with_dictionaries() -> Vec<RecordBatch> {
    let of = |words: &[&str]| {
        let dictionary: DictionaryArray<Int8Type> = words.iter().copied().collect();
        batch_of(&(Arc::new(dictionary) as ArrayRef))
    };
    vec![of(&["a", "b"]), of(&["c"]), of(&["a", "d"])]
}

#[test]
fn a_dictionary_for_each_batch_is_a_stream() {
    let batches = with_dictionaries();
    let back = round_trip("ipc", &batches).unwrap();
    assert_eq!(back.len(), 3);
    let bytes = format::<Vec<RecordBatch>>("ipc").encode(&batches).unwrap();
    assert_eq!(bytes[..4], [0xff; 4]);
    for cut in 0..bytes.len() {
        assert!(format::<Vec<RecordBatch>>("ipc").decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

/// A small batch with a bit of everything.
fn small() -> RecordBatch {
    let wanted = ["int64", "utf8", "utf8 view", "list", "dictionary i8", "boolean", "struct"];
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = arrays()
        .into_iter()
        .filter(|(name, _)| wanted.contains(name))
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

#[test]
fn what_is_cut_is_an_error() {
    for name in ["ipc", "parquet"] {
        let format = format::<RecordBatch>(name);
        let bytes = format.encode(&small()).unwrap();
        for cut in 0..bytes.len() {
            let error = format.decode(&bytes[..cut]).err();
            assert!(error.is_some(), "{name} cut at {cut} of {}", bytes.len());
        }
    }
    // Of a text that is cut where a line ends nothing tells but the digest that every entry has.
    let format = format::<RecordBatch>("csv");
    let bytes = format.encode(&batch_of(&arrays().remove(3).1)).unwrap();
    for cut in 0..bytes.len() {
        let whole_lines = bytes[..cut].ends_with(b"\n");
        assert_eq!(format.decode(&bytes[..cut]).is_ok(), whole_lines, "cut at {cut}");
    }
}

#[test]
fn what_is_changed_is_an_error_or_another_value_and_never_a_panic() {
    let mut random = 7_u64;
    for name in ["ipc", "parquet", "csv"] {
        let format = format::<RecordBatch>(name);
        let batch = if name == "csv" { batch_of(&arrays().remove(3).1) } else { small() };
        let bytes = format.encode(&batch).unwrap();
        let mut errors = 0;
        for _ in 0..1000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let mut changed = bytes.clone();
            let at = (random >> 33) as usize % bytes.len();
            changed[at] ^= 1 << (random >> 20 & 7);
            match format.decode(&changed) {
                Ok(batch) => drop(digest(&batch)),
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    errors += 1;
                }
            }
        }
        assert!(errors > 0, "{name}");
    }
}

#[test]
fn sizes_that_cannot_be_are_refused_before_room_is_made_for_them() {
    let format = format::<RecordBatch>("ipc");
    let bytes = format.encode(&small()).unwrap();
    // The body's length stands in the footer, as 8 bytes.
    let mut refused = 0;
    for at in bytes.len() - 400..bytes.len() - 18 {
        let mut changed = bytes.clone();
        changed[at..at + 8].copy_from_slice(&(1_u64 << 60).to_le_bytes());
        refused += usize::from(
            format
                .decode(&changed)
                .is_err_and(|error| error.to_string().contains("does not lie in the file")),
        );
    }
    assert!(refused > 0);
}

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[task(cache)]
fn doubled(batch: &RecordBatch, column: ArrayRef) -> RecordBatch {
    RUNS.fetch_add(1, Ordering::Relaxed);
    assert_eq!(column.len(), batch.num_rows());
    arrow::compute::concat_batches(&batch.schema(), [batch, batch]).unwrap()
}

#[task(cache)]
fn halves(batch: &RecordBatch) -> Vec<RecordBatch> {
    RUNS.fetch_add(1, Ordering::Relaxed);
    let half = batch.num_rows() / 2;
    vec![batch.slice(0, half), batch.slice(half, batch.num_rows() - half)]
}

#[task(cache)]
fn rows(batches: &[RecordBatch], schema: Schema, ty: DataType) -> usize {
    RUNS.fetch_add(1, Ordering::Relaxed);
    assert_eq!(*batches[0].schema(), schema);
    assert_eq!(ty, DataType::Int8);
    batches.iter().map(RecordBatch::num_rows).sum()
}

#[test]
fn a_second_session_finds_what_the_first_computed() {
    let folder = tempfile::tempdir().unwrap();
    let (_, array) = arrays().remove(0);
    let batch = small();
    let run = |batch: RecordBatch, array: ArrayRef| {
        let session = Session::builder()
            .cache(FileStore::builder(folder.path()).open().unwrap())
            .build()
            .unwrap();
        let twice = doubled(batch.clone(), array);
        let halves = halves(twice.clone());
        let count = rows(halves.clone(), Arc::unwrap_or_clone(batch.schema()), DataType::Int8);
        let twice = twice.run_in(&session).unwrap();
        (digest(&twice), digest(&halves.run_in(&session).unwrap()), count.run_in(&session).unwrap())
    };
    let first = run(batch.clone(), Arc::clone(&array));
    assert_eq!((first.2, RUNS.load(Ordering::Relaxed)), (14, 3));
    // The same content in other buffers.
    let again = arrow::compute::concat_batches(&batch.schema(), [&batch, &batch]).unwrap();
    let second =
        run(again.slice(7, 7), arrow::compute::concat(&[&array, &array]).unwrap().slice(7, 7));
    assert_eq!((second, RUNS.load(Ordering::Relaxed)), (first, 3));
    run(batch.slice(0, 6), array.slice(0, 6));
    assert_eq!(RUNS.load(Ordering::Relaxed), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_and_number_comes_back(
        texts in proptest::collection::vec(proptest::option::of(any::<String>()), 0..20),
        bits in any::<u64>(),
        ends in 0_usize..3,
    ) {
        let count = texts.len();
        let floats = (0..count).map(|at| f64::from_bits(bits.rotate_left(at as u32 * 7)));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter(&texts)),
            Arc::new(StringViewArray::from_iter(&texts)),
            Arc::new(Float64Array::from_iter_values(floats)),
        ];
        let fields: Vec<Field> = columns.iter().zip(["a", "b", "c"]).map(|(column, name)| Field::new(name, column.data_type().clone(), true)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let batch = batch.slice(0, count.saturating_sub(ends));
        for name in ["ipc", "parquet"] {
            round_trip(name, &batch).unwrap();
        }
        // Text alone: a NaN has no payload in CSV.
        round_trip("csv", &batch.project(&[0, 1]).unwrap()).unwrap();
    }
}

#[test]
fn a_file_whose_batches_are_not_its_rows_is_refused() {
    let column: ArrayRef = Arc::new(Int8Array::from(vec![1, 2, 3]));
    let batch = batch_of(&column);
    let batches = vec![batch.slice(0, 2), batch.slice(2, 1)];
    let bytes = format::<Vec<RecordBatch>>("parquet").encode(&batches).unwrap();
    let name = b"daglite.batches";
    let says = bytes.windows(name.len()).rposition(|window| window == name).unwrap() + name.len();
    let at = says + bytes[says..].windows(3).position(|window| window == b"2,1").unwrap();
    for (text, why) in [
        (b"1,1", "1 rows belong to no batch"),
        (b"2,9", "it says that rows 2 to 2 + 9 are a batch, and has 3"),
    ] {
        let mut changed = bytes.clone();
        changed[at..at + 3].copy_from_slice(text);
        let error = format::<Vec<RecordBatch>>("parquet").decode(&changed).unwrap_err().to_string();
        assert_eq!(error, why);
    }
}

#[test]
fn a_type_with_a_colon_of_its_own_is_found_in_a_header_of_csv() {
    let zone = "a: b".into();
    let ty = DataType::Timestamp(TimeUnit::Second, Some(zone));
    let text = format!("\"{}\"\n", format!("at: once: {ty}").replace('"', "\"\""));
    let batch = format::<RecordBatch>("csv").decode(text.as_bytes()).unwrap();
    assert_eq!(batch.schema().field(0), &Field::new("at: once", ty, true));
}

#[test]
fn a_stream_behind_a_stream_is_refused() {
    let batches = with_dictionaries();
    let bytes = format::<Vec<RecordBatch>>("ipc").encode(&batches).unwrap();
    assert!(format::<Vec<RecordBatch>>("ipc").decode(&bytes).is_ok());
    let twice = [&bytes[..], &bytes[..]].concat();
    assert!(format::<Vec<RecordBatch>>("ipc").decode(&twice).is_err());
}
