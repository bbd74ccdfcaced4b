//! A task for each element of a list: `map_each`.

use std::panic::Location;
use std::sync::{Arc, OnceLock};

use crate::graph::Op;

use super::TaskFuture;
use super::clone::Cloner;
use super::join::join_all_at;
use super::place::called_at;

impl<T: Send + Sync + 'static> TaskFuture<Vec<T>> {
    /// A task for each element: `f` makes the task future of one, each is cached by itself, they run in parallel, and
    /// the results come in the order of the elements.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn airports() -> Vec<String> {
    ///     vec!["EWR".to_string(), "JFK".to_string()]
    /// }
    ///
    /// #[task(cache)]
    /// fn lower(name: String) -> String {
    ///     name.to_lowercase()
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// assert_eq!(airports().map_each(lower).run_in(&session)?, ["ewr", "jfk"]);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    #[track_caller]
    pub fn map_each<U: Send + Sync + 'static>(
        self,
        mut f: impl FnMut(T) -> TaskFuture<U> + Send + 'static,
    ) -> TaskFuture<Vec<U>> {
        let cloner = self.cloner;
        let place = Location::caller();
        // How the results are cloned is known only once their futures are made.
        let results_cloner: Arc<OnceLock<Cloner<Vec<U>>>> = Arc::default();
        let told = Arc::clone(&results_cloner);
        let next = Box::new(move |value| {
            let values = cloner.own(value)?;
            let results = called_at(place, || join_all_at(place, values.into_iter().map(&mut f)));
            // Set once: the closure is called once.
            let _ = told.set(results.cloner);
            Ok(results.node)
        });
        let composed = move |results: &Vec<U>| results_cloner.get()?.clone_value(results);
        TaskFuture::from_op(
            Op::AndThen { source: self.node, next },
            Cloner::Composed(Arc::new(composed)),
        )
    }
}
