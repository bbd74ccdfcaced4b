//! Where a task was called when it is handed to a method: `load(path).then(clean)`.
//!
//! The standard library calls it then, and the place that the compiler gives is in there. What is of use to people is where
//! the method was called.

use std::cell::Cell;
use std::panic::Location;

thread_local! {
    /// Where the method was called whose function runs on this thread.
    static METHOD: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// Runs `f`, in which tasks that the standard library calls are called at `place`.
pub(super) fn called_at<R>(place: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
    /// Puts the place of the method around back.
    struct Restore(Option<&'static Location<'static>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            METHOD.set(self.0);
        }
    }
    let _restore = Restore(METHOD.replace(Some(place)));
    f()
}

/// Where a task was called that the compiler says was called at `place`.
pub(super) fn place_of(place: &'static Location<'static>) -> &'static Location<'static> {
    // How the standard library calls a function that it was handed.
    let file = place.file();
    if file.ends_with("ops/function.rs") || file.ends_with("ops\\function.rs") {
        return METHOD.get().unwrap_or(place);
    }
    place
}
