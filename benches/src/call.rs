//! `Call`: a cached function, whoever caches it.

use daglite::prelude::*;

/// Answers a call with the number.
pub type Call<T> = Box<dyn Fn(u64) -> T + Sync>;

/// Calls of a task, in a session that was made once.
pub fn in_session<T: Send + Sync + 'static>(
    session: Session,
    task: fn(u64) -> TaskFuture<T>,
) -> Call<T> {
    Box::new(move |n| task(n).run_in(&session).expect("the tasks of benches cannot fail"))
}

/// A function in front of a cache that knows nothing of functions.
pub fn through<V: 'static>(
    get: impl Fn(u64) -> Option<V> + Sync + 'static,
    put: impl Fn(u64, &V) + Sync + 'static,
    compute: fn(u64) -> V,
) -> Call<V> {
    Box::new(move |n| {
        if let Some(value) = get(n) {
            return value;
        }
        let value = compute(n);
        put(n, &value);
        value
    })
}
