//! Python reads what daglite writes of polars' frames, and daglite what Python writes.

use std::fs;

use daglite::HasFormat;
use daglite_type_tests::Python;
use polars::prelude::{DataFrame, IntoColumn, NamedFrom, Series};

fn frame() -> DataFrame {
    let columns = vec![
        Series::new("id".into(), [1_i64, 2, 3]).into_column(),
        Series::new("name".into(), [Some("one"), None, Some("drei, \"ü\"")]).into_column(),
        Series::new("price".into(), [0.1, f64::INFINITY, -2.5]).into_column(),
        Series::new("good".into(), [true, false, true]).into_column(),
    ];
    DataFrame::new(3, columns).unwrap()
}

#[test]
fn pyarrow_and_pandas_read_what_daglite_wrote_and_daglite_what_they_wrote() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for format in DataFrame::formats() {
        let path = folder.path().join(format.name());
        fs::write(&path, format.encode(&frame()).unwrap()).unwrap();
        paths.push(path);
    }
    paths.push(folder.path().join("theirs.arrow"));
    paths.push(folder.path().join("theirs.parquet"));
    let script = r#"
import sys, pandas, pyarrow, pyarrow.ipc, pyarrow.parquet
expected = {"id": [1, 2, 3], "name": ["one", None, 'drei, "ü"'], "price": [0.1, float("inf"), -2.5], "good": [True, False, True]}
ipc, parquet, csv, their_ipc, their_parquet = sys.argv[1:]
table = pyarrow.ipc.open_file(ipc).read_all()
table.validate(full=True)
assert table.to_pydict() == expected, table.to_pydict()
with pyarrow.ipc.new_file(their_ipc, table.schema) as file:
    file.write_table(table)
pyarrow.parquet.write_table(table, their_parquet)
table = pyarrow.parquet.read_table(parquet)
table.validate(full=True)
assert table.to_pydict() == expected, table.to_pydict()
frame = pandas.read_csv(csv)
frame.columns = [name.rsplit(": ", 1)[0] for name in frame.columns]
for name, values in expected.items():
    found = [None if pandas.isna(value) else value for value in frame[name]]
    assert found == values, (name, found)
print("all read")
"#;
    let args: Vec<_> = paths.iter().map(AsRef::as_ref).collect();
    assert_eq!(python.run(script, &args), "all read");
    for (format, path) in DataFrame::formats().iter().zip(&paths[3..]) {
        let theirs = format.decode(&fs::read(path).unwrap()).unwrap();
        assert!(theirs.equals_missing(&frame()), "{}: {theirs:?}", format.name());
    }
}
