//! The environment in which Python reads what daglite wrote.

use daglite_type_tests::Python;

#[test]
fn python_has_the_readers_of_all_formats() {
    let Some(python) = Python::with_readers() else { return };
    let script = "import numpy, pandas, pyarrow, PIL; print(numpy.__version__.split('.')[0])";
    assert_eq!(python.run(script, &[]), "2");
}
