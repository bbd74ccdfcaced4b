//! `counted!`: a task that counts how often its body runs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Defines a task, and the static that counts how often its body runs.
///
/// ```
/// use daglite::prelude::*;
/// use daglite_tests::counted;
/// use daglite_tests::counted::ran;
///
/// counted! { DOUBLED, #[task] fn double(n: u64) -> u64 { 2 * n } }
///
/// assert_eq!(double(4u64).run().unwrap(), 8);
/// assert_eq!((ran(&DOUBLED), ran(&DOUBLED)), (1, 0));
/// ```
#[macro_export]
macro_rules! counted {
    ($calls:ident, $(#[$attribute:meta])* fn $name:ident($($arg:ident: $ty:ty),*) -> $out:ty { $($body:tt)* }) => {
        static $calls: ::std::sync::atomic::AtomicU64 = ::std::sync::atomic::AtomicU64::new(0);

        $(#[$attribute])*
        fn $name($($arg: $ty),*) -> $out {
            $calls.fetch_add(1, ::std::sync::atomic::Ordering::SeqCst);
            $($body)*
        }
    };
}

/// How often a body has run since the last time.
pub fn ran(calls: &AtomicU64) -> u64 {
    calls.swap(0, Ordering::SeqCst)
}
