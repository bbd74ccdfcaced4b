//! `Error`: the one error type that users meet.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// Anything that can fail, boxed.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// What kind of thing went wrong.
///
/// ```
/// use daglite::ErrorKind;
/// use daglite::prelude::*;
///
/// #[task]
/// fn fails() -> Result<u32, std::num::ParseIntError> {
///     "seven".parse::<u32>()
/// }
///
/// let error = fails().run().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Task);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A task returned an error of its own: see [`Error::downcast_ref`].
    Task,
    /// A task or a closure of the graph panicked.
    Panic,
    /// The body of a task took longer than its timeout.
    TimedOut,
    /// The process that ran the body of an isolated task ended under it: by a signal, by `exit`, for want of memory.
    Crashed,
    /// The body of an isolated task could not run where it was to run: there is no worker, or one of another program.
    Executor,
    /// A checkpoint could not be saved or loaded.
    Checkpoint,
    /// A setting is wrong: in `daglite.toml`, in a `DAGLITE_*` variable or in a builder.
    Config,
    /// A store was asked for something that it cannot do.
    Store,
    /// A value could not be encoded or decoded.
    Format,
    /// A value had to be moved out while somebody else holds it, and its type is not `Clone`.
    Shared,
    /// A blocking call was made where only `.await` works.
    Blocking,
    /// The run was cancelled ([`CancelToken`](crate::CancelToken), Ctrl-C), or that which computed this value was dropped.
    Cancelled,
    /// A task waits for its own result.
    Recursion,
    /// A list is as long as it may not be: two that are to be paired differ, or one that is to be put together is empty.
    Length,
}

/// What a run, a store or a checkpoint reports when it fails.
///
/// Shows one line: the task and where it was called, how many attempts there were if there were several, and what went
/// wrong. The `Debug` form, which `fn main() -> Result<(), daglite::Error>` prints, and the form `{:#}` have a line more for
/// each thing that is known besides: the arguments, what the value was needed for, and the causes.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     text.parse::<u32>()
/// }
///
/// #[task]
/// fn double(n: u32) -> u32 {
///     2 * n
/// }
///
/// let error = parse("seven").then(double).run().unwrap_err();
/// assert!(error.task().unwrap().ends_with("parse"));
/// assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
/// assert!(error.path()[0].what().ends_with("double"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    task: Option<&'static str>,
    location: Option<&'static Location<'static>>,
    source: Option<Arc<dyn StdError + Send + Sync + 'static>>,
    /// How often the task was tried.
    attempts: u32,
    /// The arguments of the task as far as they are known, by name.
    arguments: Vec<(String, String)>,
    /// What the value was needed for, nearest first.
    path: Vec<PathStep>,
    /// All failures of the run, this one among them; none if this is the only one.
    failures: Vec<Error>,
}

impl Error {
    /// An error without a cause. `message` is in lower case, without a final dot, and says what to do.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Arc::new(Inner {
            kind,
            message,
            task: None,
            location: None,
            source: None,
            attempts: 1,
            arguments: Vec::new(),
            path: Vec::new(),
            failures: Vec::new(),
        }))
    }

    /// The same error with its cause.
    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        self.change(|inner| inner.source = Some(Arc::from(source.into())))
    }

    /// The same error with the task it happened in and the place where that task was called, unless it has them.
    pub(crate) fn in_task(self, task: &'static str, location: &'static Location<'static>) -> Self {
        self.change(|inner| {
            inner.task.get_or_insert(task);
            if inner.location.is_none() {
                inner.location = known(location);
            }
        })
    }

    /// The same error with the arguments of the task, by name, as they are shown to people.
    pub(crate) fn with_arguments(self, arguments: Vec<(String, String)>) -> Self {
        if arguments.is_empty() { self } else { self.change(|inner| inner.arguments = arguments) }
    }

    /// The same error, of the last of so many attempts.
    pub(crate) fn after_attempts(self, attempts: u32) -> Self {
        if attempts == self.0.attempts {
            self
        } else {
            self.change(|inner| inner.attempts = attempts)
        }
    }

    /// The same error with what the value was needed for.
    pub(crate) fn on_path(self, path: Vec<PathStep>) -> Self {
        if path.is_empty() { self } else { self.change(|inner| inner.path = path) }
    }

    /// One error of all failures of a run: the first of them, which knows the others.
    pub(crate) fn of_all(failures: Vec<Self>) -> Option<Self> {
        let first = failures.first()?.clone();
        Some(if failures.len() == 1 {
            first
        } else {
            first.change(|inner| inner.failures = failures)
        })
    }

    /// What tells this failure from all others that are there at the same time.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The task that failed, as `module::path::name`, if it was in a task.
    pub fn task(&self) -> Option<&str> {
        self.0.task
    }

    /// Where the failed task was called, if it was in a task.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.0.location
    }

    /// How often the body of the failed task was run: more than once only with `retries`.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(retries = 2, retry_delay = "1ms")]
    /// fn never() -> Result<u32, String> {
    ///     Err("no luck".to_string())
    /// }
    ///
    /// assert_eq!(never().run().unwrap_err().attempts(), 3);
    /// ```
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The arguments of the failed task, by name, in short renderings for people.
    ///
    /// Those are known of a cached task in a session with a cache, and are what the cache records of its arguments: values of
    /// parameters and fields whose names say that they are secret (`password`, `token`, `api_key`, …) are left out, as are
    /// parameters in `cache_exclude`. What else is secret is shown: exclude it, or give it a type whose hash shows nothing.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task(cache)]
    /// fn parse(text: &str, password: &str) -> Result<u32, std::num::ParseIntError> {
    ///     text.parse::<u32>()
    /// }
    ///
    /// let session = Session::builder().cache(MemoryStore::new()).build()?;
    /// let error = parse("seven", "1234").run_in(&session).unwrap_err();
    /// assert_eq!(error.arguments().collect::<Vec<_>>(), [("text", "\"seven\"")]);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn arguments(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.arguments.iter().map(|(name, shown)| (name.as_str(), shown.as_str()))
    }

    /// What the value that failed was needed for, from the failed task's neighbour to what was asked for. In a long chain
    /// the steps in the middle are left out.
    ///
    /// ```
    /// use daglite::prelude::*;
    ///
    /// #[task]
    /// fn fails() -> Result<u32, String> {
    ///     Err("no luck".to_string())
    /// }
    ///
    /// #[task]
    /// fn double(n: u32) -> u32 {
    ///     2 * n
    /// }
    ///
    /// let error = fails().then(double).map(|n| n + 1).run().unwrap_err();
    /// let path: Vec<&str> = error.path().iter().map(|step| step.what()).collect();
    /// assert!(path[0].ends_with("::double"));
    /// assert_eq!(path[1], "map");
    /// ```
    pub fn path(&self) -> &[PathStep] {
        &self.0.path
    }

    /// All failures of the run, in the order of the graph, if it was one that
    /// [keeps going](crate::SessionBuilder::keep_going); else this one alone. The error itself is the first of them, with
    /// the others.
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
    /// let error = join_all(["1", "two", "3", "four"].map(parse)).run_in(&session).unwrap_err();
    /// assert_eq!(error.failures().len(), 2);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn failures(&self) -> &[Self] {
        if self.0.failures.is_empty() { std::slice::from_ref(self) } else { &self.0.failures }
    }

    /// The first cause of type `E` in the chain: the error that a task returned, say.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        let mut cause = self.source();
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<E>() {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }
}

/// The place, unless it is inside the standard library, which called what it was handed: that tells nobody anything.
fn known(location: &'static Location<'static>) -> Option<&'static Location<'static>> {
    let file = location.file().replace('\\', "/");
    let inside = ["library/core/src", "library/alloc/src", "library/std/src"];
    (!inside.into_iter().any(|library| file.contains(library))).then_some(location)
}

impl Error {
    /// One line about this failure alone.
    fn line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { message, task, location, attempts, .. } = &*self.0;
        let Some(task) = task else { return f.write_str(message) };
        write!(f, "task `{task}` ")?;
        match (location, attempts) {
            (Some(at), 0 | 1) => write!(f, "(called at {}:{}) ", at.file(), at.line())?,
            (Some(at), _) => {
                write!(f, "(called at {}:{}, {attempts} attempts) ", at.file(), at.line())?;
            }
            (None, 0 | 1) => {}
            (None, _) => write!(f, "({attempts} attempts) ")?,
        }
        f.write_str(message)
    }

    /// All that is known of this failure alone, a line each.
    fn lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(f)?;
        let Inner { arguments, path, .. } = &*self.0;
        if !arguments.is_empty() {
            let shown: Vec<String> =
                arguments.iter().map(|(name, shown)| format!("{name} = {shown}")).collect();
            write!(f, "\n  arguments: {}", shown.join(", "))?;
        }
        for step in path {
            write!(f, "\n  needed by: {step}")?;
        }
        let mut told = self.0.message.clone();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // A message that ends in its cause has told it.
            if !told.ends_with(&text) {
                write!(f, "\n  caused by: {text}")?;
            }
            told = text;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return fmt::Debug::fmt(self, f);
        }
        self.line(f)?;
        match self.0.failures.len() {
            0 => Ok(()),
            2 => f.write_str("; 1 more failure"),
            all => write!(f, "; {} more failures", all - 1),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failures = self.failures();
        if let [only] = failures {
            return only.lines(f);
        }
        write!(f, "{} failures", failures.len())?;
        for (at, failure) in failures.iter().enumerate() {
            write!(f, "\n{}. ", at + 1)?;
            failure.lines(f)?;
        }
        Ok(())
    }
}

/// One step of [`Error::path`]: something that needed the value that failed.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn fails() -> Result<u32, String> {
///     Err("no luck".to_string())
/// }
///
/// let error = fails().also(|n| println!("{n}")).run().unwrap_err();
/// assert!(error.path()[0].to_string().starts_with("`also` at "));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStep {
    what: Cow<'static, str>,
    is_task: bool,
    location: Option<&'static Location<'static>>,
}

impl PathStep {
    /// A task, called at `location`.
    pub(crate) fn task(name: &'static str, location: &'static Location<'static>) -> Self {
        Self { what: Cow::Borrowed(name), is_task: true, location: known(location) }
    }

    /// Something else that a future was made of, at `location`.
    pub(crate) fn other(
        what: impl Into<Cow<'static, str>>,
        location: &'static Location<'static>,
    ) -> Self {
        Self { what: what.into(), is_task: false, location: known(location) }
    }

    /// So many steps that are left out.
    pub(crate) fn left_out(steps: usize) -> Self {
        Self {
            what: Cow::Owned(format!("{steps} steps in between")),
            is_task: false,
            location: None,
        }
    }

    /// The task, as `module::path::name`, or what else needed the value: `map`, `join`, `checkpoint`, ….
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn fails() -> Result<u32, String> { Err("no luck".to_string()) }
    /// let error = fails().map(|n| n + 1).run().unwrap_err();
    /// assert_eq!(error.path()[0].what(), "map");
    /// ```
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Where it was written; `None` for steps that are left out, and where only the standard library knows.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn fails() -> Result<u32, String> { Err("no luck".to_string()) }
    /// let error = fails().map(|n| n + 1).run().unwrap_err();
    /// assert!(error.path()[0].location().is_some());
    /// ```
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.location
    }
}

impl fmt::Display for PathStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, is_task, location } = self;
        match (location, is_task) {
            (Some(at), true) => write!(f, "task `{what}` (called at {}:{})", at.file(), at.line()),
            (Some(at), false) => write!(f, "`{what}` at {}:{}", at.file(), at.line()),
            (None, true) => write!(f, "task `{what}`"),
            (None, false) => f.write_str(what),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
