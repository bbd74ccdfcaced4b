//! `Outcome`: what a run gives that tells of itself.

use crate::engine::{Finished, TaskOutcome};
use crate::error::Error;
use crate::event::Summary;
use crate::graph::{Appearance, Drawn, Graph, Outline, contracted};

use super::clone::Cloner;

/// What [`TaskFuture::outcome`](crate::TaskFuture::outcome) gives: the value, and how it came to be.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn one() -> u8 {
///     1
/// }
///
/// let outcome = one().outcome()?;
/// assert_eq!(outcome.value, 1);
/// assert!(outcome.summary.to_string().starts_with("0 hits, 1 computed in"));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// The value.
    pub value: T,
    /// The run in figures.
    pub summary: Summary,
    /// The tasks of the run, in the order in which their results were there. Those of runs inside tasks are not
    /// listed.
    pub tasks: Vec<TaskOutcome>,
    /// The nodes of the run.
    outline: Outline,
    /// The place of each task among them.
    places: Vec<u32>,
}

impl<T: Send + Sync + 'static> Outcome<T> {
    pub(super) fn new(finished: Finished, cloner: &Cloner<T>) -> Result<Self, Error> {
        let Finished { value, summary, tasks, outline, places, .. } = finished;
        Ok(Self { value: cloner.own(value)?, summary, tasks, outline, places })
    }
}

impl<T> Outcome<T> {
    /// A picture of the graph, with what has become of each task.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(cache, name = "square")]
    /// fn square(n: u64) -> u64 {
    ///     n * n
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// let first = square(3).outcome_in(&session)?;
    /// assert!(first.graph().dot().contains("square\\ncomputed"));
    /// let second = square(3).outcome_in(&session)?;
    /// assert!(second.graph().dot().contains("square\\nhit: saves "));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn graph(&self) -> Graph {
        let mut outcomes: Vec<Option<&TaskOutcome>> = vec![None; self.outline.names.len()];
        for (place, task) in self.places.iter().zip(&self.tasks) {
            outcomes[*place as usize] = Some(task);
        }
        let mut nodes = Vec::new();
        let mut shown = Vec::with_capacity(outcomes.len());
        for (name, outcome) in self.outline.names.iter().zip(outcomes) {
            let drawn = match (outcome, name) {
                (Some(outcome), _) => Some(outcome.drawn()),
                // What another run has made is there, and nothing is known of how.
                (None, Some(name)) => {
                    Some(Drawn { name, look: Appearance::Ready, detail: String::new() })
                }
                (None, None) => None,
            };
            shown.push(drawn.as_ref().map(|_| nodes.len() as u32));
            nodes.extend(drawn);
        }
        let (inline, edges) = contracted(&shown, &self.outline.edges, nodes.len());
        let look = Appearance::Inline;
        nodes.extend(inline.into_iter().map(|name| Drawn { name, look, detail: String::new() }));
        Graph::new(nodes, edges)
    }
}
