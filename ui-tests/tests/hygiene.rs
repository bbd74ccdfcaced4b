//! The crate where nothing has its usual name compiles; its tasks run.

use daglite as other_name;
use daglite_hygiene::{from_a_macro, shadowed};

#[test]
fn tasks_run_where_the_usual_names_mean_something_else() {
    assert_eq!(shadowed::cached("four", 3u32, vec![1u32], true).run().unwrap(), 7);
    assert_eq!(shadowed::hashed_at_once("four", 3u32).run().unwrap(), 7);
    assert_eq!(shadowed::fallible(3u32).run().unwrap(), 3);
    assert!(shadowed::fallible(0u32).run().is_err());
    assert_eq!(shadowed::generic::<u8, 2>(7u8).run().unwrap(), [7, 7]);
    shadowed::unit().run().unwrap();
    let here = other_name::Session::builder().isolation(false).build().unwrap();
    assert_eq!(shadowed::isolated("four", 3u32).run_in(&here).unwrap(), 7);
    assert!(other_name::executor::tasks().any(|task| task.name().ends_with("::isolated")));
    assert_eq!(from_a_macro::double(21u64).run().unwrap(), 42);
}

daglite_hygiene::doubling_task!(double_here, u32);

#[test]
fn a_macro_brings_its_own_path_to_the_library() {
    assert_eq!(double_here(21u32).run().unwrap(), 42);
}
