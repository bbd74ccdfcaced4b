//! Arrays of `ndarray` are hashed by shape and elements, whatever their order and distances in memory.

use daglite::prelude::*;
use daglite::{ContentHasher, Digest, Strategy, content_digest};
use half::f16;
use ndarray::{
    ArcArray, Array, Array0, Array1, Array2, Array3, ArrayD, ArrayViewD, Axis, CowArray, Ix2,
    IxDyn, ShapeBuilder, Slice, arr0, array,
};
use num_complex::Complex;
use proptest::prelude::{ProptestConfig, Strategy as _, any, prop_assert_eq, proptest};

fn own<T: ContentHash + ?Sized>(value: &T) -> Digest {
    content_digest(value).unwrap()
}

fn by(strategy: Strategy, value: &impl ContentHash) -> Digest {
    let mut hasher = ContentHasher::new(strategy);
    value.content_hash(&mut hasher);
    hasher.finish().unwrap()
}

/// The same content, in C order and nowhere else.
fn together<A: Clone>(view: &ArrayViewD<'_, A>) -> ArrayD<A> {
    Array::from_shape_vec(view.raw_dim(), view.iter().cloned().collect()).unwrap()
}

/// What is done to a view, as numbers, of which every one means something to every view.
fn changed<'a, A>(mut view: ArrayViewD<'a, A>, changes: &[(u8, u8, u8)]) -> ArrayViewD<'a, A> {
    for &(what, first, second) in changes {
        if view.ndim() == 0 {
            view = view.insert_axis(Axis(0));
        }
        let axis = Axis(usize::from(first) % view.ndim());
        let other = usize::from(second) % view.ndim();
        let length = view.len_of(axis) as isize;
        match what % 6 {
            0 => view.swap_axes(axis.0, other),
            1 => view.invert_axis(axis),
            2 => {
                let start = isize::from(second % 4).min(length);
                view.slice_axis_inplace(axis, Slice::new(start, None, 1));
            }
            3 => {
                let step = [1, 2, 3, -1, -2][usize::from(second) % 5];
                view.slice_axis_inplace(axis, Slice::new(0, None, step));
            }
            4 if length > 0 && view.ndim() > 1 => {
                view.index_axis_inplace(axis, usize::from(second) % length as usize);
            }
            _ => {
                if view.ndim() < 6 {
                    view = view.insert_axis(axis);
                }
            }
        }
    }
    view
}

fn numbered<A>(shape: &[usize], of: impl Fn(usize) -> A) -> ArrayD<A> {
    let count = shape.iter().product();
    Array::from_shape_vec(IxDyn(shape), (0..count).map(of).collect()).unwrap()
}

/// A view hashes as its copy does, by every strategy.
fn check<A: ContentHash + Clone + Sync>(
    shape: &[usize],
    changes: &[(u8, u8, u8)],
    of: impl Fn(usize) -> A,
) {
    let array = numbered(shape, of);
    let view = changed(array.view(), changes);
    let copy = together(&view);
    for strategy in [Strategy::Exact, Strategy::Fast, Strategy::Sampled] {
        assert_eq!(by(strategy, &view), by(strategy, &copy), "{:?} {strategy:?}", view.shape());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_view_hashes_as_its_copy_does(
        shape in proptest::collection::vec(0_usize..7, 0..5),
        changes in proptest::collection::vec(any::<(u8, u8, u8)>(), 0..6),
    ) {
        check(&shape, &changes, |i| i as f64);
        check(&shape, &changes, |i| i as u8);
        check(&shape, &changes, |i| i as i16);
        check(&shape, &changes, |i| i % 3 == 0);
        check(&shape, &changes, |i| i as u128);
        check(&shape, &changes, |i: usize| i);
        check(&shape, &changes, |i| -(i as isize));
        check(&shape, &changes, |i| char::from(i as u8));
        check(&shape, &changes, |i| f16::from_f32(i as f32));
        check(&shape, &changes, |i| Complex::new(i as f32, 1.0));
        check(&shape, &changes, |i| format!("{i}"));
        check(&shape, &changes, |i| (i as u8, "x"));
    }

    #[test]
    fn one_element_more_or_less_is_told(
        (rows, columns, at) in (1_usize..200, 1_usize..200).prop_flat_map(|(r, c)| (r..=r, c..=c, 0..r * c)),
    ) {
        let mut array = Array2::from_shape_fn((rows, columns), |(r, c)| (r * columns + c) as f32);
        let (before, before_turned) = (own(&array), own(&array.t()));
        prop_assert_eq!(own(&array.clone().reversed_axes()), before_turned);
        array[[at / columns, at % columns]] += 0.5;
        assert_ne!(own(&array), before);
        assert_ne!(own(&array.t()), before_turned);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_large_view_hashes_as_its_copy_does(
        shape in (30_usize..60, 1_usize..40, 30_usize..60),
        changes in proptest::collection::vec(any::<(u8, u8, u8)>(), 1..5),
    ) {
        let shape = [shape.0, shape.1, shape.2];
        check(&shape, &changes, |i| i as f64);
        check(&shape, &changes, |i| Complex::new(i as f32, 1.0));
        check(&shape, &changes, |i| Complex::new(i as f64, 1.0));
        check(&shape, &changes, |i| i as u16);
    }
}

#[test]
fn all_storages_and_kinds_of_dimension_agree() {
    let array = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let digest = own(&array);
    assert_eq!(own(&array.view()), digest);
    assert_eq!(own(&*array), digest);
    assert_eq!(own(&array.clone().view_mut()), digest);
    assert_eq!(own(&array.to_shared()), digest);
    assert_eq!(own(&CowArray::from(array.view())), digest);
    assert_eq!(own(&array.clone().into_dyn()), digest);
    let fortran = Array::from_shape_vec((2, 3).f(), vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]).unwrap();
    assert_eq!(fortran, array);
    assert_eq!(own(&fortran), digest);
    let mut turned = array.clone();
    turned.invert_axis(Axis(0));
    turned.invert_axis(Axis(1));
    let other_way = array![[6.0, 5.0, 4.0], [3.0, 2.0, 1.0]];
    assert_eq!(own(&turned), own(&other_way));
}

#[test]
fn a_broadcast_view_hashes_as_what_it_shows() {
    let row = array![1_u32, 2, 3];
    let shown = row.broadcast((400, 100, 3)).unwrap();
    assert_eq!(own(&shown), own(&shown.to_owned()));
    let one = arr0(7_i64);
    let shown = one.broadcast((3, 70_000)).unwrap();
    assert_eq!(own(&shown), own(&Array2::from_elem((3, 70_000), 7_i64)));
}

/// Arrays of which no two are the same to a task.
fn different() -> Vec<(&'static str, Digest)> {
    let nan = f64::from_bits(0x7ff8_0000_0000_0001);
    let large = Array2::from_shape_fn((300, 200), |(r, c)| (r * 200 + c) as u32);
    vec![
        ("a list", own(&vec![1_u8, 2, 3, 4])),
        ("[4] of u8", own(&array![1_u8, 2, 3, 4])),
        ("[4] of i8", own(&array![1_i8, 2, 3, 4])),
        ("[4] of f64", own(&array![1_f64, 2.0, 3.0, 4.0])),
        ("[2, 2] of u8", own(&array![[1_u8, 2], [3, 4]])),
        ("[2, 2] of u8, turned", own(&array![[1_u8, 2], [3, 4]].t())),
        ("[1, 4] of u8", own(&array![[1_u8, 2, 3, 4]])),
        ("[4, 1] of u8", own(&array![[1_u8], [2], [3], [4]])),
        ("no dimension, f64", own(&arr0(1.0))),
        ("[1] of f64", own(&array![1.0])),
        ("[0] of f64", own(&Array1::<f64>::zeros(0))),
        ("[0, 2] of f64", own(&Array2::<f64>::zeros((0, 2)))),
        ("[2, 0] of f64", own(&Array2::<f64>::zeros((2, 0)))),
        ("[0] of f32", own(&Array1::<f32>::zeros(0))),
        ("nan", own(&array![f64::NAN])),
        ("nan with payload", own(&array![nan])),
        ("-0.0", own(&array![-0.0])),
        ("0.0", own(&array![0.0])),
        ("bools", own(&array![true, false])),
        ("u128", own(&array![1_u128])),
        ("usize", own(&array![1_usize])),
        ("f16", own(&array![f16::ONE])),
        ("complex f32", own(&array![Complex::new(1_f32, 2.0)])),
        ("complex f64", own(&array![Complex::new(1_f64, 2.0)])),
        ("complex f64, turned", own(&array![Complex::new(2_f64, 1.0)])),
        ("words", own(&array!["a", "bc"])),
        ("other words", own(&array!["ab", "c"])),
        ("words in two dimensions", own(&array![["a", "bc"], ["d", "e"]])),
        ("words, turned", own(&array![["a", "bc"], ["d", "e"]].t())),
        ("large", own(&large)),
        ("large, turned", own(&large.t())),
        ("large, turned, fast", by(Strategy::Fast, &large.t())),
        ("large, turned, sampled", by(Strategy::Sampled, &large.t())),
    ]
}

#[test]
fn digests_never_change() {
    let now: String =
        different().iter().map(|(name, digest)| format!("{digest} {name}\n")).collect();
    assert_eq!(now, include_str!("ndarray_hash.txt"), "all digests are now:\n{now}");
}

#[test]
fn different_arrays_have_different_digests() {
    let values = different();
    for (index, (name, digest)) in values.iter().enumerate() {
        for (other_name, other) in &values[..index] {
            assert_ne!(digest, other, "`{name}` and `{other_name}` share a digest");
        }
    }
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Model {
    weights: Array2<f64>,
    labels: Array1<String>,
}

#[task(cache)]
fn grid(rows: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, 3), |(r, c)| if r == c { f64::NAN } else { r as f64 })
}

#[task(cache)]
fn turned(grid: &Array2<f64>, shared: ArcArray<i32, Ix2>) -> (ArrayD<f64>, Array0<i64>) {
    (grid.t().to_owned().into_dyn(), arr0(i64::from(shared.sum())))
}

#[task(cache)]
fn transposed(grid: Array2<f64>) -> ArrayD<f64> {
    grid.reversed_axes().into_dyn()
}

#[task(cache)]
fn counted(grid: ArrayD<f64>, sizes: Array1<usize>) -> Array1<usize> {
    sizes + grid.len()
}

#[task(cache)]
fn model(weights: Array2<f64>) -> Model {
    Model { weights, labels: array!["a".to_owned()] }
}

#[task(cache)]
fn shared(weights: Array3<f32>) -> Result<ArcArray<f32, ndarray::Ix3>, std::io::Error> {
    Ok(weights.into_shared())
}

/// Runs the same question in two sessions on one folder: the first computes, the second does not, and both say the same.
fn hits_in_a_second_session<T: Clone + Send + Sync + 'static>(
    tasks: u64,
    ask: impl Fn() -> TaskFuture<T>,
    digest: impl Fn(&T) -> Digest,
) {
    let folder = tempfile::tempdir().unwrap();
    let answers = [0, 1].map(|run| {
        let cache = FileStore::builder(folder.path()).open().unwrap();
        let session = Session::builder().cache(cache).build().unwrap();
        let outcome = ask().outcome_in(&session).unwrap();
        let found = (outcome.summary.hits as u64, outcome.summary.computed as u64);
        assert_eq!(found, (run * tasks, tasks - run * tasks));
        digest(&outcome.value)
    });
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn tasks_take_and_give_arrays_and_hit_in_a_second_session() {
    hits_in_a_second_session(2, || transposed(grid(4)), own);
    hits_in_a_second_session(3, || counted(transposed(grid(5)), array![1_usize, 2]), own);
    let cube = Array3::from_shape_fn((2, 3, 4), |(x, y, z)| (x + y * z) as f32);
    hits_in_a_second_session(1, || shared(cube.clone()), own);
    hits_in_a_second_session(
        1,
        || model(array![[1.0, f64::INFINITY]]),
        |model| own(&(model.weights.clone(), model.labels.clone())),
    );
    let counts = array![[1, 2], [3, 4]].into_shared();
    hits_in_a_second_session(2, || turned(grid(3), counts.clone()), |(a, b)| own(&(a, b)));
}

#[test]
fn views_of_every_element_hash_as_what_they_show() {
    macro_rules! check {
        ($($type:ty: |$n:ident| $of:expr;)*) => {$(
            let array = Array2::from_shape_fn((7, 30), |(row, column)| {
                let $n = (row * 30 + column) as u8;
                let element: $type = $of;
                element
            });
            let turned = array.t();
            assert_eq!(own(&turned), own(&together(&turned.into_dyn())), stringify!($type));
            assert_ne!(own(&turned), own(&array), stringify!($type));
        )*};
    }
    check! {
        bool: |n| n & 2 > 0;
        char: |n| char::from(n);
        u8: |n| n;
        u16: |n| u16::from(n) << 7;
        u32: |n| u32::from(n) << 20;
        u64: |n| u64::from(n) << 40;
        u128: |n| u128::from(n) << 100;
        usize: |n| usize::from(n) << 20;
        i8: |n| n as i8;
        i16: |n| -i16::from(n) << 6;
        i32: |n| -i32::from(n) << 20;
        i64: |n| -i64::from(n) << 40;
        i128: |n| -i128::from(n) << 100;
        isize: |n| -isize::from(n) << 20;
        f32: |n| f32::from(n) / 3.0;
        f64: |n| f64::from(n) / 3.0;
    }
}

#[test]
fn a_miss_shows_the_first_elements_of_a_view() {
    #[task(cache)]
    fn letters(words: &Array2<String>) -> usize {
        words.len()
    }
    let words = Array2::from_shape_fn((50, 60), |(row, column)| format!("{row}/{column}"));
    let session = Session::builder().cache(MemoryStore::new()).build().unwrap();
    letters(words.clone().reversed_axes()).run_in(&session).unwrap();
    let outcome = letters(words).outcome_in(&session).unwrap();
    let reason = outcome.tasks[0].reason.as_ref().expect("it was a miss").to_string();
    assert!(
        reason.contains(r#"["0/0", "1/0", "2/0""#) && reason.contains(r#"["0/0", "0/1", "0/2""#),
        "{reason}"
    );
}
