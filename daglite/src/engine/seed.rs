//! Seeds: what the random numbers of a body are made of.

use std::sync::Arc;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::graph::TaskOp;
use crate::store::{KeyPart, PartKind};
use crate::task::Task;

use super::caught;
use super::context::{Context, current};
use super::key::{Hashing, seed_of};
use super::run::Run;

/// The seed of a call, or why it has none.
pub(super) type Seed = Result<[u8; 32], String>;

/// What the random numbers of the running task are to be made of: the same for the same call, whatever the order, the threads and the
/// process, and another one for other arguments, another task or another [seed of the session](crate::SessionBuilder::seed).
///
/// The task says `#[task(seeded)]`. If it is cached, the session's seed is in its key then, so that a result that was made with
/// another seed is never taken. The code is not in the seed: an edit elsewhere leaves the numbers as they are. All attempts of a
/// call have the same seed. To draw several times for the same arguments, give the task a number more.
///
/// The seed is made of the content of all arguments that are not excluded, so those have a hash, as in a cached task; and it
/// does not matter whether they come from the cache.
///
/// # Panics
///
/// If it is not called by the body of a task with the option `seeded`, on the body's own thread; and if an argument cannot be
/// hashed now, such as a file that is not there.
///
/// ```
/// use daglite::prelude::*;
///
/// /// Points in a square that lie in the circle too, of a thousand.
/// #[task(cache, seeded)]
/// fn sample(batch: u64) -> u64 {
///     let mut state = task_seed();
///     let mut random = || {
///         state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
///         (state >> 32) as f64 / f64::from(u32::MAX) - 0.5
///     };
///     (0..1000).filter(|_| random().hypot(random()) < 0.5).count() as u64
/// }
///
/// let with_seed = |seed| Session::builder().cache(MemoryStore::new()).seed(seed).build();
/// let batches = || map_each(0..10, sample);
/// let first = batches().run_in(&with_seed(7)?)?;
/// assert_eq!(batches().run_in(&with_seed(7)?)?, first);
/// assert_ne!(batches().run_in(&with_seed(8)?)?, first);
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn task_seed() -> u64 {
    let bytes = task_seed_bytes();
    u64::from_le_bytes(*bytes.first_chunk().expect("a seed has 32 bytes"))
}

/// All 32 bytes of which [`task_seed`] gives the first eight: for generators that take as many, as `SmallRng::from_seed` and others do.
///
/// # Panics
///
/// As [`task_seed`].
///
/// ```
/// use daglite::prelude::*;
///
/// #[task(seeded)]
/// fn seeds(n: u32) -> bool {
///     let bytes: [u8; 32] = daglite::task_seed_bytes();
///     bytes[..8] == task_seed().to_le_bytes()
/// }
///
/// assert!(seeds(1).run()?);
/// # Ok::<(), daglite::Error>(())
/// ```
#[track_caller]
pub fn task_seed_bytes() -> [u8; 32] {
    let context = current();
    let Some(seed) = context.as_ref().and_then(|context| context.seed.as_deref()) else {
        let task = context.and_then(|context| context.task);
        let whose = task.map(|task| format!(" in `{}`", task.spec.name)).unwrap_or_default();
        panic!(
            "`task_seed` knows no seed{whose}: write `#[task(seeded)]`, and call it in the body, on the thread that runs it"
        );
    };
    match seed {
        Ok(bytes) => *bytes,
        Err(why) => panic!("`task_seed` cannot be made of the arguments: {why}"),
    }
}

/// The session's seed, as it is kept with a key that it is in.
pub(super) fn seed_part(seed: u64) -> KeyPart {
    KeyPart {
        kind: PartKind::Variable,
        shown: seed.to_string(),
        ..KeyPart::new("DAGLITE_SEED", Digest::of_bytes(&seed.to_le_bytes()))
    }
}

impl Run {
    /// The seed of a call whose arguments are there, if its task wants one.
    pub(super) fn seed_for(&self, call: &TaskOp) -> Option<Arc<Seed>> {
        let task = call.task;
        if !task.spec.seeded {
            return None;
        }
        let hashes = &self.hashes;
        let hashing = Hashing { engine: &self.engine, task: task.spec.name, planned: None, hashes };
        let seed = caught(|| seed_of(task, &call.args, self.engine.seed, &hashing))
            .unwrap_or_else(|panic| Err(format!("hashing panicked: {panic}")));
        Some(Arc::new(seed))
    }

    /// Why a task may not draw here: a result would be cached that depends on the seed, under a key that does not have it.
    pub(super) fn why_unseeded(&self, task: &Task) -> Option<Error> {
        if !task.spec.seeded {
            return None;
        }
        let seed = self.engine.seed;
        let is_blind = |context: &&Context| {
            let knows = |task: &Task| task.spec.seeded && context.engine.seed == seed;
            context.key.is_some() && !context.task.is_some_and(knows)
        };
        let mut chain =
            std::iter::successors(Some(&*self.context), |context| context.parent.as_deref());
        let outer = chain.find(is_blind)?.task.map_or("a cached task", |task| task.spec.name);
        let message = format!(
            "draws random numbers inside of `{outer}`, which is cached under a key without the seed of this session: write \
             `seeded` for `{outer}` too, and run both in one session"
        );
        Some(Error::new(ErrorKind::Config, message))
    }
}
