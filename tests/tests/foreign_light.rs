//! Values of the light crates that daglite knows, as arguments and results: digests that never change, formats that lose nothing.
//!
//! `foreign_light.txt` has one line a value, as `hash_golden.txt` has.

use bytes::{Bytes, BytesMut};
use chrono::{
    DateTime, FixedOffset, Month, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
    Weekday,
};
use daglite::prelude::*;
use daglite::{ContentHasher, Digest, HasFormat, Registry, Strategy, content_digest};
use daglite_tests::logged;
use either::Either;
use half::{bf16, f16};
use indexmap::{IndexMap, IndexSet};
use jiff::civil::{Date, DateTime as CivilDateTime, ISOWeekDate, Time, Weekday as CivilWeekday};
use jiff::tz::{Offset, TimeZone as JiffZone};
use jiff::{SignedDuration, Span, Timestamp, ToSpan, Zoned};
use num_complex::Complex;
use proptest::prelude::{ProptestConfig, any, proptest};
use rust_decimal::Decimal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value, json};
use smallvec::{SmallVec, smallvec};
use uuid::Uuid;

fn own<T: ContentHash + ?Sized>(value: &T) -> Digest {
    content_digest(value).unwrap()
}

fn date() -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 2, 29).unwrap()
}

fn time() -> NaiveTime {
    NaiveTime::from_hms_nano_opt(12, 30, 59, 1).unwrap()
}

/// A moment as somebody `hours` east of Greenwich sees it.
fn east(hours: i32) -> DateTime<FixedOffset> {
    let zone = FixedOffset::east_opt(hours * 3600).unwrap();
    zone.from_utc_datetime(&date().and_time(time()))
}

fn zoned(zone: JiffZone) -> Zoned {
    Timestamp::from_second(1_700_000_000).unwrap().to_zoned(zone)
}

/// New York's rule, which has no name.
fn posix() -> JiffZone {
    JiffZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap()
}

/// A zone by name, with the rules of another one: the tests need no database of zones.
fn named(name: &str) -> JiffZone {
    JiffZone::tzif(name, &zone_file()).unwrap()
}

/// The smallest file of a zone: UTC.
fn zone_file() -> Vec<u8> {
    let mut file = b"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    let counts = [0_u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
    let body = b"\0\0\0\0\0\0UTC\0";
    file.extend([&counts[..], body].concat());
    file.extend_from_slice(b"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    file.extend([&counts[..], body, b"\nUTC0\n"].concat());
    file
}

fn index_map(entries: &[(&'static str, u8)]) -> IndexMap<&'static str, u8> {
    entries.iter().copied().collect()
}

/// Values of which no two are the same to a task, those of chrono and jiff.
fn moments() -> Vec<(&'static str, Digest)> {
    let noon = date().and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap());
    let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_000_000_000).unwrap();
    vec![
        ("text of a date", own("2024-02-29")),
        ("chrono date", own(&date())),
        ("chrono date before the era", own(&NaiveDate::from_ymd_opt(-1, 1, 1).unwrap())),
        ("chrono time", own(&time())),
        ("chrono leap second", own(&leap)),
        ("chrono second after", own(&NaiveTime::MIN)),
        ("chrono date and time", own(&noon)),
        ("chrono moment in UTC", own(&Utc.from_utc_datetime(&noon))),
        ("chrono moment at 0", own(&east(0))),
        ("chrono moment at 0 in UTC", own(&east(0).to_utc())),
        ("chrono moment at +1", own(&east(1))),
        ("chrono offset +1", own(east(1).offset())),
        ("chrono 1 ns", own(&TimeDelta::nanoseconds(1))),
        ("chrono -1 ns", own(&TimeDelta::nanoseconds(-1))),
        ("chrono longest", own(&TimeDelta::MAX)),
        ("chrono Monday", own(&Weekday::Mon)),
        ("chrono January", own(&Month::January)),
        ("jiff timestamp", own(&Timestamp::from_nanosecond(-1).unwrap())),
        ("jiff date", own(&Date::constant(2024, 2, 29))),
        ("jiff time", own(&Time::constant(12, 30, 59, 1))),
        ("jiff date and time", own(&CivilDateTime::constant(2024, 2, 29, 12, 0, 0, 0))),
        ("jiff week", own(&ISOWeekDate::new(2024, 9, CivilWeekday::Thursday).unwrap())),
        ("jiff Monday", own(&CivilWeekday::Monday)),
        ("jiff 1 h", own(&1.hour())),
        ("jiff 60 min", own(&60.minutes())),
        ("jiff all units", own(&all_units())),
        ("jiff -1 ns", own(&SignedDuration::from_nanos(-1))),
        ("jiff offset +1", own(&Offset::constant(1))),
        ("jiff zone UTC", own(&JiffZone::UTC)),
        ("jiff zone unknown", own(&JiffZone::unknown())),
        ("jiff zone +1", own(&JiffZone::fixed(Offset::constant(1)))),
        ("jiff zone of a rule", own(&posix())),
        ("jiff zone of a name", own(&named("Test/North"))),
        ("jiff moment in UTC", own(&zoned(JiffZone::UTC))),
        ("jiff moment at +1", own(&zoned(JiffZone::fixed(Offset::constant(1))))),
        ("jiff moment by a rule", own(&zoned(posix()))),
        ("jiff moment in the north", own(&zoned(named("Test/North")))),
        ("jiff moment in the south", own(&zoned(named("Test/South")))),
    ]
}

fn all_units() -> Span {
    let days = 1.year().months(2).weeks(3).days(4);
    days.hours(5).minutes(6).seconds(7).milliseconds(8).microseconds(9).nanoseconds(10)
}

/// Values of which no two are the same to a task, those of the other crates.
fn others() -> Vec<(&'static str, Digest)> {
    let left: Either<u8, u8> = Either::Left(1);
    let right: Either<u8, u8> = Either::Right(1);
    vec![
        ("bytes", own(&Bytes::from_static(b"1"))),
        ("no bytes", own(&Bytes::new())),
        ("uuid", own(&Uuid::from_u128(1))),
        ("sixteen bytes", own(&[0_u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
        ("decimal 1.0", own(&Decimal::new(10, 1))),
        ("decimal 1.00", own(&Decimal::new(100, 2))),
        ("decimal -1.0", own(&Decimal::new(-10, 1))),
        ("decimal 0", own(&Decimal::ZERO)),
        ("decimal -0", own(&-Decimal::ZERO)),
        ("decimal, the largest", own(&Decimal::MAX)),
        ("json null", own(&Value::Null)),
        ("json true", own(&json!(true))),
        ("json 1", own(&json!(1))),
        ("json -1", own(&json!(-1))),
        ("json 1.0", own(&json!(1.0))),
        ("json -0.0", own(&json!(-0.0))),
        ("json, the largest", own(&json!(u64::MAX))),
        ("json text", own(&json!("1"))),
        ("json []", own(&json!([]))),
        ("json [[1], []]", own(&json!([[1], []]))),
        ("json [[], [1]]", own(&json!([[], [1]]))),
        ("json {}", own(&json!({}))),
        ("json object", own(&json!({"a": 1, "b": null}))),
        ("json map", own(&Map::from_iter([("a".to_owned(), json!(1))]))),
        ("json number", own(&Number::from(1))),
        ("index map {}", own(&index_map(&[]))),
        ("index map {a, b}", own(&index_map(&[("a", 1), ("b", 2)]))),
        ("index map {b, a}", own(&index_map(&[("b", 2), ("a", 1)]))),
        ("index set {1, 2}", own(&IndexSet::<u8>::from_iter([1, 2]))),
        ("index set {2, 1}", own(&IndexSet::<u8>::from_iter([2, 1]))),
        ("left 1", own(&left)),
        ("right 1", own(&right)),
        ("f16 1", own(&f16::ONE)),
        ("bf16 1", own(&bf16::ONE)),
        ("[f16 1]", own(&[f16::ONE])),
        ("[bf16 1]", own(&[bf16::ONE])),
        ("complex f32", own(&Complex::new(1_f32, 2.0))),
        ("complex f64", own(&Complex::new(1_f64, 2.0))),
        ("complex 2, 1", own(&Complex::new(2_f64, 1.0))),
        ("[complex f32]", own(&[Complex::new(1_f32, 2.0)])),
        ("[complex f64]", own(&[Complex::new(1_f64, 2.0)])),
    ]
}

fn different() -> Vec<(&'static str, Digest)> {
    [moments(), others()].concat()
}

#[test]
fn digests_never_change() {
    let now: String =
        different().iter().map(|(name, digest)| format!("{digest} {name}\n")).collect();
    assert_eq!(now, include_str!("foreign_light.txt"), "all digests are now:\n{now}");
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
fn the_same_content_in_another_container_has_one_digest() {
    let bytes = own(&vec![1_u8, 2, 3]);
    assert_eq!(own(&Bytes::from(vec![1, 2, 3])), bytes);
    assert_eq!(own(&BytesMut::from(&[1, 2, 3][..])), bytes);
    assert_eq!(own(&Bytes::from(vec![0, 1, 2, 3, 4]).slice(1..4)), bytes);

    let inline: SmallVec<[u32; 4]> = smallvec![1, 2, 3];
    let spilled: SmallVec<[u32; 1]> = smallvec![1, 2, 3];
    assert_eq!(own(&inline), own(&vec![1_u32, 2, 3]));
    assert_eq!(own(&spilled), own(&inline));
    let words: SmallVec<[String; 2]> = smallvec!["a".to_owned()];
    assert_eq!(own(&words), own(&vec!["a"]));

    let reversed: Map<String, Value> =
        [("b", Value::Null), ("a", json!(1))].map(|(k, v)| (k.to_owned(), v)).into_iter().collect();
    assert_eq!(own(&Value::Object(reversed)), own(&json!({"a": 1, "b": null})));
    assert_eq!(own(&json!(1_u8)), own(&json!(1_i64)));
    assert_eq!(own(&posix()), own(&posix()));
}

#[test]
fn large_lists_of_halves_and_complex_numbers_are_told_apart_in_every_element() {
    let digest = |strategy, value: &dyn Fn(&mut ContentHasher)| {
        let mut hasher = ContentHasher::new(strategy);
        value(&mut hasher);
        hasher.finish().unwrap()
    };
    for strategy in [Strategy::Exact, Strategy::Fast] {
        let mut halves = vec![f16::ONE; 70_000];
        let mut pairs = vec![Complex::new(1.0_f32, 2.0); 70_000];
        let before = [
            digest(strategy, &|hasher| halves.content_hash(hasher)),
            digest(strategy, &|hasher| pairs.content_hash(hasher)),
        ];
        halves[69_998] = f16::ZERO;
        pairs[69_998].im = 3.0;
        assert_ne!(digest(strategy, &|hasher| halves.content_hash(hasher)), before[0]);
        assert_ne!(digest(strategy, &|hasher| pairs.content_hash(hasher)), before[1]);
    }
}

#[test]
fn a_value_that_is_deeply_nested_is_hashed() {
    let mut value = Value::Null;
    let mut sides: Either<u8, Box<Value>> = Either::Left(1);
    for _ in 0..100_000 {
        value = Value::Array(vec![value]);
    }
    let first = own(&value);
    sides = sides.map_right(|_| Box::new(Value::Null));
    assert_ne!(own(&sides), first);
    // Its own drop would recurse.
    while let Value::Array(mut inner) = value {
        value = inner.pop().unwrap();
    }
}

#[test]
fn a_reason_for_a_miss_shows_the_values() {
    #[task(cache)]
    fn weekday(day: NaiveDate, options: Value, weights: IndexMap<String, u8>) -> u8 {
        weights.len() as u8 + day.to_string().len() as u8 + options.to_string().len() as u8
    }
    let (session, _) = logged();
    let weights = IndexMap::from([("a".to_owned(), 1)]);
    weekday(date(), json!({"a": [1]}), weights.clone()).run_in(&session).unwrap();
    let next = weekday(date().succ_opt().unwrap(), json!({"a": [1]}), weights);
    let outcome = next.outcome_in(&session).unwrap();
    let reason = outcome.tasks[0].reason.as_ref().expect("it was a miss").to_string();
    assert!(reason.contains("2024, 2, 29") && reason.contains("2024, 3, 1"), "{reason}");
}

/// Writes and reads a value in each of its formats: nothing that a task could see is another one then.
fn comes_back<T>(value: &T)
where
    T: ContentHash + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let registry = Registry::new();
    for format in registry.formats::<T>() {
        let bytes = registry.serialize(value, Some(&format)).unwrap();
        let back: T = registry.deserialize(&bytes, &format).unwrap();
        assert_eq!(own(&back), own(value), "as {format}: {}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn every_format_of_every_type_gives_back_what_it_was_given() {
    comes_back(&date());
    comes_back(&NaiveDate::MIN);
    comes_back(&time());
    comes_back(&date().and_time(time()));
    comes_back(&east(0).to_utc());
    comes_back(&east(0));
    comes_back(&east(-5));
    comes_back(&TimeDelta::MIN);
    comes_back(&Weekday::Sun);
    comes_back(&Month::December);

    comes_back(&Timestamp::MAX);
    comes_back(&Date::MIN);
    comes_back(&Time::MAX);
    comes_back(&CivilDateTime::MAX);
    comes_back(&all_units());
    comes_back(&-all_units());
    comes_back(&Span::new());
    comes_back(&SignedDuration::MIN);
    comes_back(&zoned(JiffZone::UTC));
    comes_back(&zoned(JiffZone::fixed(Offset::constant(1))));

    comes_back(&Uuid::max());
    comes_back(&Decimal::new(100, 2));
    comes_back(&Decimal::MAX);
    comes_back(&json!({"a": [1, -1, 0.1, null, true, "x"], "b": {}}));
    comes_back(&Map::from_iter([("a".to_owned(), json!(u64::MAX))]));
    comes_back(&Number::from(1));
    comes_back(&IndexMap::<String, u8>::from_iter([("b".to_owned(), 1), ("a".to_owned(), 2)]));
    comes_back(&IndexSet::<u8>::from_iter([2, 1]));
    comes_back(&Either::<u8, String>::Left(1));
    comes_back(&Either::<u8, String>::Right(String::new()));
    let numbers: SmallVec<[u64; 2]> = smallvec![1, 2, 3];
    comes_back(&numbers);
    comes_back(&SmallVec::<[u64; 2]>::new());
    comes_back(&Complex::new(1.5_f64, -0.0));
    comes_back(&f16::EPSILON);
    comes_back(&bf16::MAX);
}

#[test]
fn bytes_are_stored_as_they_are() {
    for content in [&b""[..], b"\0\xff", &[7; 100_000]] {
        let format = &Bytes::formats()[0];
        assert_eq!((format.name(), format.extension()), ("raw", "bin"));
        assert_eq!(format.encode(&Bytes::from_static(b"ab")).unwrap(), b"ab");
        let bytes = format.encode(&Bytes::copy_from_slice(content)).unwrap();
        assert_eq!(bytes, content);
        assert_eq!(format.decode(&bytes).unwrap(), content);
        let format = &BytesMut::formats()[0];
        assert_eq!(
            format.decode(&format.encode(&BytesMut::from(content)).unwrap()).unwrap(),
            content
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_moment_comes_back(seconds in -60_000_000_000_i64..60_000_000_000, below in 0_u32..1_000_000_000, hours in -23_i32..24) {
        let zone = FixedOffset::east_opt(hours * 3600).unwrap();
        let moment = DateTime::from_timestamp(seconds, below).unwrap().with_timezone(&zone);
        comes_back(&moment);
        comes_back(&moment.naive_local());
        let moment = Timestamp::new(seconds, below as i32).unwrap();
        comes_back(&moment);
        comes_back(&moment.to_zoned(JiffZone::fixed(Offset::constant(hours as i8))));
    }

    #[test]
    fn any_number_and_id_comes_back(id in any::<u128>(), mantissa in any::<i64>(), scale in 0_u32..20, float in any::<f64>()) {
        comes_back(&Uuid::from_u128(id));
        comes_back(&Decimal::new(mantissa, scale));
        comes_back(&json!({"float": float, "whole": mantissa}));
    }

    #[test]
    fn equal_numbers_and_ids_have_equal_digests_and_others_do_not(a in -3_i64..3, b in -3_i64..3, scale in 0_u32..2) {
        let same = |left: Digest, right: Digest| assert_eq!(left == right, a == b);
        same(own(&Decimal::new(a, scale)), own(&Decimal::new(b, scale)));
        same(own(&json!([a])), own(&json!([b])));
        same(own(&TimeDelta::nanoseconds(a)), own(&TimeDelta::nanoseconds(b)));
        same(own(&SignedDuration::from_secs(a)), own(&SignedDuration::from_secs(b)));
        same(own(&Span::new().days(a)), own(&Span::new().days(b)));
    }
}

/// What chrono has, in and out.
type Moments = (NaiveDate, NaiveTime, NaiveDateTime, DateTime<Utc>, DateTime<FixedOffset>);

#[task(cache)]
fn chrono_task(
    moments: Moments,
    delta: TimeDelta,
    weekday: Weekday,
) -> (Moments, TimeDelta, Weekday) {
    (moments, delta, weekday)
}

#[task(cache)]
fn jiff_task(moment: Zoned, span: Span, date: Date) -> (Zoned, Span, Date, Timestamp) {
    let timestamp = moment.timestamp();
    (moment, span, date, timestamp)
}

#[task(cache)]
fn bytes_task(buffer: &Bytes, more: BytesMut) -> Bytes {
    [&buffer[..], &more[..]].concat().into()
}

#[task(cache)]
fn json_task(options: &Value, id: Uuid, price: Decimal) -> Value {
    json!({"options": options, "id": id.to_string(), "price": price.to_string()})
}

type Collections = (IndexMap<String, u8>, SmallVec<[u16; 4]>, Either<u8, String>);

#[task(cache)]
fn collections_task(
    weights: IndexMap<String, u8>,
    numbers: SmallVec<[u16; 4]>,
    side: Either<u8, String>,
) -> Collections {
    (weights, numbers, side)
}

#[task(cache)]
fn numbers_task(half: f16, signal: Vec<Complex<f64>>) -> (f16, Vec<Complex<f64>>) {
    (half, signal)
}

/// Runs the same question in two sessions on one folder: the first computes, the second does not, and both say the same.
fn hits_in_a_second_session<T: Clone + ContentHash + Send + Sync + 'static>(
    ask: impl Fn() -> TaskFuture<T>,
) {
    let folder = tempfile::tempdir().unwrap();
    let answers = [0, 1].map(|hits| {
        let cache = FileStore::builder(folder.path()).open().unwrap();
        let session = Session::builder().cache(cache).build().unwrap();
        let outcome = ask().outcome_in(&session).unwrap();
        assert_eq!((outcome.summary.hits, outcome.summary.computed), (hits, 1 - hits));
        own(&outcome.value)
    });
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn tasks_take_and_give_values_of_all_the_crates_and_hit_in_a_second_session() {
    let moment = date().and_time(time());
    let moments = (date(), time(), moment, moment.and_utc(), east(1));
    hits_in_a_second_session(|| chrono_task(moments, TimeDelta::MAX, Weekday::Tue));
    let date = Date::constant(2024, 2, 29);
    hits_in_a_second_session(|| jiff_task(zoned(JiffZone::UTC), all_units(), date));
    hits_in_a_second_session(|| bytes_task(Bytes::from_static(b"a"), BytesMut::from("b")));
    let price = Decimal::new(100, 2);
    hits_in_a_second_session(|| json_task(json!({"a": [1.5]}), Uuid::from_u128(7), price));
    let weights = IndexMap::from([("b".to_owned(), 1), ("a".to_owned(), 2)]);
    let numbers: SmallVec<[u16; 4]> = smallvec![1, 2, 3, 4, 5];
    hits_in_a_second_session(|| {
        collections_task(weights.clone(), numbers.clone(), Either::Right("x".to_owned()))
    });
    let signal = vec![Complex::new(f64::from_bits(0x7ff8_0000_0000_0001), -0.0)];
    hits_in_a_second_session(|| numbers_task(f16::NEG_ZERO, signal.clone()));
}

#[test]
fn a_zone_that_has_no_name_has_no_digest() {
    const INSIDE: &str = "DAGLITE_TEST_ZONE_WITHOUT_A_NAME";
    if std::env::var_os(INSIDE).is_some() {
        let error = content_digest(&JiffZone::system()).unwrap_err().to_string();
        return assert!(error.contains("has no name"), "{error}");
    }
    // Only a machine has such a zone: this test again, on a machine that is told of a file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("localtime");
    std::fs::write(&file, zone_file()).unwrap();
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "a_zone_that_has_no_name_has_no_digest"]);
    let output = again.env(INSIDE, "1").env("TZ", file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
