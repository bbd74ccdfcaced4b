//! Coders of others, with their panics made errors.

use std::panic::{self, AssertUnwindSafe};

use crate::error::BoxError;

/// What `code` returns, or its panic as an error.
///
/// The decoders of tables are written for files that are sound: on damaged ones some of them panic. What is in a cache may be
/// damaged, and that must not end a run; nor must a type that an encoder has not learnt yet. Nothing that `code` had in its
/// hands is used again.
pub(super) fn guarded<T>(code: impl FnOnce() -> Result<T, BoxError>) -> Result<T, BoxError> {
    panic::catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("it ended in a panic: {}", text.unwrap_or("without a word")).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_text() {
        let error = guarded::<()>(|| panic!("at byte {}", 7)).unwrap_err();
        assert_eq!(error.to_string(), "it ended in a panic: at byte 7");
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
        let error = guarded::<()>(|| panic::panic_any(1)).unwrap_err();
        assert!(error.to_string().contains("without a word"));
    }
}
