//! Python reads what daglite writes of arrow's batches, and daglite what Python writes.

mod arrow_support;

use std::fs;
use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::*;
use daglite::HasFormat;
use daglite_type_tests::Python;

fn batch() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("name", Arc::new(StringArray::from(vec![Some("one"), None, Some("drei, \"ü\"")]))),
        ("price", Arc::new(Float64Array::from(vec![0.1, f64::INFINITY, -2.5]))),
        ("good", Arc::new(BooleanArray::from(vec![true, false, true]))),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn encoded(name: &str, batch: &RecordBatch) -> Vec<u8> {
    let format = RecordBatch::formats().into_iter().find(|format| format.name() == name).unwrap();
    format.encode(batch).unwrap()
}

fn decoded(name: &str, bytes: &[u8]) -> RecordBatch {
    let format = RecordBatch::formats().into_iter().find(|format| format.name() == name).unwrap();
    format.decode(bytes).unwrap()
}

#[test]
fn pyarrow_and_pandas_read_what_daglite_wrote() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let paths =
        [("ipc", "a.arrow"), ("parquet", "a.parquet"), ("csv", "a.csv")].map(|(name, file)| {
            let path = folder.path().join(file);
            fs::write(&path, encoded(name, &batch())).unwrap();
            path
        });
    let script = r#"
import sys, pandas, pyarrow, pyarrow.ipc, pyarrow.parquet
expected = {"id": [1, 2, 3], "name": ["one", None, 'drei, "ü"'], "price": [0.1, float("inf"), -2.5], "good": [True, False, True]}
ipc, parquet, csv = sys.argv[1:]
table = pyarrow.ipc.open_file(ipc).read_all()
table.validate(full=True)
assert table.to_pydict() == expected, table.to_pydict()
table = pyarrow.parquet.read_table(parquet)
table.validate(full=True)
assert table.to_pydict() == expected, table.to_pydict()
frames = [pandas.read_feather(ipc), pandas.read_parquet(parquet), pandas.read_csv(csv)]
frames[2].columns = [name.rsplit(": ", 1)[0] for name in frames[2].columns]
for frame in frames:
    for name, values in expected.items():
        found = [None if pandas.isna(value) else value for value in frame[name]]
        assert found == values, (name, found)
print("all read")
"#;
    let paths: Vec<_> = paths.iter().map(AsRef::as_ref).collect();
    assert_eq!(python.run(script, &paths), "all read");
}

#[test]
fn pyarrow_reads_every_type_that_it_has() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.arrow");
    let keep: Vec<usize> = (arrow_support::arrays().iter().enumerate())
        .filter(|(_, (name, _))| !["decimal32", "decimal64"].contains(name))
        .map(|(at, _)| at)
        .collect();
    let all = arrow_support::everything().project(&keep).unwrap();
    fs::write(&path, encoded("ipc", &all)).unwrap();
    let script = "
import sys, pyarrow.ipc
table = pyarrow.ipc.open_file(sys.argv[1]).read_all()
table.validate(full=True)
print(table.num_rows, table.num_columns, table.schema.metadata[b'a'].decode(), table['utf8'].to_pylist()[3])
";
    let said = python.run(script, &[&path]);
    assert_eq!(said, format!("7 {} 1 a text that is longer than twelve letters", keep.len()));
}

#[test]
fn daglite_reads_what_pyarrow_wrote() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.arrow", "a.parquet"].map(|file| folder.path().join(file));
    let script = r#"
import sys, pyarrow, pyarrow.ipc, pyarrow.parquet
table = pyarrow.table({"id": pyarrow.array([1, None, 3], pyarrow.int32()), "word": ["a", "b", None], "kind": pyarrow.array(["x", "y", "x"]).dictionary_encode()})
with pyarrow.ipc.new_file(sys.argv[1], table.schema) as file:
    file.write_table(table)
pyarrow.parquet.write_table(table, sys.argv[2])
"#;
    python.run(script, &[&paths[0], &paths[1]]);
    for (name, path) in ["ipc", "parquet"].into_iter().zip(&paths) {
        let batch = decoded(name, &fs::read(path).unwrap());
        assert_eq!(batch.num_rows(), 3);
        let id: &Int32Array = batch.column(0).as_primitive();
        assert_eq!(id, &Int32Array::from(vec![Some(1), None, Some(3)]));
        let kinds: &DictionaryArray<Int32Type> = batch.column(2).as_dictionary();
        let kinds: Vec<_> = kinds.downcast_dict::<StringArray>().unwrap().into_iter().collect();
        assert_eq!(kinds, [Some("x"), Some("y"), Some("x")]);
    }
}
