//! What the macros write, as snapshots, and that the docs list every option.

mod expansion;

use crate::option::ALL;

#[test]
fn the_docs_of_task_list_every_option() {
    let docs = include_str!("../lib.rs");
    for option in ALL {
        let row = format!("/// | `{}` | {} |", option.usage(), option.docs());
        assert!(docs.contains(&row), "the docs of `#[task]` lack this line:\n{row}");
    }
}
