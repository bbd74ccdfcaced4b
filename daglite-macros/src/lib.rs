//! The macros of daglite; use them through the crate `daglite`.
//!
//! `#[task]` goes one way, a type for each step:
//!
//! - `parse`: tokens to `Input`, what was written;
//! - `option`: a file for each option of the attribute;
//! - `check` (with `shape`): `Input` to `Task`, every rule, and every error at once;
//! - `compiled`: the package, and the place in it, that is compiled now;
//! - `model`: `Task`, of which only valid ones exist;
//! - `expand`: `Task` to tokens;
//! - `fallback`: on errors, these and the same function for its callers.
//!
//! What stands for a function's code is found by the crate `daglite-fingerprint`.
//!
//! `derive` is `#[derive(ContentHash)]`.

mod check;
mod compiled;
mod derive;
mod expand;
mod fallback;
mod model;
mod option;
mod parse;
mod shape;

#[cfg(test)]
mod tests;

use compiled::Compiled;
use proc_macro::TokenStream;

/// Makes a task of a function: a call of it runs nothing, but returns a lazy `TaskFuture` of its result.
///
/// ```text
/// #[task(cache, cache_ttl = "1h", cache_exclude = [verbose])]
/// fn features(flights: &[Flight], window: usize, verbose: bool) -> Result<Features, FitError> { … }
/// ```
///
/// # Options
///
/// | option | what it does |
/// |---|---|
/// | `cache` | Keeps the results, and uses them when code and inputs are the same. |
/// | `cache_ttl = "1h30m"` | How long a result is good; the units are `ms`, `s`, `m`, `h`, `d` and `w`. |
/// | `cache_exclude = [verbose]` | Leaves parameters out of the key, for those that do not change the result. |
/// | `cache_hash = path::to::function` | Names a function that takes all parameters that are not excluded, by reference, and returns what to hash in their place. |
/// | `cache_hash_params(a = exact, b = path::to::function)` | Says how single parameters are hashed: `auto`, `exact`, `fast`, `sampled`, `registry`, or a function of the parameter that returns what to hash. |
/// | `cache_version = "2"` | Changes the key: for a change that the fingerprint cannot see. |
/// | `cache_env = ["TZ"]` | Names environment variables that count as inputs. |
/// | `cache_deps = [path::to::item, "file"]` | Names items, and files of the package, that count as code: those that cannot be seen. |
/// | `cache_track = "function"` | Lets only the function itself count, not what it reaches; the default is `"everything"`. |
/// | `retries = 3` | How often the body is run again when it fails: see below. |
/// | `retry_delay = "200ms"` | The longest pause before the first retry, which doubles from retry to retry; 200 ms if nothing is said. |
/// | `retry_if = path::to::function` | Names a function that takes the error of the task by reference, and returns whether to try again. |
/// | `timeout = "30s"` | How long one run of the body may take: see below. |
/// | `weight = 4` | How many of the `concurrency` of a session the body counts for; 1 if nothing is said. |
/// | `limits = ["db"]` | Names limits of the session (`Session::builder().limit("db", 2)`) that the body counts for. |
/// | `isolate` | Runs the body in a process of its own: see below. |
/// | `isolate_memory = "2GB"` | How much memory the process of an isolated body may have, on Linux. |
/// | `seeded` | Lets the body call `task_seed()`, and puts the seed of the session into the key. |
/// | `name = "features"` | The name in messages, events and keys, in place of `module::path::function`. Two tasks of one name share nothing: where a function stands is in its keys, too. |
/// | `crate = my_daglite` | The path of this library, when it has another name where the function is written. |
///
/// Those whose names begin with `cache_` say something about the cache, and need `cache`. `retries`, `retry_delay`, `retry_if`,
/// `timeout`, `weight`, `limits`, `isolate` and `isolate_memory` say how a body is run, and not what it computes: they are in no fingerprint and in no
/// key, so that a change of them computes nothing again.
///
/// # The function
///
/// - Sync and `async` functions are tasks. A method is not: write a free function.
/// - A parameter `T` takes a value, a `TaskFuture<T>` or an `Arc<T>`; the value is moved in at its last use, and cloned
///   otherwise. A parameter `&T` is lent the value that the graph keeps: for `&str`, `&[T]` and `&Path` that is a
///   `String`, a `Vec<T>` and a `PathBuf`; for other types it is a `T`, which need not be `Clone`.
/// - All parameters and results are shared by threads: they are `Send + Sync + 'static`. The macro adds these bounds to
///   the generic parameters of the function that callers see.
/// - A return type whose last part is called `Result` makes a task that can fail, and only what is in `Ok` is ever
///   cached. Its error is anything that converts into `Box<dyn Error + Send + Sync>`.
/// - The parameters of a task that is cached or seeded have a hash, `ContentHash` or else `serde::Serialize`, unless an option names another
///   way; its result has a format, `HasFormat` or else `serde::Serialize` and `serde::Deserialize`.
/// - The types and constants that a generic function is called with are part of the key, by their names.
/// - `impl Trait`, `dyn Trait` and `&mut T` parameters, closures and function pointers, references in results,
///   `unsafe`, `const` and `extern` functions are refused; the message says what to write instead.
///
/// # Retries and timeouts
///
/// With `retries = 3` a body that fails is run up to three times more. What counts as a failure:
///
/// | what happened | run again |
/// |---|---|
/// | the body returned an error | yes, or as `retry_if` says |
/// | it took longer than `timeout` | yes |
/// | it panicked | yes, unless there is a `retry_if`: that says which failures pass, and a panic is none it knows |
/// | the process that ran it ended (`isolate`) | yes |
/// | its result could not be stored, or its arguments not be read | no: the body is not to blame |
///
/// Before each retry there is a pause, in which nothing is held: other tasks go on, at any `concurrency`. Only the key of a
/// cached task stays claimed, so that whoever wants the same result waits for it. The pause is exponential with full
/// jitter, as the AWS Architecture Blog has it ("Exponential Backoff And Jitter", 2015): a random time between nothing and
/// `min(cap, retry_delay × 2^n)` before retry `n + 1`. The cap is a minute, or `retry_delay` if that is longer. A run that is
/// cancelled, or that another task has failed, ends without waiting for pauses.
///
/// A body that may be run again is given its arguments again: what it takes by value is cloned for all runs but the last
/// possible one. Values stay in memory until then.
///
/// `timeout` is for each run of the body by itself, without pauses, keys, look-ups and the storing of the result. The body
/// of an `async` task is dropped when its time is over. A sync one cannot be stopped: it is abandoned. Its result is thrown
/// away whenever it comes, its place among the `concurrency` is given to others, and its thread goes on until the body
/// returns, which an event tells (`Event::AbandonedEnded`). A body that never returns holds a thread of its own for ever.
///
/// A call can say otherwise: `fetch(url).retries(5).retry_delay("1s").timeout("2m")`.
///
/// `weight` counts against the `concurrency` of the session; a task that is heavier than all of that runs alone. It says nothing
/// about an `async` body, which takes no thread: give it a limit. An isolated body counts against the workers of the executor instead. A name in `limits` that the session knows no limit of limits
/// nothing, with a warning if it has others.
///
/// # Isolation
///
/// The body of a task with `isolate` runs in a worker: a process of the same program, which is kept for the next body. What it does to its
/// process is an error of the task, and the run goes on: a segmentation fault, `abort`, `exit`, all memory taken. A `timeout` ends the
/// process, so a sync body is really stopped, and with it whatever C code it was in. Write
/// `daglite::worker_main();` as the first line of `main`: see `daglite::worker_main`.
///
/// The arguments go there as bytes and the result comes back as bytes, so all of them have formats, as the result of a cached task has.
/// That costs a fraction of a millisecond, and a copy of each value. The error of the body comes back as text, with its causes; its type stays there, so
/// `downcast_ref` finds a `RemoteError`. `retry_if` is asked there. A cached task is cached as ever, under the same key.
///
/// What such a body calls runs in its worker, in the default session of that process, isolated tasks too. States of `checkpoint_here`
/// lie in the checkpoint store of that session. The body of an `async` task is driven by a runtime of tokio's in the worker. Generic functions cannot be
/// isolated.
///
/// # The fingerprint
///
/// The function's code is part of the key, and so is the code of everything that it reaches in this package and in those
/// that it depends on by a path: helper functions, methods, constants, types, impls, macros, other tasks. Of packages
/// that come from a registry, name and version count, as `Cargo.lock` has them, with all that these depend on. Files that
/// `include_str!` and `include_bytes!` bring in count by their content, `env!` and `option_env!` by their value, and the
/// conditions of `cfg` by whether they hold.
///
/// Formatting, comments, documentation, visibility and the order of imports do not count, nor does what the function
/// cannot reach.
///
/// Not seen, so name it in `cache_deps`, or change `cache_version`:
///
/// - Code that is called through a name that only a macro of another package makes.
/// - Types of another package that a generic task of this one is called with: their name is part of the key, the code of
///   their methods is not.
/// - What is linked: C code, and the version of the compiler.
///
/// Know also:
///
/// - Two local types of the same name, in two blocks of one function, are one to the key of a generic task: one that has
///   been called with both in a process caches neither from then on.
/// - A result that was kept is what serde brings back: a field under `#[serde(skip)]` comes back from the cache as its
///   default.
#[proc_macro_attribute]
pub fn task(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand_task(&compiled::now(), attribute.into(), item.into()).into()
}

/// Derives `daglite::ContentHash`: the type's name, and every field with its name, go into the hash.
///
/// | option | where | what it does |
/// |---|---|---|
/// | `#[content_hash(skip)]` | field | leaves the field out |
/// | `#[content_hash(serde)]` | field | hashes the field by its `serde::Serialize` |
/// | `#[content_hash(with = path)]` | field | hashes the field by a function `fn(&Field, &mut ContentHasher)` |
/// | `#[content_hash(transparent)]` | struct | hashes it as the one field that is not skipped, without its own name |
/// | `#[content_hash(crate = path)]` | type | the name under which daglite is known here |
///
/// Type parameters must have a content hash themselves. Renaming the type, a field or a variant, or moving a variant,
/// changes the digest. The order of fields counts too.
#[proc_macro_derive(ContentHash, attributes(content_hash))]
pub fn derive_content_hash(input: TokenStream) -> TokenStream {
    derive::expand(input.into()).into()
}

/// The code of a task, or its errors.
fn expand_task(
    compiled: &Compiled,
    attribute: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    match parse::parse(attribute, item.clone()) {
        Ok(input) => match check::check(compiled, input) {
            Ok(task) => expand::expand(&task),
            Err(refused) => fallback::fallback(*refused),
        },
        Err(error) => {
            let error = error.to_compile_error();
            quote::quote!(#error #item)
        }
    }
}
