//! numpy reads what daglite wrote, and daglite reads what numpy wrote, bit by bit.

use std::fs;
use std::path::Path;

use daglite::{HasFormat, NpyElement};
use daglite_type_tests::Python;
use half::f16;
use ndarray::{Array, Array2, ArrayD, IxDyn, ShapeBuilder, arr0, array};
use num_complex::Complex;

/// Prints of each file, in the order of the arguments: type, shape, order, and the elements' bytes in C order.
const DESCRIBE: &str = r#"
import sys, numpy
for path in sys.argv[1:]:
    a = numpy.load(path, allow_pickle=False)
    order = "C" if a.flags.c_contiguous else "F" if a.flags.f_contiguous else "?"
    print(a.dtype.str, a.shape, order, a.tobytes(order="C").hex())
"#;

/// Writes an array for each case into the folder that is its argument.
const WRITE: &str = r#"
import sys, numpy
folder = sys.argv[1]
def save(name, array, version=None):
    with open(f"{folder}/{name}.npy", "wb") as file:
        numpy.lib.format.write_array(file, array, version=version)
nan = numpy.array([0x7ff8000000000001, 0xfff0000000000001, 0x8000000000000000], dtype="<u8").view("<f8")
save("c", numpy.arange(6, dtype="<f8").reshape(2, 3))
save("fortran", numpy.asfortranarray(numpy.arange(6, dtype="<f8").reshape(2, 3)))
save("big", numpy.arange(6, dtype=">f8").reshape(2, 3))
save("big_fortran", numpy.asfortranarray(numpy.arange(6, dtype=">f8").reshape(2, 3)))
save("second", numpy.arange(6, dtype="<f8").reshape(2, 3), (2, 0))
save("third", numpy.arange(6, dtype="<f8").reshape(2, 3), (3, 0))
save("strided", numpy.arange(24, dtype="<f8").reshape(4, 6)[::2, ::-2][:, ::-1])
save("nan", nan)
save("big_nan", nan.byteswap().view(">f8"))
save("scalar", numpy.array(7, dtype="<i4"))
save("empty", numpy.zeros((0, 3), dtype="<i4"))
save("bools", numpy.array([True, False]))
save("halves", numpy.array([1, -2], dtype="<f2"))
save("big_halves", numpy.array([1, -2], dtype=">f2"))
save("complex", numpy.array([1 + 2j], dtype="<c8"))
save("big_complex", numpy.array([1 + 2j], dtype=">c16"))
save("bytes", numpy.array([1, 255], dtype="u1"))
save("fields", numpy.zeros(2, dtype=[("a", "<f8"), ("b", "<i4")]))
save("text", numpy.array(["a", "bc"]))
save("times", numpy.array(["2024-01-01"], dtype="datetime64[ns]"))
"#;

/// What daglite writes of an array, and how numpy has to describe it.
fn case<A: NpyElement + ToHex>(array: ArrayD<A>, dtype: &str, order: &str) -> (Vec<u8>, String) {
    let shape: Vec<String> = array.shape().iter().map(usize::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let hex: String = array.iter().map(ToHex::hex).collect();
    let described = format!("{dtype} ({}{comma}) {order} {hex}", shape.join(", "));
    (ArrayD::<A>::formats()[0].encode(&array).unwrap(), described)
}

/// The little-endian bytes of a number.
trait ToHex {
    fn hex(&self) -> String;
}

macro_rules! to_hex {
    ($($type:ty: |$own:ident| $bytes:expr;)*) => {$(
        impl ToHex for $type {
            fn hex(&self) -> String {
                let $own = self;
                $bytes.iter().map(|byte: &u8| format!("{byte:02x}")).collect()
            }
        }
    )*};
}

to_hex! {
    bool: |x| [u8::from(*x)];
    u8: |x| [*x];
    i8: |x| x.to_le_bytes();
    u16: |x| x.to_le_bytes();
    i16: |x| x.to_le_bytes();
    u32: |x| x.to_le_bytes();
    i32: |x| x.to_le_bytes();
    u64: |x| x.to_le_bytes();
    i64: |x| x.to_le_bytes();
    f16: |x| x.to_le_bytes();
    f32: |x| x.to_le_bytes();
    f64: |x| x.to_le_bytes();
    Complex<f32>: |x| [x.re.to_le_bytes(), x.im.to_le_bytes()].concat();
    Complex<f64>: |x| [x.re.to_le_bytes(), x.im.to_le_bytes()].concat();
}

#[test]
fn numpy_reads_every_array_that_daglite_writes() {
    let Some(python) = Python::with_readers() else { return };
    let wide = Array2::from_shape_fn((200, 300), |(r, c)| (r * 300 + c) as f64);
    let mut backwards = array![[1_i16, 2], [3, 4]];
    backwards.invert_axis(ndarray::Axis(1));
    let fortran = Array::from_shape_vec((2, 3, 4).f(), (0..24_i64).collect()).unwrap();
    let nan = f64::from_bits(0x7ff0_0000_0000_0001);
    let cases = [
        case(array![true, false].into_dyn(), "|b1", "C"),
        case(array![[1_u8, 255]].into_dyn(), "|u1", "C"),
        case(array![[-1_i8]].into_dyn(), "|i1", "C"),
        case(array![1_u16, u16::MAX].into_dyn(), "<u2", "C"),
        case(backwards.into_dyn(), "<i2", "C"),
        case(array![u32::MAX].into_dyn(), "<u4", "C"),
        case(array![i32::MIN].into_dyn(), "<i4", "C"),
        case(array![u64::MAX].into_dyn(), "<u8", "C"),
        case(fortran.into_dyn(), "<i8", "F"),
        case(array![f16::NEG_ZERO, f16::MAX].into_dyn(), "<f2", "C"),
        case(array![f32::MIN_POSITIVE].into_dyn(), "<f4", "C"),
        case(array![nan, -0.0, f64::NEG_INFINITY].into_dyn(), "<f8", "C"),
        case(array![Complex::new(1_f32, -0.0)].into_dyn(), "<c8", "C"),
        case(array![Complex::new(1_f64, nan)].into_dyn(), "<c16", "C"),
        case(arr0(1.5).into_dyn(), "<f8", "C"),
        case(ArrayD::<f64>::zeros(IxDyn(&[0, 3])), "<f8", "C"),
        case(ArrayD::<u8>::zeros(IxDyn(&[1; 40])), "|u1", "C"),
        case(wide.clone().reversed_axes().into_dyn(), "<f8", "F"),
        case(wide.slice_move(ndarray::s![.., ..;2]).into_dyn(), "<f8", "C"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..cases.len()).map(|i| folder.path().join(format!("{i}.npy"))).collect();
    for ((bytes, _), path) in cases.iter().zip(&paths) {
        fs::write(path, bytes).unwrap();
    }
    let paths: Vec<&Path> = paths.iter().map(AsRef::as_ref).collect();
    let described = python.run(DESCRIBE, &paths);
    let lines: Vec<&str> = described.lines().map(str::trim_end).collect();
    assert_eq!(lines.len(), cases.len());
    for (line, (_, expected)) in lines.iter().zip(&cases) {
        assert_eq!(*line, expected.trim_end());
    }
}

#[test]
fn daglite_reads_every_array_that_numpy_writes() {
    let Some(python) = Python::with_readers() else { return };
    let folder = tempfile::tempdir().unwrap();
    python.run(WRITE, &[folder.path()]);
    let bytes = |name: &str| fs::read(folder.path().join(format!("{name}.npy"))).unwrap();
    let read = |name: &str| {
        let format = &Array2::<f64>::formats()[0];
        format.decode(&bytes(name)).unwrap()
    };
    fn of<A: NpyElement>(bytes: &[u8]) -> Result<ArrayD<A>, String> {
        ArrayD::formats()[0].decode(bytes).map_err(|error| error.to_string())
    }

    let six = array![[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]];
    for name in ["c", "fortran", "big", "big_fortran", "second", "third"] {
        assert_eq!(read(name), six, "{name}");
        assert_eq!(read(name).is_standard_layout(), !name.contains("fortran"), "{name}");
    }
    assert_eq!(read("strided"), array![[1.0, 3.0, 5.0], [13.0, 15.0, 17.0]]);
    let nans = [0x7ff8_0000_0000_0001, 0xfff0_0000_0000_0001, 0x8000_0000_0000_0000_u64];
    for name in ["nan", "big_nan"] {
        let bits: Vec<u64> = of::<f64>(&bytes(name)).unwrap().iter().map(|x| x.to_bits()).collect();
        assert_eq!(bits, nans, "{name}");
    }
    assert_eq!(of::<i32>(&bytes("scalar")).unwrap(), arr0(7).into_dyn());
    assert_eq!(of::<i32>(&bytes("empty")).unwrap().shape(), [0, 3]);
    assert_eq!(of::<bool>(&bytes("bools")).unwrap(), array![true, false].into_dyn());
    let halves = array![f16::from_f32(1.0), f16::from_f32(-2.0)].into_dyn();
    assert_eq!(of::<f16>(&bytes("halves")).unwrap(), halves);
    assert_eq!(of::<f16>(&bytes("big_halves")).unwrap(), halves);
    assert_eq!(
        of::<Complex<f32>>(&bytes("complex")).unwrap(),
        array![Complex::new(1_f32, 2.0)].into_dyn()
    );
    assert_eq!(
        of::<Complex<f64>>(&bytes("big_complex")).unwrap(),
        array![Complex::new(1_f64, 2.0)].into_dyn()
    );
    assert_eq!(of::<u8>(&bytes("bytes")).unwrap(), array![1, 255].into_dyn());

    let fields = of::<f64>(&bytes("fields")).unwrap_err();
    assert!(fields.contains("elements of several fields"), "{fields}");
    assert!(of::<u8>(&bytes("text")).unwrap_err().contains("`<U2`"));
    assert!(of::<i64>(&bytes("times")).unwrap_err().contains("`<M8[ns]`"));
}
