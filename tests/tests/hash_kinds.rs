//! Values of different types never share a digest, however alike they look; and any single change is a change.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ffi::{CString, OsString};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::num::{NonZero, Saturating, Wrapping};
use std::ops::{Bound, ControlFlow};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use daglite::clock::Timestamp;
use daglite::{ContentHash, ContentHasher, Digest, Strategy, content_digest, serde_hash};
use proptest::prelude::{Strategy as _, *};
use serde::Serialize;

fn own<T: ContentHash + ?Sized>(value: &T) -> Digest {
    content_digest(value).unwrap()
}

fn serde(value: impl Serialize) -> Digest {
    let mut hasher = ContentHasher::new(Strategy::Auto);
    serde_hash(&value, &mut hasher);
    hasher.finish().unwrap()
}

#[derive(ContentHash)]
struct Named {
    a: u8,
}

#[derive(ContentHash)]
struct Other {
    a: u8,
}

#[derive(ContentHash)]
struct Unnamed(u8);

#[derive(ContentHash)]
enum Choice {
    A(u8),
    B(u8),
    C { a: u8 },
    D((u8,)),
}

/// One small number and one text in every guise that the standard library and the derive have for them. No two are the
/// same value of the same type, so no two may share a digest.
fn guises(n: u8, text: &str) -> Vec<(&'static str, Digest)> {
    vec![
        ("u8", own(&n)),
        ("u16", own(&u16::from(n))),
        ("u32", own(&u32::from(n))),
        ("u64", own(&u64::from(n))),
        ("u128", own(&u128::from(n))),
        ("usize", own(&usize::from(n))),
        ("i8", own(&(n as i8))),
        ("i16", own(&i16::from(n))),
        ("i32", own(&i32::from(n))),
        ("i64", own(&i64::from(n))),
        ("i128", own(&i128::from(n))),
        ("isize", own(&isize::from(n))),
        ("f32", own(&f32::from(n))),
        ("f64", own(&f64::from(n))),
        ("f64 of the same bits", own(&f64::from_bits(u64::from(n)))),
        ("f32 of the same bits", own(&f32::from_bits(u32::from(n)))),
        ("char", own(&char::from(n))),
        ("bool", own(&(n != 0))),
        ("unit", own(&())),
        ("number as text", own(&n.to_string())),
        ("text", own(text)),
        ("bytes", own(text.as_bytes())),
        ("path", own(&PathBuf::from(text))),
        ("system's text", own(&OsString::from(text))),
        ("C text", own(&CString::new(text).unwrap())),
        ("characters", own(&text.chars().collect::<Vec<_>>())),
        ("none", own(&None::<u8>)),
        ("none as text", own("None")),
        ("some u8", own(&Some(n))),
        ("some some u8", own(&Some(Some(n)))),
        ("some none", own(&Some(None::<u8>))),
        ("some text", own(&Some(text))),
        ("ok", own(&Ok::<u8, u8>(n))),
        ("err", own(&Err::<u8, u8>(n))),
        ("(u8,)", own(&(n,))),
        ("((u8,),)", own(&((n,),))),
        ("(u8, u8)", own(&(n, n))),
        ("(u8, (u8, u8))", own(&(n, (n, n)))),
        ("((u8, u8), u8)", own(&((n, n), n))),
        ("(u8, u8, u8)", own(&(n, n, n))),
        ("[u8]", own(&[n])),
        ("[u8, u8]", own(&[n, n])),
        ("[i8]", own(&[n as i8])),
        ("[u16]", own(&[u16::from(n)])),
        ("[[u8]]", own(&[[n]])),
        ("[[u8, u8]]", own(&[[n, n]])),
        ("[[u8], [u8]]", own(&[[n], [n]])),
        ("[(u8, u8)]", own(&[(n, n)])),
        ("[some u8]", own(&[Some(n)])),
        ("[text]", own(&[text])),
        ("[text, \"\"]", own(&[text, ""])),
        ("[\"\", text]", own(&["", text])),
        ("[[text]]", own(&[[text]])),
        ("set of u8", own(&BTreeSet::from([n]))),
        ("set of text", own(&BTreeSet::from([text]))),
        ("heap of u8", own(&BinaryHeap::from([n]))),
        ("map u8 to u8", own(&BTreeMap::from([(n, n)]))),
        ("map text to u8", own(&BTreeMap::from([(n.to_string(), n)]))),
        ("map u8 to text", own(&BTreeMap::from([(n, n.to_string())]))),
        ("map u8 to unit", own(&BTreeMap::from([(n, ())]))),
        ("set of pairs", own(&BTreeSet::from([(n, n)]))),
        ("range", own(&(n..n))),
        ("inclusive range", own(&(n..=n))),
        ("range from", own(&(n..))),
        ("range to", own(&(..n))),
        ("inclusive range to", own(&(..=n))),
        ("included", own(&Bound::Included(n))),
        ("excluded", own(&Bound::Excluded(n))),
        ("wrapping", own(&Wrapping(n))),
        ("saturating", own(&Saturating(n))),
        ("reverse", own(&Reverse(n))),
        ("nonzero", own(&NonZero::new(n.max(1)).unwrap())),
        ("break", own(&ControlFlow::<u8, u8>::Break(n))),
        ("continue", own(&ControlFlow::<u8, u8>::Continue(n))),
        ("duration", own(&Duration::from_nanos(u64::from(n)))),
        ("time", own(&(UNIX_EPOCH + Duration::from_nanos(u64::from(n))))),
        ("timestamp", own(&Timestamp::from_millis(u64::from(n)))),
        ("address", own(&Ipv4Addr::from([n; 4]))),
        ("any address", own(&IpAddr::from([n; 4]))),
        ("four bytes", own(&[n; 4])),
        ("socket", own(&SocketAddrV4::new(Ipv4Addr::from([n; 4]), u16::from(n)))),
        ("digest", own(&Digest::from_bytes([n; 32]))),
        ("its bytes", own(&[n; 32])),
        ("Named", own(&Named { a: n })),
        ("Other", own(&Other { a: n })),
        ("Unnamed", own(&Unnamed(n))),
        ("A", own(&Choice::A(n))),
        ("B", own(&Choice::B(n))),
        ("C", own(&Choice::C { a: n })),
        ("D", own(&Choice::D((n,)))),
        ("[Unnamed]", own(&[Unnamed(n)])),
        ("a list by serde", serde(vec![n])),
        ("a tuple by serde", serde((n,))),
        ("a list of texts by serde", serde(vec![text])),
        ("a set by serde", serde(BTreeSet::from([n.wrapping_add(1)]))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_two_types_share_a_digest(n in 1_u8.., text in "[a-z\\x01-\\x09]{1,12}") {
        let guises = guises(n, &text);
        let mut seen = BTreeMap::new();
        for (name, digest) in &guises {
            // Here and there two guises are the same value of the same type.
            let twice = match *name {
                "bytes" => text.bytes().all(|byte| byte == n),
                "number as text" => n.to_string() == text,
                _ => false,
            };
            if twice {
                continue;
            }
            if let Some(other) = seen.insert(*digest, *name) {
                prop_assert!(false, "`{}` and `{}` share a digest for {} and {:?}", name, other, n, text);
            }
        }
    }
}

/// A value with something of every kind to change.
#[derive(Debug, Clone, PartialEq, ContentHash, Serialize)]
struct Whole {
    integers: (u8, u16, u32, u64, u128, i8, i16, i32, i64, i128),
    sizes: (usize, isize),
    floats: Vec<u64>,
    letter: char,
    text: String,
    path: PathBuf,
    maybe: Option<Box<Whole>>,
    result: Result<u8, String>,
    array: [u16; 4],
    lists: Vec<Vec<u8>>,
    map: BTreeMap<String, Vec<i64>>,
    set: BTreeSet<u32>,
    span: Duration,
}

fn whole() -> impl proptest::strategy::Strategy<Value = Whole> {
    let integers = any::<(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128)>();
    let texts = (any::<char>(), ".{0,8}", ".{0,8}");
    let lists = (
        any::<[u16; 4]>(),
        proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..4),
        proptest::collection::vec(any::<u64>(), 0..4),
    );
    let maps = (
        proptest::collection::btree_map(
            ".{0,3}",
            proptest::collection::vec(any::<i64>(), 0..3),
            0..4,
        ),
        proptest::collection::btree_set(any::<u32>(), 0..4),
    );
    let rest = (any::<(usize, isize)>(), any::<Result<u8, String>>(), any::<Duration>());
    let leaf =
        (integers, texts, lists, maps, rest).prop_map(|(integers, texts, lists, maps, rest)| {
            let (letter, text, path) = texts;
            let (array, lists, floats) = lists;
            let (map, set) = maps;
            let (sizes, result, span) = rest;
            let path = path.into();
            let maybe = None;
            Whole {
                integers,
                sizes,
                floats,
                letter,
                text,
                path,
                maybe,
                result,
                array,
                lists,
                map,
                set,
                span,
            }
        });
    leaf.prop_recursive(2, 4, 1, |inner| {
        (inner.clone(), inner)
            .prop_map(|(outer, inner)| Whole { maybe: Some(Box::new(inner)), ..outer })
    })
}

/// How many single changes there are.
const CHANGES: usize = 22;

/// The value with one thing changed, somewhere in it.
fn changed(value: &Whole, change: usize, deep: bool) -> Whole {
    let mut new = value.clone();
    if deep && let Some(inner) = &value.maybe {
        new.maybe = Some(Box::new(changed(inner, change, true)));
        return new;
    }
    match change {
        0 => new.integers.0 ^= 1,
        1 => new.integers.1 ^= 1 << 15,
        2 => new.integers.2 ^= 1 << 7,
        3 => new.integers.3 ^= 1 << 63,
        4 => new.integers.4 ^= 1 << 127,
        5 => new.integers.5 ^= -128,
        6 => new.integers.6 = !new.integers.6,
        7 => new.integers.8 ^= 1,
        8 => new.integers.9 ^= 1 << 64,
        9 => new.sizes.0 ^= 1,
        10 => new.sizes.1 = !new.sizes.1,
        11 => new.floats.push(0),
        12 => new.letter = if new.letter == 'a' { 'b' } else { 'a' },
        13 => new.text.push('\0'),
        14 => new.path.push("x"),
        15 => new.maybe = if new.maybe.is_some() { None } else { Some(Box::new(value.clone())) },
        16 => {
            new.result = match &value.result {
                Ok(number) => Err(number.to_string()),
                Err(_) => Ok(0),
            }
        }
        17 => new.array[3] ^= 1,
        18 => new.lists.push(Vec::new()),
        19 => drop(new.map.insert("a longer name".into(), Vec::new())),
        20 => new.set = if new.set.is_empty() { [0].into() } else { BTreeSet::new() },
        _ => new.span = Duration::from_nanos((new.span.as_nanos() as u64).wrapping_add(1)),
    }
    new
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_single_change_changes_the_digest(value in whole(), change in 0..CHANGES, deep in any::<bool>()) {
        let other = changed(&value, change, deep);
        prop_assert_ne!(&value, &other);
        prop_assert_ne!(own(&value), own(&other));
        prop_assert_ne!(serde(&value), serde(&other));
        prop_assert_eq!(own(&value), own(&value.clone()));
    }
}

/// Drops itself without recursion, as a type has to that is meant to be deep.
#[derive(ContentHash)]
enum List {
    End,
    More(u8, Box<List>),
}

impl Drop for List {
    fn drop(&mut self) {
        let mut next = match self {
            Self::End => return,
            Self::More(_, rest) => std::mem::replace(rest, Box::new(Self::End)),
        };
        while let Self::More(_, rest) = &mut *next {
            let after = std::mem::replace(&mut **rest, Self::End);
            *next = after;
        }
    }
}

fn list(levels: u32, last: u8) -> List {
    let mut list = List::More(last, Box::new(List::End));
    for level in 1..levels {
        list = List::More(level as u8, Box::new(list));
    }
    list
}

#[test]
fn a_million_levels_are_hashed_to_the_last() {
    assert_ne!(own(&list(1_000_000, 1)), own(&list(1_000_000, 2)));
}

/// The same through vectors and options, on a stack as small as threads have them.
#[derive(ContentHash, Serialize)]
struct Tree {
    children: Vec<Tree>,
    other: Option<Box<Tree>>,
}

fn tree(levels: u32, last: bool) -> Tree {
    let mut tree = Tree { children: Vec::new(), other: None };
    if last {
        tree.other = Some(Box::new(Tree { children: Vec::new(), other: None }));
    }
    for level in 0..levels {
        tree = if level % 2 == 0 {
            Tree { children: vec![tree], other: None }
        } else {
            Tree { children: Vec::new(), other: Some(Box::new(tree)) }
        };
    }
    tree
}

/// Takes a tree apart without recursion.
fn fell(tree: Tree) {
    let mut left = vec![tree];
    while let Some(Tree { children, other }) = left.pop() {
        left.extend(children);
        left.extend(other.map(|other| *other));
    }
}

#[test]
fn a_deep_tree_is_hashed_on_a_small_stack() {
    let hashed = || {
        for digest in [own::<Tree> as fn(&Tree) -> Digest, |tree| serde(tree)] {
            let [one, two] = [false, true].map(|last| tree(50_000, last));
            assert_ne!(digest(&one), digest(&two));
            fell(one);
            fell(two);
        }
    };
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(hashed);
    thread.unwrap().join().unwrap();
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_text_counts_by_its_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    assert_ne!(own(&path(b"a\xff")), own(&path(b"a\xfe")));
    assert_ne!(own(&path(b"a\xff")), own(&path("a\u{fffd}".as_bytes())));
    // serde has no such paths: an error is better than one digest for all of them.
    let mut hasher = ContentHasher::new(Strategy::Auto);
    serde_hash(&path(b"a\xff"), &mut hasher);
    assert!(hasher.finish().is_err());
}

#[test]
fn a_range_that_is_used_up_is_not_the_range_it_was() {
    let mut range = 3_u8..=3;
    let fresh = own(&range);
    assert_eq!(range.next(), Some(3));
    assert_ne!(own(&range), fresh);
}
