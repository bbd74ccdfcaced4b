//! Tasks where nothing has its usual name: the library is called `other`, and the names of the standard library's
//! prelude, its macros and its crates mean something else.

/// The library, reachable by a path inside this crate.
pub mod inner {
    pub use other as library;
}

/// Names of the prelude, of crates and of macros that mean something else here.
pub mod shadowed {
    #![allow(dead_code, unused_macros, clippy::wrong_self_convention)]

    /// Not the standard library's.
    pub struct Option;
    /// Not the standard library's.
    pub struct Some;
    /// Not the standard library's.
    pub struct None;
    /// Not the standard library's.
    pub struct Ok;
    /// Not the standard library's.
    pub struct Err;
    /// Not the standard library's.
    pub struct Vec;
    /// Not the standard library's.
    pub struct Box;
    /// Not the standard library's.
    pub struct String;
    /// Not the standard library's.
    pub struct Result;
    /// Not the standard library's.
    pub trait Send {}
    /// Not the standard library's.
    pub trait Sync {}
    /// Not the standard library's.
    pub trait Clone {}
    /// Not the standard library's.
    pub trait Sized {}
    /// Not the standard library's.
    pub trait Into {}
    /// Not the library's.
    pub struct Probe;
    /// Not the library's.
    pub struct Task;
    /// Not the library's.
    pub struct Args;
    /// Not the crate.
    pub mod std {}
    /// Not the crate.
    pub mod core {}
    /// Not the crate.
    pub mod daglite {}

    macro_rules! vec {
        ($($any:tt)*) => {
            compile_error!("not the standard library's `vec!`")
        };
    }
    macro_rules! concat {
        ($($any:tt)*) => {
            compile_error!("not the standard library's `concat!`")
        };
    }
    macro_rules! module_path {
        ($($any:tt)*) => {
            compile_error!("not the standard library's `module_path!`")
        };
    }

    /// Has every method that the generated code could mean, for every type.
    pub trait Nuisance {
        /// Not the library's.
        fn value(&self) {}
        /// Not the library's.
        fn lent(&self) {}
        /// Not the library's.
        fn owned(&self) {}
        /// Not the library's.
        fn required(&self) {}
        /// Not the library's.
        fn sent(&self) {}
        /// Not the library's.
        fn optional(&self) {}
        /// Not the library's.
        fn cloning(&self) {}
        /// Not the library's.
        fn write(&self) {}
        /// Not the library's.
        fn get(&self) {}
        /// Not the library's.
        fn into_arg(&self) {}
        /// Not the standard library's.
        fn into(&self) {}
        /// Not the standard library's.
        fn clone(&self) {}
    }

    impl<T> Nuisance for T {}

    fn longer(text: &str, _: &u32) -> usize {
        text.len()
    }

    fn length(text: &str) -> usize {
        text.len()
    }

    /// Every kind of option.
    #[other::task(
        cache,
        cache_ttl = "1h",
        cache_exclude = [excluded],
        cache_hash_params(text = length, number = exact),
        cache_version = "2",
        cache_env = ["TZ"],
        crate = ::other
    )]
    pub fn cached(text: &str, number: u32, numbers: &[u32], excluded: bool) -> u64 {
        let _ = (numbers, excluded);
        ::core::convert::From::from(text.len() as u32 + number)
    }

    /// One function for all arguments.
    #[other::task(cache, cache_hash = longer, crate = other)]
    pub fn hashed_at_once(text: &str, number: u32) -> u64 {
        (text.len() as u32 + number) as u64
    }

    /// In another process.
    #[other::task(isolate, isolate_memory = "1GB", crate = other)]
    pub fn isolated(text: &str, number: u32) -> u64 {
        (text.len() as u32 + number) as u64
    }

    /// An error.
    #[other::task(cache, crate = crate::inner::library)]
    pub fn fallible(number: u32) -> ::core::result::Result<u32, ::std::fmt::Error> {
        match number {
            0 => ::core::result::Result::Err(::std::fmt::Error),
            more => ::core::result::Result::Ok(more),
        }
    }

    /// Async, generic, constant.
    #[other::task(crate = ::other)]
    pub async fn generic<T: ::core::marker::Copy, const N: usize>(value: T) -> [T; N] {
        ::core::future::ready(()).await;
        [value; N]
    }

    /// Nothing at all.
    #[other::task(crate = ::other)]
    pub fn unit() {}

    /// Names that mean something else, as the user's types.
    #[other::task(crate = ::other)]
    pub fn own_names(option: Option, args: &Args, task: Task) -> Vec {
        let (Option, Args, Task) = (option, args, task);
        Vec
    }
}

/// A task that a macro of the library's user writes, with a path that only `$crate` can say.
#[macro_export]
macro_rules! doubling_task {
    ($name:ident, $type:ty) => {
        /// Doubles a number.
        #[$crate::inner::library::task(cache, crate = $crate::inner::library)]
        pub fn $name(number: &$type) -> $type {
            number + number
        }
    };
}

/// Types from a macro stand in invisible groups.
pub mod from_a_macro {
    crate::doubling_task!(double, u64);
}
