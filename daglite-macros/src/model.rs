//! `Task`: a checked task. Every value of these types can be expanded.

use proc_macro2::{Ident, TokenStream};
use syn::{
    Attribute, Block, ConstParam, GenericParam, Path, Type, TypeParam, Visibility, WhereClause,
};

/// A function that can be a task.
pub(crate) struct Task {
    /// The library, as an absolute path.
    pub(crate) library: Path,
    /// The text of the option `name`, if it is given.
    pub(crate) name: Option<String>,
    /// The package that is compiled.
    pub(crate) package: String,
    /// The digest of the function's canonical form.
    pub(crate) fingerprint: [u8; 32],
    /// What the fingerprint covers, a line each: the first bytes of a digest, and the path of an item.
    pub(crate) code: String,
    /// Conditions of `cfg` whose truth belongs to the code.
    pub(crate) conditions: Vec<String>,
    /// What users should know of the fingerprint.
    pub(crate) notes: Vec<String>,
    /// Files of the package that count as code: the compiler is to watch them.
    pub(crate) files: Vec<String>,
    /// How results are cached; `None`: not at all.
    pub(crate) cache: Option<Cache>,
    /// How bodies are run.
    pub(crate) running: Running,
    /// Docs, `cfg`, lint levels and the like, for the function that callers see.
    pub(crate) outer_attributes: Vec<Attribute>,
    /// All other attributes, for the function with the body.
    pub(crate) body_attributes: Vec<Attribute>,
    /// The visibility.
    pub(crate) visibility: Visibility,
    /// The name of the function.
    pub(crate) ident: Ident,
    /// The word `async`, if it is there.
    pub(crate) asyncness: Option<syn::Token![async]>,
    /// The generic parameters.
    pub(crate) generics: Generics,
    /// The parameters.
    pub(crate) params: Vec<Param>,
    /// The result.
    pub(crate) result: Output,
    /// The body.
    pub(crate) block: Box<Block>,
}

/// What the options say about running a body.
pub(crate) struct Running {
    /// How often, and for how long.
    pub(crate) attempts: Option<Attempts>,
    /// `weight`, or 1.
    pub(crate) weight: u32,
    /// `limits`.
    pub(crate) limits: Vec<String>,
    /// Where the body runs, if `isolate` is given.
    pub(crate) isolate: Option<Isolate>,
    /// `seeded`.
    pub(crate) seeded: bool,
}

/// How a body runs in a process of its own.
pub(crate) struct Isolate {
    /// `isolate_memory`, in bytes.
    pub(crate) memory: Option<u64>,
}

/// How often and for how long a body may run.
pub(crate) struct Attempts {
    /// `retries`, or 0.
    pub(crate) retries: u32,
    /// `retry_delay`, in milliseconds.
    pub(crate) delay_millis: Option<u64>,
    /// `timeout`, in milliseconds.
    pub(crate) timeout_millis: Option<u64>,
    /// Whether there is a `retry_if`.
    pub(crate) picky: bool,
}

impl Task {
    /// Whether a body may be run again, and needs its arguments again then.
    pub(crate) fn is_repeated(&self) -> bool {
        self.running.attempts.as_ref().is_some_and(|attempts| attempts.retries > 0)
    }
}

/// The options of a cached task.
pub(crate) struct Cache {
    /// `cache_ttl`, in milliseconds.
    pub(crate) ttl_millis: Option<u64>,
    /// `cache_version`, or nothing.
    pub(crate) version: String,
    /// `cache_env`.
    pub(crate) env: Vec<String>,
    /// `cache_hash`.
    pub(crate) hash: Option<HashAll>,
}

/// The function of `cache_hash`.
pub(crate) struct HashAll {
    /// The function.
    pub(crate) function: Path,
    /// The indices of the parameters that it takes, by reference.
    pub(crate) params: Vec<usize>,
}

/// Generic parameters, sorted by where they go.
pub(crate) struct Generics {
    /// All parameters as written, for the function with the body.
    pub(crate) written: Vec<GenericParam>,
    /// The types, without defaults.
    pub(crate) types: Vec<TypeParam>,
    /// The constants, without defaults.
    pub(crate) consts: Vec<ConstParam>,
    /// The where clause as written.
    pub(crate) where_clause: Option<WhereClause>,
}

impl Generics {
    /// Whether one function stands for several tasks.
    pub(crate) fn is_generic(&self) -> bool {
        !self.types.is_empty() || !self.consts.is_empty()
    }
}

/// A parameter.
pub(crate) struct Param {
    /// The parameter as written, for the function with the body.
    pub(crate) written: TokenStream,
    /// Its name.
    pub(crate) ident: Ident,
    /// What the body gets.
    pub(crate) taken: Taken,
    /// How its argument is hashed, if the task is cached.
    pub(crate) hash: Hash,
}

/// What the body gets of an argument.
pub(crate) enum Taken {
    /// `T`: the value.
    Owned(Type),
    /// `&T`: a look at the value that the graph keeps.
    Lent(Type),
}

/// How the argument for a parameter is hashed.
pub(crate) enum Hash {
    /// Not at all, and noted beside the key.
    Excluded,
    /// Not by itself: the function of `cache_hash` takes it.
    Covered,
    /// By the type, with a strategy if one was asked for.
    Value(Option<Strategy>),
    /// By what a function makes of it.
    Custom(Path),
    /// By the session's registry.
    Registry,
}

/// How thoroughly bulk data is read.
#[derive(Clone, Copy)]
pub(crate) enum Strategy {
    /// As the library thinks best.
    Auto,
    /// Every byte, into BLAKE3.
    Exact,
    /// Every byte, into a faster hash.
    Fast,
    /// Blocks spread over the whole.
    Sampled,
}

/// The result.
pub(crate) enum Output {
    /// No `->`.
    Unit,
    /// A value.
    Plain(Type),
    /// A type whose last part is called `Result`.
    Fallible(Fallible),
}

/// A return type that is called `Result`.
pub(crate) struct Fallible {
    /// The whole type.
    pub(crate) whole: Type,
    /// The tokens to point at when the value is at fault.
    pub(crate) value_at: TokenStream,
    /// The tokens to point at when the error is at fault.
    pub(crate) error_at: TokenStream,
    /// `retry_if`: a function of the error.
    pub(crate) retry_if: Option<Path>,
}
