//! Arrays of `ndarray` in numpy's format `npy`: nothing is lost, and what is damaged or meant for another type is refused.

use daglite::{Format, HasFormat, NpyElement};
use half::f16;
use ndarray::{
    ArcArray, Array, Array1, Array2, Array3, ArrayD, Axis, CowArray, Dimension, Ix1, Ix2, IxDyn,
    ShapeBuilder, Slice, arr0, array,
};
use num_complex::Complex;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

fn format<T: HasFormat>() -> Format<T> {
    T::formats().remove(0)
}

fn encode<T: HasFormat>(value: &T) -> Vec<u8> {
    format::<T>().encode(value).unwrap()
}

fn decode<T: HasFormat>(bytes: &[u8]) -> Result<T, String> {
    format::<T>().decode(bytes).map_err(|error| error.to_string())
}

/// Numbers whose bits say what they are.
trait Bits: NpyElement {
    fn of(bits: u64) -> Self;
    fn bits(&self) -> u64;
}

macro_rules! bits {
    ($($type:ty: |$bits:ident| $of:expr, |$own:ident| $to:expr;)*) => {$(
        impl Bits for $type {
            fn of($bits: u64) -> Self {
                $of
            }

            fn bits(&self) -> u64 {
                let $own = *self;
                $to
            }
        }
    )*};
}

bits! {
    bool: |x| x % 2 == 1, |x| u64::from(x);
    u8: |x| x as u8, |x| u64::from(x);
    u16: |x| x as u16, |x| u64::from(x);
    u32: |x| x as u32, |x| u64::from(x);
    u64: |x| x, |x| x;
    i8: |x| x as i8, |x| x as u64;
    i16: |x| x as i16, |x| x as u64;
    i32: |x| x as i32, |x| x as u64;
    i64: |x| x as i64, |x| x as u64;
    f16: |x| f16::from_bits(x as u16), |x| u64::from(x.to_bits());
    f32: |x| f32::from_bits(x as u32), |x| u64::from(x.to_bits());
    f64: |x| f64::from_bits(x), |x| x.to_bits();
    Complex<f32>: |x| Complex::new(Bits::of(x), Bits::of(x >> 32)), |x| x.re.bits() | x.im.bits() << 32;
    Complex<f64>: |x| Complex::new(Bits::of(x), Bits::of(!x)), |x| x.re.bits() ^ x.im.bits().rotate_left(1);
}

/// Of all ways in which an array may lie, by number: in C order, in Fortran order, backwards, with gaps.
fn laid<A: Bits>(shape: &[usize], seed: u64, way: u8) -> ArrayD<A> {
    let mut next = seed;
    let mut number = || {
        next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        A::of(next)
    };
    let count = shape.iter().product::<usize>();
    match way % 4 {
        0 => Array::from_shape_vec(IxDyn(shape), (0..count).map(|_| number()).collect()).unwrap(),
        1 => {
            let elements = (0..count).map(|_| number()).collect();
            Array::from_shape_vec(IxDyn(shape).f(), elements).unwrap()
        }
        2 => {
            let mut array = laid(shape, seed, 0);
            (0..shape.len()).step_by(2).for_each(|axis| array.invert_axis(Axis(axis)));
            array
        }
        _ => {
            let mut wide = shape.to_vec();
            if let Some(last) = wide.last_mut() {
                *last *= 3;
            }
            let mut array = laid(&wide, seed, 1);
            if !shape.is_empty() {
                let every_third = Slice::new(0, None, 3);
                array.slice_axis_inplace(Axis(shape.len() - 1), every_third);
            }
            array
        }
    }
}

fn same<A: Bits, D: Dimension>(left: &Array<A, D>, right: &Array<A, D>) -> bool {
    left.shape() == right.shape() && left.iter().map(Bits::bits).eq(right.iter().map(Bits::bits))
}

fn comes_back<A: Bits>(shape: &[usize], seed: u64, way: u8) {
    let array = laid::<A>(shape, seed, way);
    let bytes = encode(&array);
    let back: ArrayD<A> = decode(&bytes).unwrap();
    assert!(same(&back, &array), "{shape:?} {way}");
    // The same array again gives the same bytes: what comes back lies as it was written.
    assert_eq!(encode(&back), bytes);
    let turned = !array.is_standard_layout() && array.t().is_standard_layout();
    assert_eq!(back.is_standard_layout(), !turned, "{shape:?} {way}");
    assert!(!turned || back.t().is_standard_layout(), "{shape:?} {way}");
    let shared: ArcArray<A, IxDyn> = decode(&bytes).unwrap();
    assert_eq!(encode(&shared), bytes);
    let lent: CowArray<'static, A, IxDyn> = decode(&bytes).unwrap();
    assert_eq!(encode(&lent), bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_array_of_any_element_comes_back_bit_by_bit(
        shape in proptest::collection::vec(0_usize..5, 0..6), seed in any::<u64>(), way in 0_u8..4,
    ) {
        comes_back::<bool>(&shape, seed, way);
        comes_back::<u8>(&shape, seed, way);
        comes_back::<u16>(&shape, seed, way);
        comes_back::<u32>(&shape, seed, way);
        comes_back::<u64>(&shape, seed, way);
        comes_back::<i8>(&shape, seed, way);
        comes_back::<i16>(&shape, seed, way);
        comes_back::<i32>(&shape, seed, way);
        comes_back::<i64>(&shape, seed, way);
        comes_back::<f16>(&shape, seed, way);
        comes_back::<f32>(&shape, seed, way);
        comes_back::<f64>(&shape, seed, way);
        comes_back::<Complex<f32>>(&shape, seed, way);
        comes_back::<Complex<f64>>(&shape, seed, way);
    }

    #[test]
    fn a_changed_byte_is_another_value_or_an_error_and_never_a_panic(
        at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<proptest::sample::Index>(),
    ) {
        let array = laid::<f64>(&[3, 2], 7, 1);
        let mut bytes = encode(&array);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(back) = decode::<ArrayD<f64>>(&bytes) {
            prop_assert_eq!(back.len(), 6);
        }
        let cut = cut.index(bytes.len());
        assert!(decode::<ArrayD<f64>>(&bytes[..cut]).is_err());
    }

    #[test]
    fn junk_is_refused_and_never_a_panic(junk in proptest::collection::vec(any::<u8>(), 0..200), text in "[(){}\\[\\]',: 0-9a-zL<>]{0,80}") {
        assert!(decode::<ArrayD<u8>>(&junk).is_err());
        drop(decode::<ArrayD<u8>>(&file(&text, b"")));
        let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {text}");
        drop(decode::<ArrayD<u8>>(&file(&text, b"")));
    }
}

#[test]
fn large_arrays_come_back_however_they_lie() {
    for way in 0..4 {
        comes_back::<f64>(&[301, 97], 3, way);
        comes_back::<Complex<f32>>(&[11, 13, 301], 3, way);
        comes_back::<u8>(&[1_000_003], 3, way);
    }
}

/// A file of version 1.0 with this text as its header.
fn file(header: &str, elements: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), elements].concat()
}

#[test]
fn a_file_is_what_numpy_writes() {
    let bytes = encode(&array![[1_u16, 2], [3, 4]]);
    assert_eq!(bytes.len(), 128 + 8);
    let text = "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 2), }";
    let header = format!("{text}{}\n", " ".repeat(128 - 10 - 1 - text.len()));
    assert_eq!(bytes, file(&header, &[1, 0, 2, 0, 3, 0, 4, 0]));

    let turned = encode(&array![[1_u8, 2], [3, 4]].reversed_axes());
    let text = String::from_utf8_lossy(&turned[10..]);
    assert!(text.starts_with("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }"));
    assert_eq!(turned[128..], [1, 2, 3, 4]);

    let text = |array: &ArrayD<f64>| String::from_utf8_lossy(&encode(array)[10..]).into_owned();
    assert!(text(&arr0(1.0).into_dyn()).contains("'shape': (), }"));
    assert!(text(&array![1.0].into_dyn()).contains("'shape': (1,), }"));
    assert!(text(&Array::zeros(IxDyn(&[0, 3]))).contains("'shape': (0, 3), }"));
}

/// The error of a file as an array of one element and dimension.
fn refused(bytes: &[u8]) -> String {
    decode::<Array1<u16>>(bytes).unwrap_err()
}

/// The error of a header, with as many bytes behind it as one element has.
fn refused_header(text: &str) -> String {
    refused(&file(text, &[1, 0]))
}

#[test]
fn whatever_python_may_write_is_read() {
    let fine = |text: &str, bytes: &[u8]| decode::<Array1<u16>>(&file(text, bytes)).unwrap();
    let plain = "{'descr': '<u2', 'fortran_order': False, 'shape': (1,), }";
    assert_eq!(fine(plain, &[1, 2]), array![0x201]);
    assert_eq!(fine(&plain.replace('<', ">"), &[1, 2]), array![0x102]);
    assert_eq!(
        fine("{\"shape\":(1L,),\"fortran_order\":True,\"descr\":\"<u2\"}\n", &[1, 2]),
        array![0x201]
    );
    assert_eq!(
        fine(" { 'shape' : ( 1 , ) , 'descr' : '<u2' , 'fortran_order' : False } ", &[1, 2]),
        array![0x201]
    );

    let length = (plain.len() as u32).to_le_bytes();
    for version in [2, 3] {
        let begin = [b'\x93', b'N', b'U', b'M', b'P', b'Y', version, 0];
        let bytes = [&begin[..], &length, plain.as_bytes(), &[1, 2]].concat();
        assert_eq!(decode::<Array1<u16>>(&bytes).unwrap(), array![0x201]);
    }
    let one = "{'descr': '>b1', 'fortran_order': False, 'shape': (), }";
    assert!(decode::<ArrayD<bool>>(&file(one, &[1])).unwrap()[IxDyn(&[])]);
}

#[test]
fn what_is_damaged_or_absurd_is_refused_with_its_place() {
    assert_eq!(refused(b""), "at byte 0: it does not begin as an npy file does");
    assert_eq!(refused(b"\x93NUMPY"), "at byte 6: the header is cut off");
    assert_eq!(refused(b"\x93NUMPY\x01\x00\x01"), "at byte 9: the header is cut off");
    assert_eq!(refused(b"\x93NUMPY\x02\x00\x01\0\0"), "at byte 11: the header is cut off");
    assert_eq!(refused(b"\x93NUMPY\x09\x01"), "at byte 6: version 9.1 of npy is not known");
    assert_eq!(refused(b"\x93NUMPY\x01\x00\x05\0{"), "at byte 11: the header is cut off");
    let long = refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{");
    assert_eq!(long, "at byte 8: a header of 4294967295 bytes is longer than 10000");

    let of = |shape: &str| {
        refused_header(&format!("{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}}}"))
    };
    assert!(of("(2,)").ends_with("the shape [2] needs 4 bytes, and 2 follow"), "{}", of("(2,)"));
    assert!(of("(0,)").ends_with("needs 0 bytes, and 2 follow"));
    assert_eq!(of("(1, 1)"), "the file has 2 dimensions, and 1 are wanted");
    assert!(
        of("(18446744073709551615,)").ends_with("needs more than memory holds bytes, and 2 follow")
    );
    assert!(of("(18446744073709551616,)").ends_with("a length is expected"));
    assert!(of("(-1,)").starts_with("at byte 61: a length is expected"), "{}", of("(-1,)"));
    assert!(of("1").ends_with("`(` is expected"));
    assert!(of("(1").ends_with("`)` is expected"));
    assert!(of("(1 2)").ends_with("`)` is expected"));
    let many = format!("({})", "1, ".repeat(65));
    assert_eq!(of(&many), "65 dimensions are more than 64, numpy's limit");

    assert!(refused_header("").ends_with("at byte 10: `{` is expected"));
    assert!(refused_header("{").ends_with("at byte 11: a text in quotation marks is expected"));
    assert!(refused_header("{'descr").ends_with("a text in quotation marks is expected"));
    assert!(refused_header("{'descr' '<u2'}").ends_with("`:` is expected"));
    assert!(refused_header("{'size': 1}").ends_with("the key 'size' is not known"));
    assert!(refused_header("{'fortran_order': 1}").ends_with("`True` or `False` is expected"));
    assert!(
        refused_header("{'shape': (), 'shape': ()}").ends_with("the key 'shape' is there twice")
    );
    assert!(refused_header("{'shape': () 'descr': '<u2'}").ends_with("`}` is expected"));
    assert!(refused_header("{} x").ends_with("something follows the header"));
    assert_eq!(refused_header("{}"), "the header says nothing of 'descr'");
    assert_eq!(refused_header("{'descr': '<u2'}"), "the header says nothing of 'fortran_order'");
    let no_shape = refused_header("{'descr': '<u2', 'fortran_order': True}");
    assert_eq!(no_shape, "the header says nothing of 'shape'");
    let fields = refused_header("{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (1,)}");
    assert_eq!(
        fields,
        "at byte 20: elements of several fields have no type here: save the fields apart"
    );

    // No element, but a shape that no array can have.
    let absurd = "{'descr': '<u2', 'fortran_order': False, 'shape': (0, 9223372036854775807, 9)}";
    let absurd = decode::<Array3<u16>>(&file(absurd, b"")).unwrap_err();
    assert!(absurd.contains("is not possible"), "{absurd}");

    let two = "{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}";
    let two = file(two, &[1, 2]);
    let at = two.len() - 1;
    let wrong = decode::<Array1<bool>>(&two).unwrap_err();
    assert_eq!(wrong, format!("at byte {at}: a `bool` is 0 or 1, not 2"));
}

#[test]
fn elements_of_another_type_are_refused() {
    for descr in ["<u4", "<i2", "<f2", "u2", "=u2", "|u2", "<U5", "|O", "<M8[ns]", ""] {
        let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,)}}");
        let expected = format!(
            "the file has elements `{descr}` (in numpy's letters), and `u2`, `u16`, is wanted"
        );
        assert_eq!(refused_header(&text), expected);
    }
    let floats = encode(&array![1.0]);
    assert!(decode::<Array1<f32>>(&floats).unwrap_err().contains("`<f8`"));
    assert!(decode::<Array1<Complex<f32>>>(&floats).is_err());
    assert!(decode::<Array1<i64>>(&floats).is_err());
}

#[test]
fn more_dimensions_than_numpy_has_are_not_written() {
    let array = Array::<u8, _>::zeros(IxDyn(&[1; 65]));
    let error = format::<ArrayD<u8>>().encode(&array).unwrap_err();
    assert_eq!(error.to_string(), "65 dimensions are more than 64, numpy's limit");
    let most = Array::<u8, _>::zeros(IxDyn(&[1; 64]));
    assert_eq!(decode::<ArrayD<u8>>(&encode(&most)).unwrap(), most);
}

#[test]
fn the_format_has_a_name_and_an_ending() {
    let format = format::<Array<f32, Ix1>>();
    assert_eq!((format.name(), format.extension()), ("npy", "npy"));
}

/// An array above 2^32 bytes comes back. It takes 14 GB of memory:
/// `DAGLITE_LARGE=1 cargo test --release -p daglite-type-tests --test ndarray_npy above`
#[test]
fn an_array_above_4_gib_comes_back() {
    if std::env::var_os("DAGLITE_LARGE").is_none() {
        return;
    }
    let rows = (1 << 32) / 4096 + 1;
    let mut array = Array2::<u8>::zeros((rows, 4096));
    array[[rows - 1, 4095]] = 7;
    let bytes = encode(&array);
    drop(array);
    let back: Array<u8, Ix2> = decode(&bytes).unwrap();
    assert_eq!((back.dim(), back[[rows - 1, 4095]]), ((rows, 4096), 7));
}
