//! What the macro's code relies on, asked as the macro asks it.

#![expect(
    clippy::needless_borrow,
    reason = "the macro writes the same borrows for all types: the first that suits wins"
)]

use std::any::Any;
use std::sync::Arc;

use super::probes::*;
use super::{
    Args, Body, CacheSpec, Failure, Lent, ParamHash, Task, TaskCell, TaskMemo, TaskSpec, Value,
    generic_task, hashable, probe,
};
use crate::error::ErrorKind;
use crate::hash::{ContentHasher, Strategy};

/// Neither `Clone` nor serde nor `ContentHash`.
#[derive(Debug, PartialEq)]
struct Opaque(u32);

fn args<T: Send + Sync + 'static>(value: Arc<T>) -> Args {
    Args::new([value as Value])
}

#[test]
fn the_last_holder_of_an_argument_moves_it() {
    let mut args = args(Arc::new(Opaque(1)));
    let moved = (&&&probe::<Opaque>()).__daglite_storage().owned::<Opaque>(&mut args, 0, "x");
    assert_eq!(moved.expect("nobody else holds it"), Opaque(1));
}

#[test]
fn an_argument_that_others_hold_is_cloned() {
    let held = Arc::new(vec![1u32]);
    let mut args = args(Arc::clone(&held));
    let cloned = (&&&probe::<Vec<u32>>()).__daglite_storage().owned::<Vec<u32>>(&mut args, 0, "x");
    assert_eq!(cloned.expect("it is `Clone`"), *held);
}

#[test]
fn an_argument_that_others_hold_and_nobody_can_clone_is_an_error_that_says_what_to_do() {
    let held = Arc::new(Opaque(1));
    let mut args = args(Arc::clone(&held));
    let failed = (&&&probe::<Opaque>()).__daglite_storage().owned::<Opaque>(&mut args, 0, "x");
    let error = failed.expect_err("it is shared").into_error();
    assert_eq!(error.kind(), ErrorKind::Shared);
    let name = std::any::type_name::<Opaque>();
    assert_eq!(
        error.to_string(),
        format!(
            "takes parameter `x` of type `{name}` by value, but the value is shared and `{name}` is not `Clone`: \
             take `&{name}`, or derive `Clone`"
        )
    );
}

#[test]
fn a_lent_argument_stays_shared() {
    let held = Arc::new(Opaque(1));
    let mut args = args(Arc::clone(&held));
    let lent = (&&&probe::<Opaque>()).__daglite_storage().lent::<Opaque>(&mut args, 0);
    assert!(Arc::ptr_eq(&lent, &held));
}

#[test]
#[should_panic(expected = "argument 0 is not a `u64`")]
fn an_argument_of_another_type_is_never_taken_for_the_right_one() {
    let mut args = args(Arc::new(1u32));
    drop((&&&probe::<u64>()).__daglite_storage().lent::<u64>(&mut args, 0));
}

#[test]
fn unsized_types_are_lent_by_their_owners() {
    assert_eq!(<str as Lent>::lend(&"text".to_owned()), "text");
    assert_eq!(<[u32] as Lent>::lend(&vec![1, 2]), [1, 2]);
    assert_eq!(<std::path::Path as Lent>::lend(&"a/b".into()), std::path::Path::new("a/b"));
    assert_eq!(<Opaque as Lent>::lend(&Opaque(1)), &Opaque(1));
}

#[test]
fn results_are_cloned_if_they_can_be() {
    let cloning = (&&&probe::<Vec<u32>>()).__daglite_storage().cloning().expect("it is `Clone`");
    let value: Value = Arc::new(vec![1u32]);
    let mut clone: Option<Vec<u32>> = None;
    cloning(&*value, &mut clone);
    assert_eq!(clone, Some(vec![1]));
    assert!((&&&probe::<Opaque>()).__daglite_storage().cloning().is_none());
}

#[test]
fn results_that_are_not_cached_need_no_format() {
    assert!((&&&&probe::<Vec<u32>>()).__daglite_formats().optional().is_some());
    assert!((&&&&probe::<Opaque>()).__daglite_formats().optional().is_none());
    assert!((&&&&probe::<std::rc::Rc<u32>>()).__daglite_formats().optional().is_none());
}

#[test]
fn the_error_of_a_task_is_the_source_of_its_failure() {
    let result: Result<u32, std::num::ParseIntError> = "seven".parse();
    let failed = (&&probe::<std::num::ParseIntError>()).__daglite_error().value::<(), _>(result);
    let error = failed.expect_err("it failed").into_error();
    assert_eq!(error.kind(), ErrorKind::Task);
    assert_eq!(error.to_string(), "failed: invalid digit found in string");
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
}

#[test]
fn a_hash_function_of_another_type_fails_the_hash() {
    let value: &(dyn Any + Send + Sync) = &1u32;
    let mut right = ContentHasher::new(Strategy::Auto);
    assert_eq!(hashable::<u32>(value, &mut right), Some(&1));
    assert!(right.finish().is_ok());
    let mut wrong = ContentHasher::new(Strategy::Auto);
    assert_eq!(hashable::<u64>(value, &mut wrong), None);
    let error = wrong.finish().expect_err("the argument is no `u64`").to_string();
    assert!(error.contains("the argument is not a `u64`"), "{error}");
}

static SPEC: TaskSpec = TaskSpec {
    name: "tests::task",
    package: "daglite",
    place: || "tests::task",
    fingerprint: [0; 32],
    code: "",
    conditions: &[],
    params: &["x"],
    cache: Some(CacheSpec { ttl_millis: None, version: "", env: &[] }),
    attempts: None,
    weight: 4,
    limits: &[],
    isolate: None,
    seeded: false,
};

fn task() -> Task {
    Task {
        spec: &SPEC,
        types: &[std::any::type_name::<u32>],
        body: Body::Sync(|_| Err(Failure::returned("never called".into()))),
        params: vec![ParamHash::Excluded(None)],
        hash_all: None,
        result: None,
        clone: None,
        memo: TaskMemo::new(),
    }
}

#[test]
fn a_task_is_made_once() {
    static CELL: TaskCell = TaskCell::new();
    assert!(std::ptr::eq(CELL.get(task), CELL.get(|| unreachable!("it is made already"))));
}

#[test]
fn a_generic_function_has_one_task_for_each_choice_of_types() {
    let of_u32 = generic_task::<fn(u32)>(&SPEC, task);
    let of_u64 = generic_task::<fn(u64)>(&SPEC, task);
    assert!(!std::ptr::eq(of_u32, of_u64));
    assert!(std::ptr::eq(
        of_u32,
        generic_task::<fn(u32)>(&SPEC, || unreachable!("it is made already"))
    ));
}

#[test]
fn two_generic_functions_do_not_share_their_tasks() {
    static OTHER: TaskSpec = TaskSpec {
        name: "tests::other",
        package: "daglite",
        place: || "tests::other",
        fingerprint: [0; 32],
        code: "",
        conditions: &[],
        params: &[],
        cache: None,
        attempts: None,
        weight: 1,
        limits: &[],
        isolate: None,
        seeded: false,
    };
    let one = generic_task::<fn(u8)>(&SPEC, task);
    let other = generic_task::<fn(u8)>(&OTHER, || Task { spec: &OTHER, ..task() });
    assert_eq!((one.spec.name, other.spec.name), ("tests::task", "tests::other"));
}

#[test]
fn a_task_that_is_heavier_than_all_places_takes_all_places() {
    assert_eq!(SPEC.weight_of(8), 4);
    assert_eq!(SPEC.weight_of(3), 3);
    assert_eq!(SPEC.weight_of(0), 1);
}
