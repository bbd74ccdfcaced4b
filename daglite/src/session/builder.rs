//! `SessionBuilder`: puts a session together.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::cancel::CancelToken;
use crate::checkpoint::{CheckpointStore, FileCheckpoints};
use crate::clock::Clock;
use crate::engine::{DEFAULT_MEMORY, Engine, Parts};
use crate::error::{Error, ErrorKind};
use crate::event::Observer;
use crate::executor::Executor;
use crate::hash::Strategy;
use crate::observe::{ChromeTrace, JsonLines, Progress};
use crate::registry::Registry;
use crate::signed::{Signed, SigningKey};
use crate::size::{ByteSize, IntoByteSize};
use crate::store::CacheStore;

use super::Session;
use super::isolation::isolated_by;
use super::settings::{CacheSetting, ProgressSetting, Settings};

/// Puts a [`Session`] together. What is not said here comes from the `DAGLITE_*` variables, then from `daglite.toml`: see
/// the table at [`Session`].
///
/// ```
/// use daglite::prelude::*;
///
/// let session = Session::builder().cache(MemoryStore::new()).concurrency(1).build()?;
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Default)]
#[must_use = "a session is made by `build()`"]
pub struct SessionBuilder {
    cache: Option<CacheChoice>,
    checkpoints: Option<Arc<dyn CheckpointStore>>,
    registry: Option<Registry>,
    clock: Clock,
    observers: Vec<Box<dyn Observer>>,
    concurrency: Option<usize>,
    memory: Option<Result<ByteSize, Error>>,
    wait_for_others: Option<Duration>,
    warn_excluded: Option<bool>,
    resume: Option<bool>,
    hash_strategy: Option<Strategy>,
    jitter_seed: Option<u64>,
    seed: Option<u64>,
    keep_going: Option<bool>,
    limits: BTreeMap<String, usize>,
    cancel: Option<CancelToken>,
    signing_key: Option<SigningKey>,
    pub(super) executor: Option<Arc<dyn Executor>>,
    pub(super) isolation: Option<bool>,
}

/// How long a key that another process computes is waited for if nobody says anything.
const DEFAULT_WAIT: Duration = Duration::from_secs(60 * 60);

enum CacheChoice {
    Off,
    Store(Arc<dyn CacheStore>),
}

impl SessionBuilder {
    /// Caches results in `store`. The settings of the cache in `daglite.toml` and `DAGLITE_CACHE_*` are not asked then: a
    /// [`FileStore`](crate::FileStore) is told the like by its builder.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn cache(mut self, store: impl CacheStore) -> Self {
        self.cache = Some(CacheChoice::Store(Arc::new(store)));
        self
    }

    /// Computes everything, every time.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().without_cache().build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn without_cache(mut self) -> Self {
        self.cache = Some(CacheChoice::Off);
        self
    }

    /// Keeps checkpoints in `store`.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let folder = tempfile::tempdir()?;
    /// let session = Session::builder().checkpoints(FileCheckpoints::open(folder.path())?).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn checkpoints(mut self, store: impl CheckpointStore) -> Self {
        self.checkpoints = Some(Arc::new(store));
        self
    }

    /// Uses the formats and hashes of `registry`, in place of the [global one](Registry::global).
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let registry = Registry::new();
    /// registry.set_default_format::<Vec<String>>("json")?;
    /// let session = Session::builder().registry(&registry).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn registry(mut self, registry: &Registry) -> Self {
        self.registry = Some(registry.clone());
        self
    }

    /// Reads the time from `clock`: for tests that move it.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let (clock, hands) = daglite::clock::Clock::manual();
    /// let session = Session::builder().clock(clock).build()?;
    /// hands.advance(std::time::Duration::from_secs(3600));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Runs at most `tasks` sync tasks at once, or fewer if some of them [weigh](crate::task) more. `async` ones are not counted,
    /// as they take no thread: [`limit`](Self::limit) is for them too.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// assert!(Session::builder().concurrency(0).build().is_err());
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn concurrency(mut self, tasks: usize) -> Self {
        self.concurrency = Some(tasks);
        self
    }

    /// Keeps up to `size` of results in memory, in front of the cache store: a second hit decodes nothing. 256 MiB if
    /// nothing is said.
    ///
    /// Sizes are those of the encoded results. At most 100,000 results are kept, none larger than an eighth of `size`, and
    /// none that cannot be cloned. What is kept is forgotten when entries are removed from the store on purpose.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().memory("1 GB").build()?;
    /// let error = Session::builder().memory("a lot").build().unwrap_err();
    /// assert!(error.to_string().starts_with("`memory`: `a lot` is not a size: write "));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn memory(mut self, size: impl IntoByteSize) -> Self {
        self.memory = Some(size.into_byte_size());
        self
    }

    /// Keeps no results in memory: every hit is read from the cache store.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().without_memory().build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn without_memory(mut self) -> Self {
        self.memory = Some(Ok(ByteSize::default()));
        self
    }

    /// Waits so long for a result that another process, which shares the cache store, is computing; then it is computed
    /// here too. An hour if nothing is said. Inside a task no more than three seconds are waited, as the other process may
    /// be waiting for that very task.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// use std::time::Duration;
    ///
    /// let session = Session::builder().wait_for_others(Duration::from_secs(600)).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn wait_for_others(mut self, most: Duration) -> Self {
        self.wait_for_others = Some(most);
        self
    }

    /// Tells of hits whose excluded arguments (`cache_exclude`) differ from those of the call that computed the result: an
    /// [`Event::ExcludedDiffers`](crate::Event::ExcludedDiffers) each. Off if nothing is said.
    ///
    /// What an entry records of excluded arguments when this is off: plain values of up to 64 bytes (numbers, `bool`, small
    /// structs of those), text of up to 4 KiB, and results of cached tasks, as these cost next to nothing. When it is on, all
    /// that can be hashed. What an entry did not record is not compared.
    ///
    /// ```
    /// use daglite::prelude::*;
    /// use daglite::Event;
    /// use std::sync::{Arc, Mutex};
    ///
    /// #[task(cache, cache_exclude = [verbose])]
    /// fn double(n: u64, verbose: bool) -> u64 {
    ///     if verbose {
    ///         println!("doubling {n}");
    ///     }
    ///     2 * n
    /// }
    ///
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let seen = Arc::clone(&log);
    /// let session = Session::builder()
    ///     .cache(MemoryStore::new())
    ///     .warn_excluded(true)
    ///     .observe(move |event: &Event| {
    ///         if let Event::ExcludedDiffers { parameter, from, to, .. } = event {
    ///             seen.lock().unwrap().push(format!("{parameter}: {from}, {to}"));
    ///         }
    ///     })
    ///     .build()?;
    /// double(21, false).run_in(&session)?;
    /// double(21, true).run_in(&session)?;
    /// assert_eq!(*log.lock().unwrap(), ["verbose: false, true"]);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn warn_excluded(mut self, warn: bool) -> Self {
        self.warn_excluded = Some(warn);
        self
    }

    /// Whether runs go on from checkpoints: where a graph saves one that has a version already, the latest is loaded and
    /// nothing above it runs, **even if code, arguments or files have changed since**. For a long pipeline that stopped
    /// halfway. It is off unless asked for; [`TaskFuture::run_from`](crate::TaskFuture::run_from) does it for one
    /// checkpoint.
    ///
    /// What differs from today's code is told by [`Event::Resumed`](crate::Event::Resumed) and by the
    /// [outcome](crate::TaskFuture::outcome). A version that cannot be read is a warning, and the value is computed.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn measure() -> u32 {
    ///     7
    /// }
    ///
    /// # let folder = tempfile::tempdir()?;
    /// let checkpoints = FileCheckpoints::open(folder.path())?;
    /// let session =
    ///     Session::builder().without_cache().checkpoints(checkpoints).resume(true).build()?;
    /// let first = measure().checkpoint("measured").outcome_in(&session)?;
    /// let second = measure().checkpoint("measured").outcome_in(&session)?;
    /// assert_eq!((first.summary.computed, second.summary.resumed), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = Some(resume);
        self
    }

    /// How closely bulk data (numbers in a slice, text, bytes) is read where neither the parameter
    /// (`cache_hash_params(x = exact)`) nor the registry ([`set_hash_strategy`](Registry::set_hash_strategy)) says
    /// anything. [`Strategy::Auto`] if nothing is said.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// use daglite::Strategy;
    ///
    /// let session = Session::builder().hash_strategy(Strategy::Exact).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn hash_strategy(mut self, strategy: Strategy) -> Self {
        self.hash_strategy = Some(strategy);
        self
    }

    /// Whether a run goes on after a failure, with all that does not depend on it, and then reports
    /// [all failures](Error::failures) in one error. If not, which is so if nothing is said, the first failure ends the run:
    /// nothing more is started, and what runs is finished.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    ///     text.parse::<u32>()
    /// }
    ///
    /// let session = Session::builder().keep_going(true).build()?;
    /// let error = join_all(["one", "2", "three"].map(parse)).run_in(&session).unwrap_err();
    /// assert!(error.to_string().ends_with("invalid digit found in string; 1 more failure"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn keep_going(mut self, keep_going: bool) -> Self {
        self.keep_going = Some(keep_going);
        self
    }

    /// Lets at most `most` bodies run at once of those tasks that name this limit: `#[task(limits = ["db"])]`, sync and `async`
    /// ones, in all runs of the session together. The limits of variables and of the file hold too, by their names. A name that
    /// has no limit limits nothing; a session that has limits, but not that one, says so once.
    ///
    /// A call that waits for room holds no thread and no place of another limit. It gets all the places that its task names at
    /// once, in the order in which calls came. A body has its places until it ends, also when it was abandoned after its
    /// `timeout`, and not in the pause before a retry. A body that runs tasks itself lends its places to those inside of it, and to
    /// those elsewhere that it waits for, each to one at a time: so recursion needs one place, and no circle of waits closes.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(limits = ["db"])]
    /// fn query(id: u32) -> u32 {
    ///     10 * id
    /// }
    ///
    /// let session = Session::builder().limit("db", 2).build()?;
    /// assert_eq!(join_all((0..4).map(query)).run_in(&session)?, [0, 10, 20, 30]);
    ///
    /// let error = Session::builder().limit("db", 0).build().unwrap_err();
    /// assert_eq!(error.to_string(), "the limit `db` is 0, so no task that names it could run: set it to 1 or more");
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn limit(mut self, name: impl Into<String>, most: usize) -> Self {
        self.limits.insert(name.into(), most);
        self
    }

    /// Makes what [`task_seed`](crate::task_seed) gives of `seed`: another one draws other random numbers in all tasks that are
    /// `seeded`, and computes them anew. 0 if nothing is said.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(cache, seeded)]
    /// fn draw(n: u64) -> u64 {
    ///     n.wrapping_add(task_seed())
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).seed(7).build()?;
    /// assert_eq!(draw(1).run_in(&session)?, draw(1).run_in(&session)?);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Has all runs of this session end when `token` is cancelled: see [`CancelToken`].
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// use daglite::{CancelToken, ErrorKind};
    ///
    /// #[task]
    /// fn one() -> u32 {
    ///     1
    /// }
    ///
    /// let token = CancelToken::new();
    /// let session = Session::builder().cancel_token(&token).build()?;
    /// token.cancel();
    /// assert_eq!(one().run_in(&session).unwrap_err().kind(), ErrorKind::Cancelled);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// Makes the random pauses before retries of `seed`: for tests that want to know them. Another seed for each session if
    /// nothing is said, so that programs that fail together do not try again together.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().jitter_seed(7).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn jitter_seed(mut self, seed: u64) -> Self {
        self.jitter_seed = Some(seed);
        self
    }

    /// Signs what this session puts into its cache and its checkpoints, and takes nothing from them that is not signed with
    /// the same key: see [`Signed`], which also says what a signature cannot do. For stores that others can write to, a
    /// bucket above all. A store that is a [`Signed`] one already stays as it is.
    ///
    /// What was cached before without the key is computed once more, and checkpoints from before have to be saved again.
    ///
    /// Best is a file that only those can read who should: `DAGLITE_SIGNING_KEY_FILE`, or `signing_key_file` in
    /// `daglite.toml`. On servers that hand out secrets as variables, `DAGLITE_SIGNING_KEY` is the secret itself; other
    /// programs of the same user can read that, and so can all that this one starts. It cannot stand in `daglite.toml`, which
    /// people share.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// use daglite::SigningKey;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("team.key");
    /// # std::fs::write(&path, "what only the team knows")?;
    /// let session = Session::builder().signing_key(SigningKey::from_file(&path)?).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.signing_key = Some(key);
        self
    }

    /// Tells `observer` of each event. May be called several times. Without any, warnings go to standard error.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let session = Session::builder().observe(Progress::stderr()).build()?;
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// The session.
    ///
    /// # Errors
    ///
    /// When a setting is malformed: with the place and what is expected there.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// let error = Session::builder().concurrency(0).build().unwrap_err();
    /// assert_eq!(error.to_string(), "`concurrency` is 0, so nothing could run: set it to 1 or more");
    /// ```
    pub fn build(self) -> Result<Session, Error> {
        let Self {
            cache,
            checkpoints,
            registry,
            clock,
            mut observers,
            concurrency,
            memory,
            wait_for_others,
            warn_excluded,
            resume,
            hash_strategy,
            jitter_seed,
            seed,
            keep_going,
            limits,
            cancel,
            signing_key,
            executor,
            isolation,
        } = self;
        let settings = Settings::read()?;
        let memory = match memory {
            Some(size) => size.map_err(|error| {
                Error::new(ErrorKind::Config, format!("`memory`: {error}")).with_source(error)
            })?,
            None => settings.memory.unwrap_or(DEFAULT_MEMORY),
        };
        let wait_for_others = wait_for_others.or(settings.wait_for_others).unwrap_or(DEFAULT_WAIT);
        let warn_excluded = warn_excluded.or(settings.warn_excluded).unwrap_or(false);
        let keep_going = keep_going.or(settings.keep_going).unwrap_or(false);
        let limits = all_limits(settings.limits, limits)?;
        let resume = resume.or(settings.resume).unwrap_or(false);
        let hash_strategy = hash_strategy.or(settings.hash_strategy).unwrap_or_default();
        let cache: Option<Arc<dyn CacheStore>> = match cache {
            Some(CacheChoice::Off) => None,
            Some(CacheChoice::Store(store)) => Some(store),
            None => match settings.cache {
                CacheSetting::Off => None,
                CacheSetting::Folder(path) => Some(Arc::new(settings.cache_limits.open(&path)?)),
            },
        };
        let checkpoints: Arc<dyn CheckpointStore> = match checkpoints {
            Some(store) => store,
            None => Arc::new(FileCheckpoints::open(settings.checkpoints)?),
        };
        let (cache, checkpoints) = match signing_key.or(settings.signing_key) {
            Some(key) => {
                (cache.map(|store| signed_cache(store, &key)), signed_checkpoints(checkpoints, key))
            }
            None => (cache, checkpoints),
        };
        let concurrency = match concurrency {
            Some(0) => {
                let message = "`concurrency` is 0, so nothing could run: set it to 1 or more";
                return Err(Error::new(ErrorKind::Config, message));
            }
            Some(tasks) => tasks,
            None => settings.concurrency.map_or_else(machine_threads, NonZeroUsize::get),
        };
        let executor = isolated_by(executor, isolation.or(settings.isolation), concurrency)?;
        if observers.is_empty() {
            let lines = match settings.progress {
                None => Some(Progress::warnings()),
                Some(ProgressSetting::Off) => None,
                Some(ProgressSetting::Summary) => Some(Progress::to(std::io::stderr())),
                Some(ProgressSetting::Bars) => Some(Progress::stderr()),
                Some(ProgressSetting::Tasks) => Some(Progress::stderr().each_task()),
            };
            observers.extend(lines.map(|lines| Box::new(lines) as Box<dyn Observer>));
        }
        if let Some(path) = settings.log {
            observers.push(Box::new(JsonLines::append(path)?));
        }
        if let Some(path) = settings.trace {
            observers.push(Box::new(ChromeTrace::create(path)?));
        }
        let registry = registry.unwrap_or_else(|| Registry::global().clone());
        let checkpoints = Some(checkpoints);
        Ok(Session(Engine::new(Parts {
            cache,
            checkpoints,
            registry,
            clock,
            observers,
            concurrency,
            memory,
            wait_for_others,
            warn_excluded,
            resume,
            hash_strategy,
            jitter_seed: jitter_seed.unwrap_or_else(|| RandomState::new().hash_one(0)),
            seed: seed.or(settings.seed).unwrap_or(0),
            keep_going,
            limits,
            executor,
            cancel,
        })))
    }
}

/// The limits of both; those of `later` go first.
fn all_limits(
    mut limits: BTreeMap<String, usize>,
    later: BTreeMap<String, usize>,
) -> Result<BTreeMap<String, usize>, Error> {
    limits.extend(later);
    match limits.iter().find(|(_, most)| **most == 0) {
        None => Ok(limits),
        Some((name, _)) => {
            let message = format!(
                "the limit `{name}` is 0, so no task that names it could run: set it to 1 or more"
            );
            Err(Error::new(ErrorKind::Config, message))
        }
    }
}

/// `store`, with signatures.
fn signed_cache(store: Arc<dyn CacheStore>, key: &SigningKey) -> Arc<dyn CacheStore> {
    if store.is_signed() { store } else { Arc::new(Signed::new(store, key.clone())) }
}

/// The same for checkpoints.
fn signed_checkpoints(
    store: Arc<dyn CheckpointStore>,
    key: SigningKey,
) -> Arc<dyn CheckpointStore> {
    if store.is_signed() { store } else { Arc::new(Signed::new(store, key)) }
}

fn machine_threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
