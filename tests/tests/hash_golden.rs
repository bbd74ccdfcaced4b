//! The digests of many values never change, and no two different values share one.
//!
//! `hash_golden.txt` has one line a value: its digest and its name. A line may be added; a line that changes means
//! that every cache of every user is lost, and needs a new version in the domain tag.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CString, OsString};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZero, Saturating, Wrapping};
use std::ops::{Bound, ControlFlow};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use daglite::clock::Timestamp;
use daglite::{
    ContentHash, ContentHasher, Digest, InputDir, InputFile, Strategy, content_digest, serde_hash,
};
use serde::Serialize;

#[derive(ContentHash, Serialize)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(ContentHash)]
struct Renamed {
    x: f64,
    y: f64,
}

#[derive(ContentHash)]
struct Pair(u8, u8);

#[derive(ContentHash)]
struct Unit;

#[derive(ContentHash)]
struct Partial {
    kept: u8,
    #[content_hash(skip)]
    _skipped: u8,
}

/// Its angle counts in whole degrees.
#[derive(ContentHash)]
struct Converted {
    #[content_hash(with = degrees)]
    angle: f64,
}

fn degrees(radians: &f64, hasher: &mut ContentHasher) {
    hasher.i64(radians.to_degrees().round() as i64);
}

/// Not in the list of what differs: it is its field.
#[derive(ContentHash)]
#[content_hash(transparent)]
struct Meters(f64);

fn used_up() -> std::ops::RangeInclusive<u8> {
    let mut range = 1_u8..=1;
    range.next();
    range
}

#[derive(ContentHash, Serialize)]
enum Shape {
    Empty,
    Circle(f64),
    Square { side: f64 },
    Triangle(f64, f64, f64),
}

fn own<T: ContentHash + ?Sized>(value: &T) -> Digest {
    content_digest(value).unwrap()
}

fn by(strategy: Strategy, value: &(impl ContentHash + ?Sized)) -> Digest {
    let mut hasher = ContentHasher::new(strategy);
    value.content_hash(&mut hasher);
    hasher.finish().unwrap()
}

fn serde(value: impl Serialize) -> Digest {
    let mut hasher = ContentHasher::new(Strategy::Auto);
    serde_hash(&value, &mut hasher);
    hasher.finish().unwrap()
}

/// Values of which no two are the same to a task.
fn different() -> Vec<(&'static str, Digest)> {
    let large: Vec<u32> = (0..100_000).collect();
    let huge: Vec<u32> = (0..2_250_000_u32).map(|n| n.wrapping_mul(2_654_435_761)).collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("a.txt"), "hello").unwrap();
    vec![
        ("unit", own(&())),
        ("false", own(&false)),
        ("true", own(&true)),
        ("char 1", own(&'1')),
        ("0u8", own(&0_u8)),
        ("1u8", own(&1_u8)),
        ("1u16", own(&1_u16)),
        ("1u32", own(&1_u32)),
        ("1u64", own(&1_u64)),
        ("1u128", own(&1_u128)),
        ("1usize", own(&1_usize)),
        ("1i8", own(&1_i8)),
        ("1i16", own(&1_i16)),
        ("1i32", own(&1_i32)),
        ("1i64", own(&1_i64)),
        ("1i128", own(&1_i128)),
        ("1isize", own(&1_isize)),
        ("-1i32", own(&-1_i32)),
        ("max u128", own(&u128::MAX)),
        ("1.0f32", own(&1.0_f32)),
        ("1.0f64", own(&1.0_f64)),
        ("0.0f64", own(&0.0_f64)),
        ("-0.0f64", own(&-0.0_f64)),
        ("nan", own(&f64::from_bits(0x7ff8_0000_0000_0000))),
        ("nan with payload", own(&f64::from_bits(0x7ff8_0000_0000_0001))),
        ("infinity", own(&f64::INFINITY)),
        ("nonzero 1u8", own(&NonZero::<u8>::MIN)),
        ("wrapping 1u8", own(&Wrapping(1_u8))),
        ("saturating 1u8", own(&Saturating(1_u8))),
        ("reverse 1u8", own(&Reverse(1_u8))),
        ("empty str", own("")),
        ("str 1", own("1")),
        ("str é", own("é")),
        ("bytes 1", own(&b"1"[..])),
        ("path 1", own(&PathBuf::from("1"))),
        ("os string 1", own(&OsString::from("1"))),
        ("c string 1", own(&CString::new("1").unwrap())),
        ("none", own(&None::<u8>)),
        ("some 1u8", own(&Some(1_u8))),
        ("some none", own(&Some(None::<u8>))),
        ("ok 1u8", own(&Ok::<u8, u8>(1))),
        ("err 1u8", own(&Err::<u8, u8>(1))),
        ("less", own(&Ordering::Less)),
        ("greater", own(&Ordering::Greater)),
        ("phantom", own(&PhantomData::<u8>)),
        ("(1i32,)", own(&(1_i32,))),
        ("((1i32,),)", own(&((1_i32,),))),
        ("(1i32, 2i32)", own(&(1_i32, 2_i32))),
        (
            "twelve",
            own(&(1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8, 9_u8, 10_u8, 11_u8, 12_u8)),
        ),
        ("[1i32]", own(&[1_i32])),
        ("[1i32, 2i32]", own(&[1_i32, 2])),
        ("[1u32]", own(&[1_u32])),
        ("[1usize]", own(&[1_usize])),
        ("[1u64]", own(&[1_u64])),
        ("[1.0f64]", own(&[1.0_f64])),
        ("[true]", own(&[true])),
        ("['1']", own(&['1'])),
        ("[] of u8", own(&[0_u8; 0])),
        ("[] of i8", own(&[0_i8; 0])),
        ("[] of str", own(&[""; 0])),
        ("[\"\"]", own(&[""])),
        ("[\"ab\", \"c\"]", own(&["ab", "c"])),
        ("[\"a\", \"bc\"]", own(&["a", "bc"])),
        ("[[1i32], []]", own(&[vec![1_i32], vec![]])),
        ("[[], [1i32]]", own(&[vec![], vec![1_i32]])),
        ("linked list [1i32]", own(&LinkedList::from([1_i32]))),
        ("set {1i32}", own(&HashSet::from([1_i32]))),
        ("set {}", own(&BTreeSet::<u8>::new())),
        ("set {1u8, 2u8}", own(&BTreeSet::from([1_u8, 2]))),
        ("heap {1u8, 1u8}", own(&BinaryHeap::from([1_u8, 1]))),
        ("heap {1u8}", own(&BinaryHeap::from([1_u8]))),
        ("map {}", own(&BTreeMap::<u8, u8>::new())),
        ("map {1: 2}", own(&HashMap::from([(1_u8, 2_u8)]))),
        ("map {2: 1}", own(&HashMap::from([(2_u8, 1_u8)]))),
        ("map {\"1\": 2}", own(&HashMap::from([("1", 2_u8)]))),
        ("1..2", own(&(1_u8..2))),
        ("1..=2", own(&(1_u8..=2))),
        ("1..", own(&(1_u8..))),
        ("..1", own(&(..1_u8))),
        ("..=1", own(&(..=1_u8))),
        ("..", own(&(..))),
        ("included 1", own(&Bound::Included(1_u8))),
        ("unbounded", own(&Bound::<u8>::Unbounded)),
        ("1 s", own(&Duration::from_secs(1))),
        ("1 ns", own(&Duration::from_nanos(1))),
        ("1970 and 1 s", own(&(UNIX_EPOCH + Duration::from_secs(1)))),
        ("1970 less 1 s", own(&(UNIX_EPOCH - Duration::from_secs(1)))),
        ("timestamp 1", own(&Timestamp::from_millis(1))),
        ("digest", own(&Digest::from_bytes([1; 32]))),
        ("127.0.0.1", own(&Ipv4Addr::LOCALHOST)),
        ("ip 127.0.0.1", own(&IpAddr::V4(Ipv4Addr::LOCALHOST))),
        ("::1", own(&Ipv6Addr::LOCALHOST)),
        ("127.0.0.1:80 v4", own(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80))),
        ("127.0.0.1:80", own(&SocketAddr::from(([127, 0, 0, 1], 80)))),
        ("[::1]:80", own(&SocketAddrV6::new(Ipv6Addr::LOCALHOST, 80, 0, 0))),
        ("struct Point", own(&Point { x: 1.0, y: 2.0 })),
        ("struct Renamed", own(&Renamed { x: 1.0, y: 2.0 })),
        ("struct Pair", own(&Pair(1, 2))),
        ("struct Unit", own(&Unit)),
        ("struct Partial", own(&Partial { kept: 1, _skipped: 2 })),
        ("Shape::Empty", own(&Shape::Empty)),
        ("Shape::Circle", own(&Shape::Circle(1.0))),
        ("Shape::Square", own(&Shape::Square { side: 1.0 })),
        ("Shape::Triangle", own(&Shape::Triangle(1.0, 1.0, 1.0))),
        ("large exact", by(Strategy::Exact, &large)),
        ("large fast", by(Strategy::Fast, &large)),
        ("large sampled", by(Strategy::Sampled, &large)),
        ("input file", own(&InputFile::from(folder.path().join("a.txt")))),
        ("input dir", own(&InputDir::from(folder.path()))),
        ("serde [1u8]", serde(vec![1_u8])),
        ("serde (1u8,)", serde((1_u8,))),
        ("serde [str 1]", serde(vec!["1"])),
        ("serde map {1: 3}", serde(BTreeMap::from([(1_u8, 3_u8)]))),
        ("serde Point", serde(Point { x: 1.0, y: 2.0 })),
        ("serde Shape::Circle", serde(Shape::Circle(2.0))),
        ("serde Shape::Square", serde(Shape::Square { side: 1.0 })),
        ("serde Shape::Triangle", serde(Shape::Triangle(1.0, 1.0, 1.0))),
        (
            "sixteen",
            own(&(
                0_u8, 1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8, 9_u8, 10_u8, 11_u8, 12_u8,
                13_u8, 14_u8, 15_u8,
            )),
        ),
        ("1..=1 used up", own(&used_up())),
        ("1..=1", own(&(1_u8..=1))),
        ("break 1u8", own(&ControlFlow::<u8, u8>::Break(1))),
        ("continue 1u8", own(&ControlFlow::<u8, u8>::Continue(1))),
        ("struct Converted", own(&Converted { angle: 1.0 })),
        ("excluded 1", own(&Bound::Excluded(1_u8))),
        ("equal", own(&Ordering::Equal)),
        ("-1isize", own(&-1_isize)),
        ("max usize of 32 bits", own(&(u32::MAX as usize))),
        ("min i128", own(&i128::MIN)),
        ("1.5f32", own(&1.5_f32)),
        ("ip ::1", own(&IpAddr::V6(Ipv6Addr::LOCALHOST))),
        ("socket [::1]:80", own(&SocketAddr::from((Ipv6Addr::LOCALHOST, 80)))),
        ("nonzero -1i64", own(&NonZero::<i64>::new(-1).unwrap())),
        ("nonzero 1usize", own(&NonZero::<usize>::MIN)),
        ("[\"a\", \"b\"]", own(&["a", "b"])),
        ("[Some(1u8), None]", own(&[Some(1_u8), None])),
        ("[(1u8, 2u8)]", own(&[(1_u8, 2_u8)])),
        ("map {1: {2: 3}}", own(&BTreeMap::from([(1_u8, BTreeMap::from([(2_u8, 3_u8)]))]))),
        ("set {{1u8}}", own(&BTreeSet::from([BTreeSet::from([1_u8])]))),
        ("serde set {1u8}", serde(BTreeSet::from([2_u8]))),
        ("1024 bytes fast", by(Strategy::Fast, &large[..256])),
        ("1028 bytes fast", by(Strategy::Fast, &large[..257])),
        ("text fast", by(Strategy::Fast, &"daglite ".repeat(200))),
        ("1 MiB exact", by(Strategy::Exact, &vec![7_u8; 1 << 20])),
        ("text exact", by(Strategy::Exact, &"daglite ".repeat(200_000))),
        ("3 MB exact", by(Strategy::Exact, &huge[..750_001])),
        ("3 MB fast", by(Strategy::Fast, &huge[..750_001])),
        ("3 MB sampled", by(Strategy::Sampled, &huge[..750_001])),
        ("9 MB auto", by(Strategy::Auto, &huge)),
        ("9 MB exact", by(Strategy::Exact, &huge)),
    ]
}

#[test]
fn digests_never_change() {
    let now: String =
        different().iter().map(|(name, digest)| format!("{digest} {name}\n")).collect();
    let golden = include_str!("hash_golden.txt");
    for (line, golden) in now.lines().zip(golden.lines()) {
        assert_eq!(line, golden, "a digest changed; all of them are now:\n{now}");
    }
    assert_eq!(now, golden, "values were added; all digests are now:\n{now}");
    assert!(golden.lines().count() >= 60);
}

#[test]
fn different_values_have_different_digests() {
    let values = different();
    for (index, (name, digest)) in values.iter().enumerate() {
        for (other_name, other) in &values[..index] {
            assert_ne!(digest, other, "`{name}` and `{other_name}` share a digest");
        }
    }
}

#[test]
fn the_same_content_owned_shared_or_lent_has_one_digest() {
    let list = own(&[1_u16, 2, 3]);
    assert_eq!(own(&[1_u16, 2, 3][..]), list);
    assert_eq!(own(&&[1_u16, 2, 3][..]), list);
    assert_eq!(own(&vec![1_u16, 2, 3]), list);
    assert_eq!(own(&vec![1_u16, 2, 3].into_boxed_slice()), list);
    assert_eq!(own(&Arc::<[u16]>::from([1, 2, 3])), list);
    assert_eq!(own(&Rc::new(vec![1_u16, 2, 3])), list);
    assert_eq!(own(&Cow::Borrowed(&[1_u16, 2, 3][..])), list);

    let text = own("text");
    assert_eq!(own(&"text".to_string()), text);
    assert_eq!(own(&Cow::Borrowed("text")), text);
    assert_eq!(own(&Box::<str>::from("text")), text);

    assert_eq!(own(&LinkedList::from(["a", "b"])), own(&["a", "b"]));
    assert_eq!(own(&Box::pin(1_u8)), own(&1_u8));
    assert_eq!(own(&Meters(1.5)), own(&1.5_f64));
    assert_eq!(own(PathBuf::from("a/b").as_path()), own(&PathBuf::from("a/b")));
    assert_eq!(own(&BTreeMap::from([(1, 2)])), own(&HashMap::from([(1, 2)])));
    assert_eq!(own(&BTreeSet::from([1, 2])), own(&HashSet::from([2, 1])));

    // What serde says of a value that has a hash of its own.
    assert_eq!(serde(1_u8), own(&1_u8));
    assert_eq!(serde("text"), own("text"));
    assert_eq!(serde(Some(1_u8)), own(&Some(1_u8)));
    assert_eq!(serde(BTreeMap::from([(1_u8, 2_u8)])), own(&BTreeMap::from([(1_u8, 2_u8)])));
}

#[test]
fn a_deque_hashes_like_a_vector_wherever_its_seam_lies() {
    for turns in 0..8 {
        let mut numbers = VecDeque::from([0_u32; 7]);
        let mut words = VecDeque::from(vec![String::new(); 7]);
        (0..turns).for_each(|_| numbers.rotate_left(1));
        for i in 0..7 + turns {
            numbers.pop_front();
            numbers.push_back(i as u32);
            words.pop_front();
            words.push_back(i.to_string());
        }
        assert_eq!(own(&numbers), own(&Vec::from(numbers.clone())));
        assert_eq!(own(&words), own(&Vec::from(words.clone())));
    }
}

#[test]
fn what_is_told_to_skip_does_not_count() {
    let one = own(&Partial { kept: 1, _skipped: 2 });
    assert_eq!(one, own(&Partial { kept: 1, _skipped: 3 }));
    assert_ne!(one, own(&Partial { kept: 2, _skipped: 2 }));
}
