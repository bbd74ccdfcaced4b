//! A crate that denies all warnings has no more of them for its tasks.
#![deny(warnings, missing_docs, unused, unreachable_pub, single_use_lifetimes, unused_lifetimes, unused_qualifications)]
#![deny(missing_debug_implementations, trivial_casts, unused_results, let_underscore_drop)]
#![forbid(unsafe_code)]

use daglite::task;

/// Everything at once.
#[task(cache, cache_ttl = "1h", cache_exclude = [verbose])]
pub fn everything(text: &str, mut count: u32, verbose: bool) -> Result<u32, std::num::ParseIntError> {
    count += u32::from(verbose);
    Ok(count + text.parse::<u32>()?)
}

/// A deprecated one, of a deprecated type.
#[deprecated]
#[expect(deprecated, reason = "an expectation holds once, however often the macro repeats what it is about")]
#[task]
pub fn old(value: Old) -> Old {
    value
}

/// A deprecated type.
#[deprecated]
#[derive(Clone, Debug, Copy)]
pub struct Old;

/// A generic one.
#[task(cache)]
pub async fn generic<T, const N: usize>(values: [T; N]) -> usize
where
    T: serde::Serialize + Clone,
    [T; N]: serde::Serialize,
{
    values.len()
}

#[expect(unused_variables, reason = "for the body too")]
#[task]
fn unused(value: u32) {}

fn main() {
    assert_eq!(everything("1", 2u32, true).run().unwrap(), 4);
    assert_eq!(generic([1u8, 2]).run().unwrap(), 2);
    unused(1u32).run().unwrap();
}
