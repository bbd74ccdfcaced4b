//! The shapes of functions that can be tasks.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use daglite::task;

/// Neither `Clone` nor serde.
struct Opaque(u32);

#[task]
fn lent_without_clone(opaque: &Opaque) -> u32 {
    opaque.0
}

#[task]
fn moved_without_clone(opaque: Opaque) -> u32 {
    opaque.0
}

#[task]
fn all_that_can_be_lent(text: &str, numbers: &[u32], path: &Path, os: &OsStr, vec: &Vec<u32>, pair: &(u32, u32)) -> usize {
    text.len() + numbers.len() + path.as_os_str().len() + os.len() + vec.len() + pair.0 as usize
}

#[task]
fn patterns(mut count: u32, r#type: u32, _unused: u32) -> u32 {
    count += r#type;
    count
}

#[task]
fn lifetimes<'a, 'b>(first: &'a str, second: &'b str, third: &'a str) -> bool {
    fn longest<'a>(one: &'a str, other: &'a str) -> &'a str {
        if one.len() > other.len() { one } else { other }
    }
    longest(first, third) == second
}

#[task(cache)]
fn generic<T: Clone + serde::Serialize, U>(value: &T, other: U) -> usize
where
    U: Clone + serde::Serialize + AsRef<[T]>,
{
    drop(value.clone());
    other.as_ref().len()
}

#[task]
fn constants<const FLAG: bool, const LETTER: char, const COUNT: usize>() -> String {
    if FLAG { LETTER.to_string().repeat(COUNT) } else { String::new() }
}

#[task]
#[allow(unused_parens)]
fn parenthesized(number: (u32), text: (&(str))) -> (usize) {
    number as usize + text.len()
}

#[task]
fn static_inside() -> std::borrow::Cow<'static, str> {
    "text".into()
}

#[task]
fn r#match() -> u32 {
    1
}

/// A function of a type, without a receiver.
struct Model;

impl Model {
    #[task]
    fn fit(rows: u32) -> u32 {
        rows + 1
    }
}

#[task]
#[cfg(any())]
fn only_elsewhere(nothing: DoesNotExist) {}

#[task]
#[cfg(not(any()))]
#[cfg_attr(not(any()), allow(unused_mut), doc = "Docs.")]
#[inline]
fn only_here(mut one: u32) -> u32 {
    one
}

#[task]
fn calls_itself(depth: u32) -> u32 {
    if depth == 0 { 0 } else { 1 + calls_itself(depth - 1).run().expect("it cannot fail") }
}

#[task(cache, name = "fetch")]
async fn fetch(station: String, path: &Path, tries: u32) -> Result<usize, std::io::Error> {
    std::future::ready(()).await;
    let length = path.as_os_str().len();
    std::future::ready(()).await;
    Ok(station.len() + length + tries as usize)
}

fn main() {
    assert_eq!(lent_without_clone(Opaque(1)).run().unwrap(), 1);
    assert_eq!(lent_without_clone(Arc::new(Opaque(2))).run().unwrap(), 2);
    // Whether a value can be moved out depends on who else holds it; that it compiles is the point here.
    drop(moved_without_clone(Opaque(1)));
    let lent = all_that_can_be_lent("a", vec![1u32], "b", std::ffi::OsString::from("c"), vec![1u32], (1u32, 2u32));
    assert_eq!(lent.run().unwrap(), 6);
    assert_eq!(patterns(1u32, 2u32, 3u32).run().unwrap(), 3);
    assert!(lifetimes("a", "bb", "bb").run().unwrap());
    assert_eq!(generic::<u8, Vec<u8>>(1u8, vec![1u8, 2]).run().unwrap(), 2);
    assert_eq!(constants::<true, 'x', 3>().run().unwrap(), "xxx");
    assert_eq!(parenthesized(1u32, "a").run().unwrap(), 2);
    assert_eq!(static_inside().run().unwrap(), "text");
    assert_eq!(r#match().run().unwrap(), 1);
    assert_eq!(Model::fit(1u32).run().unwrap(), 2);
    assert_eq!(only_here(1u32).run().unwrap(), 1);
    assert_eq!(calls_itself(3u32).run().unwrap(), 3);
    assert_eq!(fetch("ab", PathBuf::from("c"), 1u32).run().unwrap(), 4);

    #[task]
    fn inner(number: u32) -> u32 {
        number
    }
    assert_eq!(inner(1u32).run().unwrap(), 1);
}
