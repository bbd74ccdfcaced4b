//! Each mistake under `ui` gets one message, on the token at fault; all under `pass` compiles and runs.
//!
//! A folder under `ui` is an option, or what the mistakes in it are about; a file is named by its mistake. After a
//! change of a message, write the `.stderr` files anew with `TRYBUILD=overwrite cargo test -p daglite-ui-tests`, and
//! read them as a user would.

/// Named as all that builds with cargo itself: `.ci/run` has it done beside what waits for disks and locks.
mod builds {
    #[test]
    fn mistakes_get_one_message_each() {
        trybuild::TestCases::new().compile_fail("tests/ui/*/*.rs");
    }

    #[test]
    fn good_code_compiles_and_runs() {
        trybuild::TestCases::new().pass("tests/pass/*.rs");
    }
}
