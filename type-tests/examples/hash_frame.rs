//! How long a frame of 1,000,000 rows and ten columns of mixed types takes to hash, beside pandas: run it with `--release`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::*;
use arrow::datatypes::Int32Type;
use daglite::{ContentHash, ContentHasher, Strategy};
use daglite_type_tests::Python;
use polars::prelude::{DataFrame, IntoColumn, NamedFrom, Series};

const ROWS: usize = 1_000_000;

/// The same frame, for pandas.
const PANDAS: &str = r#"
import time, numpy, pandas
n = 1_000_000
i = numpy.arange(n)
frame = pandas.DataFrame({
    "id": i, "small": (i % 1000).astype("int32"), "price": i * 0.37, "ratio": (i * 0.11).astype("float32"),
    "good": i % 3 == 0, "at": pandas.to_datetime(i * 1_000_000_000),
    "name": pandas.Series([f"customer {k * 7919 % 1_000_003}" for k in range(n)], dtype="str"),
    "city": pandas.Series([f"city {k % 500}" for k in range(n)], dtype="str"),
    "note": pandas.Series([None if k % 10 == 0 else f"a note of some length on row {k}" for k in range(n)], dtype="str"),
    "missing": pandas.Series([None if k % 4 == 0 else float(k) for k in range(n)], dtype="Float64"),
})
best = 1e9
for _ in range(3):
    start = time.perf_counter()
    pandas.util.hash_pandas_object(frame)
    best = min(best, time.perf_counter() - start)
print(f"{best * 1000:.0f}")
"#;

fn texts() -> [Vec<Option<String>>; 3] {
    [
        (0..ROWS).map(|k| Some(format!("customer {}", k * 7919 % 1_000_003))).collect(),
        (0..ROWS).map(|k| Some(format!("city {}", k % 500))).collect(),
        (0..ROWS)
            .map(|k| (k % 10 > 0).then(|| format!("a note of some length on row {k}")))
            .collect(),
    ]
}

fn batch(texts: &[Vec<Option<String>>; 3], dictionary: bool) -> RecordBatch {
    let rows = 0..ROWS as i64;
    let city: ArrayRef = if dictionary {
        let city: DictionaryArray<Int32Type> = texts[1].iter().map(Option::as_deref).collect();
        Arc::new(city)
    } else {
        Arc::new(StringArray::from_iter(&texts[1]))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(rows.clone()))),
        ("small", Arc::new(Int32Array::from_iter_values(rows.clone().map(|k| k as i32 % 1000)))),
        ("price", Arc::new(Float64Array::from_iter_values(rows.clone().map(|k| k as f64 * 0.37)))),
        ("ratio", Arc::new(Float32Array::from_iter_values(rows.clone().map(|k| k as f32 * 0.11)))),
        ("good", Arc::new(BooleanArray::from_iter(rows.clone().map(|k| Some(k % 3 == 0))))),
        (
            "at",
            Arc::new(TimestampNanosecondArray::from_iter_values(
                rows.clone().map(|k| k * 1_000_000_000),
            )),
        ),
        ("name", Arc::new(StringArray::from_iter(&texts[0]))),
        ("city", city),
        ("note", Arc::new(StringArray::from_iter(&texts[2]))),
        (
            "missing",
            Arc::new(Float64Array::from_iter(rows.map(|k| (k % 4 > 0).then_some(k as f64)))),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn frame(texts: &[Vec<Option<String>>; 3]) -> DataFrame {
    let rows = 0..ROWS as i64;
    let columns = [
        Series::new("id".into(), rows.clone().collect::<Vec<_>>()),
        Series::new("small".into(), rows.clone().map(|k| k as i32 % 1000).collect::<Vec<_>>()),
        Series::new("price".into(), rows.clone().map(|k| k as f64 * 0.37).collect::<Vec<_>>()),
        Series::new("ratio".into(), rows.clone().map(|k| k as f32 * 0.11).collect::<Vec<_>>()),
        Series::new("good".into(), rows.clone().map(|k| k % 3 == 0).collect::<Vec<_>>()),
        Series::new("at".into(), rows.clone().map(|k| k * 1_000_000_000).collect::<Vec<_>>()),
        Series::new("name".into(), &texts[0]),
        Series::new("city".into(), &texts[1]),
        Series::new("note".into(), &texts[2]),
        Series::new(
            "missing".into(),
            rows.map(|k| (k % 4 > 0).then_some(k as f64)).collect::<Vec<_>>(),
        ),
    ];
    DataFrame::new(ROWS, columns.into_iter().map(Series::into_column).collect()).unwrap()
}

/// The best of five.
fn time(value: &impl ContentHash) -> Duration {
    let runs = (0..5).map(|_| {
        let start = Instant::now();
        let mut hasher = ContentHasher::new(Strategy::Exact);
        value.content_hash(&mut hasher);
        black_box(hasher.finish().unwrap());
        start.elapsed()
    });
    runs.min().unwrap()
}

fn main() {
    let texts = texts();
    let plain = batch(&texts, false);
    println!("arrow, text:        {:>8.1?}", time(&plain));
    for (at, field) in plain.schema().fields().iter().enumerate() {
        println!("  {:<17} {:>8.1?}", field.name(), time(plain.column(at)));
    }
    println!("arrow, dictionary:  {:>8.1?}", time(&batch(&texts, true)));
    println!("polars:             {:>8.1?}", time(&frame(&texts)));
    if let Some(python) = Python::with_readers() {
        println!("pandas:             {:>6} ms", python.run(PANDAS, &[]));
    }
}
