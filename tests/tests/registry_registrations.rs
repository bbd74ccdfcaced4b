//! What is registered for a type is found by every thread, for types without serde too, and is replaced on purpose only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use daglite::prelude::*;
use daglite::store::CacheStore;
use daglite::{ErrorKind, HasFormat, MemoryStore, Strategy};
use daglite_tests::logged_with;
use serde::{Deserialize, Serialize};

/// Serde does not know it, and it has no formats of its own.
#[derive(Debug, PartialEq)]
struct Opaque(u8);

fn as_byte(name: &'static str, plus: u8) -> Format<Opaque> {
    Format::new(
        name,
        "bin",
        move |value: &Opaque| Ok(vec![value.0.wrapping_add(plus)]),
        move |bytes| match bytes {
            [byte] => Ok(Opaque(byte.wrapping_sub(plus))),
            _ => Err("it is not one byte".into()),
        },
    )
}

/// It brings its own formats.
#[derive(Debug, PartialEq)]
struct Own(u8);

impl HasFormat for Own {
    fn formats() -> Vec<Format<Self>> {
        let digits = |bytes: &[u8]| Ok(Self(std::str::from_utf8(bytes)?.parse()?));
        let byte = |bytes: &[u8]| Ok(Self(*bytes.first().ok_or("it is empty")?));
        vec![
            Format::new("byte", "bin", |own: &Self| Ok(vec![own.0]), byte),
            Format::new("digits", "txt", |own: &Self| Ok(own.0.to_string().into_bytes()), digits),
        ]
    }
}

#[test]
fn a_type_without_serde_is_used_by_the_names_that_were_registered() {
    let registry = Registry::new();
    registry.register(as_byte("one", 1)).unwrap();
    registry.register(as_byte("two", 2)).unwrap();
    let opaque = registry.registered::<Opaque>();
    assert_eq!(opaque.names(), ["one", "two"]);
    assert_eq!(opaque.extension(None).unwrap(), "bin");
    assert_eq!(opaque.serialize(&Opaque(7), None).unwrap(), [8], "the first is the default");
    assert_eq!(opaque.deserialize(&[9], "two").unwrap(), Opaque(7));

    opaque.set_default("two").unwrap();
    assert_eq!(opaque.names(), ["two", "one"]);
    assert_eq!(opaque.serialize(&Opaque(7), None).unwrap(), [9]);
    assert!(format!("{opaque:?}").contains(r#"Opaque", ["two", "one"]"#), "{opaque:?}");
}

#[test]
fn a_type_without_formats_is_named_with_the_call_to_make() {
    let registry = Registry::new();
    let told = |error: daglite::Error| {
        assert_eq!(error.kind(), ErrorKind::Format);
        error.to_string()
    };
    let opaque = registry.registered::<Opaque>();
    let call = "call `Registry::register::<registry_registrations::Opaque>(…)`";
    let error = told(opaque.serialize(&Opaque(7), None).unwrap_err());
    assert_eq!(error, format!("`registry_registrations::Opaque` has no format: {call}"));
    let error = told(opaque.deserialize(&[7], "one").unwrap_err());
    assert_eq!(error, format!("`registry_registrations::Opaque` has no format `one`: {call}"));
    assert!(told(opaque.extension(None).unwrap_err()).contains(call));
    assert!(told(opaque.set_default("one").unwrap_err()).contains("register it first"));
    assert!(opaque.names().is_empty());
    let error = opaque.hash_value(&Opaque(7)).unwrap_err().to_string();
    assert!(error.contains("call `Registry::register_hash::<registry_registrations::Opaque>(…)`"));

    registry.register(as_byte("one", 1)).unwrap();
    let error = told(opaque.serialize(&Opaque(7), Some("two")).unwrap_err());
    assert!(error.contains("has no format `two`: use one of `one`, or register it"), "{error}");
    let error = told(opaque.deserialize(&[1, 2], "one").unwrap_err());
    assert!(error.contains("cannot decode a `registry_registrations::Opaque` from one"), "{error}");
}

#[test]
fn a_type_with_its_own_formats_is_used_by_their_names_and_by_registered_ones() {
    let registry = Registry::new();
    let own = registry.own::<Own>();
    assert_eq!(own.names(), ["byte", "digits"]);
    assert_eq!(own.serialize(&Own(7), None).unwrap(), [7]);
    assert_eq!(own.serialize(&Own(7), Some("digits")).unwrap(), b"7");
    assert_eq!(own.extension(Some("digits")).unwrap(), "txt");
    assert_eq!(own.deserialize(b"7", "digits").unwrap(), Own(7));
    let error = own.deserialize(b"seven", "digits").unwrap_err();
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());

    own.set_default("digits").unwrap();
    assert_eq!(own.names(), ["digits", "byte"]);
    assert_eq!(own.serialize(&Own(7), None).unwrap(), b"7");
    assert!(registry.set_default_format::<Own>("digits").is_err(), "it is not registered");

    let constant = Format::new("byte", "one", |_: &Own| Ok(vec![1]), |_| Ok(Own(1)));
    assert!(registry.replace(constant).is_none());
    assert_eq!(own.names(), ["digits", "byte"]);
    assert_eq!(own.serialize(&Own(7), Some("byte")).unwrap(), [1]);
}

#[test]
fn registering_a_name_twice_is_refused_and_nothing_is_lost() {
    let registry = Registry::new();
    registry.register(as_byte("one", 1)).unwrap();
    registry.registered::<Opaque>().set_default("one").unwrap();
    let error = registry.register(as_byte("one", 2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert_eq!(
        error.to_string(),
        "the format `one` of `registry_registrations::Opaque` is registered already: call `Registry::replace` to put \
         another in its place"
    );
    let opaque = registry.registered::<Opaque>();
    assert_eq!(opaque.serialize(&Opaque(7), None).unwrap(), [8]);

    let before = registry.replace(as_byte("one", 2)).unwrap();
    assert_eq!(before.encode(&Opaque(7)).unwrap(), [8]);
    assert_eq!(opaque.serialize(&Opaque(7), None).unwrap(), [9]);
    assert_eq!(opaque.names(), ["one"]);
}

#[test]
fn a_built_in_format_is_replaced_on_purpose_only() {
    let registry = Registry::new();
    let constant = |name: &'static str| {
        Format::new(name, "one", |_: &Vec<u8>| Ok(vec![1]), |_| Ok(vec![1_u8]))
    };
    for name in ["raw", "postcard", "json"] {
        let error = registry.register(constant(name)).unwrap_err().to_string();
        assert!(
            error.contains(&format!("the format `{name}` of `alloc::vec::Vec<u8>` is built in"))
        );
        assert!(registry.replace(constant(name)).is_none());
        assert_eq!(registry.serialize(&vec![7_u8], Some(name)).unwrap(), [1]);
    }
    assert_eq!(registry.formats::<Vec<u8>>(), ["raw", "postcard", "json"]);
    let raw = Format::new("raw", "one", |_: &String| Ok(vec![1]), |_| Ok(String::new()));
    registry.register(raw).expect("text has no built-in format of that name");
}

#[test]
fn a_hash_is_replaced_on_purpose_only() {
    let registry = Registry::new();
    registry.register_hash(|value: &Opaque, hasher| hasher.u8(value.0 % 10)).unwrap();
    for refused in [
        registry.register_hash(|_: &Opaque, hasher| hasher.unit()),
        registry.register_hash(|value: &Opaque, hasher| hasher.u8(value.0)),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("call `Registry::replace_hash` to set another one"));
    }
    let hash = |byte| registry.registered().hash_value(&Opaque(byte)).unwrap();
    assert_eq!(hash(1), hash(11));
    assert_ne!(hash(1), hash(2));
    assert!(registry.replace_hash(|value: &Opaque, hasher| hasher.u8(value.0)));
    assert_ne!(hash(1), hash(11));
    assert!(!registry.replace_hash(|_: &Own, hasher| hasher.unit()));
}

#[task(cache)]
fn sum(values: Vec<f64>) -> f64 {
    values.iter().sum()
}

#[test]
fn a_strategy_is_chosen_as_the_program_runs_and_is_part_of_the_key() {
    let values = vec![0.5_f64; 1 << 20];
    let store: Arc<dyn CacheStore> = Arc::new(MemoryStore::new());
    let mut digests = Vec::new();
    for strategy in [Strategy::Sampled, Strategy::Exact] {
        let registry = Registry::new();
        registry.set_hash_strategy::<Vec<f64>>(strategy);
        digests.push(registry.hash_value(&values).unwrap());
        digests.push(registry.clone().hash_value(&values).unwrap());

        let builder = Session::builder().cache(Arc::clone(&store)).registry(&registry);
        let (session, log) = logged_with(builder);
        for _ in 0..2 {
            sum(values.clone()).run_in(&session).unwrap();
        }
        assert_eq!((log.count("computed"), log.count("hit")), (1, 1), "{strategy:?}");
    }
    let [sampled, again, exact, ..] = digests[..] else { unreachable!("there are four") };
    assert_eq!(sampled, again);
    assert_ne!(sampled, exact);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flight {
    carrier: String,
    number: u32,
}

#[test]
fn a_decoding_error_says_format_type_and_place() {
    let registry = Registry::new();
    let flight = Flight { carrier: "UA".into(), number: 1545 };
    let told = |bytes: &[u8], format: &str| {
        let error = registry.deserialize::<Flight>(bytes, format).unwrap_err().to_string();
        let start = format!("cannot decode a `registry_registrations::Flight` from {format}: ");
        error.strip_prefix(&start).unwrap_or_else(|| panic!("{error}")).to_owned()
    };
    let mut postcard = registry.serialize(&flight, Some("postcard")).unwrap();
    postcard.truncate(4);
    assert!(told(&postcard, "postcard").starts_with("at byte 4 of 4: "));
    postcard[1] = 0xff;
    assert!(told(&postcard, "postcard").starts_with("at byte 3 of 4: "));
    assert!(told(b"{\"carrier\":\"UA\",\n\"number\":true}", "json").contains("line 2 column 13"));

    let error = registry.deserialize::<Vec<f64>>(&[0; 13], "raw").unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot decode a `alloc::vec::Vec<f64>` from raw: 13 bytes are no whole number of `f64`: 5 are left over after \
         byte 8"
    );
}

#[test]
fn readers_find_what_is_there_while_others_register() {
    let registry = Registry::new();
    registry.register(as_byte("byte", 0)).unwrap();
    registry.register_hash(|value: &Opaque, hasher| hasher.u8(value.0)).unwrap();
    let hash = registry.registered().hash_value(&Opaque(7)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let opaque = registry.registered::<Opaque>();
                    let mut most = 0;
                    while !done.load(Ordering::Acquire) {
                        let names = opaque.names();
                        assert!(names.len() >= most, "what was seen is seen again");
                        most = names.len();
                        assert_eq!(names[0], "byte");
                        // Registered while it is read: the old one or the new one, and never none.
                        let bytes = opaque.serialize(&Opaque(7), Some("byte")).unwrap();
                        assert!(matches!(bytes[..], [7 | 8]), "{bytes:?}");
                        assert_eq!(opaque.hash_value(&Opaque(7)).unwrap(), hash);
                    }
                    most
                })
            })
            .collect();
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let registry = &registry;
                scope.spawn(move || {
                    for at in 0..200 {
                        let name = format!("{writer} {at}");
                        let decode = |_: &[u8]| Ok(Opaque(0));
                        let format = Format::new(name, "bin", |_: &Opaque| Ok(vec![]), decode);
                        registry.register(format).unwrap();
                        assert!(registry.replace(as_byte("byte", at % 2)).is_some());
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().unwrap() <= 401);
        }
    });
    assert_eq!(registry.registered::<Opaque>().names().len(), 401, "no registration is lost");
}

#[test]
fn a_registry_shows_how_much_is_in_it() {
    let registry = Registry::default();
    registry.register(as_byte("one", 1)).unwrap();
    let shown = format!("{:?}", registry.clone());
    assert_eq!(shown, "Registry { types_with_formats: 1, types_with_hashes: 0 }");
}

#[test]
fn what_a_registry_knows_of_a_type_is_copied_though_its_values_cannot_be() {
    let registry = Registry::new();
    registry.register(as_byte("one", 1)).unwrap();
    let opaque = registry.registered::<Opaque>();
    let copies = [opaque, Clone::clone(&opaque)];
    assert_eq!(copies.map(|copy| copy.names()), [["one"], ["one"]]);
}

#[test]
fn a_vector_of_any_numbers_is_hashed_in_bulk_as_it_hashes_itself() {
    macro_rules! check {
        ($($type:ty)*) => {$(
            let mut numbers: Vec<$type> = (0..150_000_u32).map(|n| (n % 100) as $type).collect();
            let exact = Registry::new().hash_value(&numbers).unwrap();
            assert_eq!(exact, daglite::content_digest(&numbers).unwrap(), stringify!($type));
            // Only bulk data is sampled: a change in the middle of so much is not seen.
            let registry = Registry::new();
            registry.set_hash_strategy::<Vec<$type>>(Strategy::Sampled);
            let sampled = registry.hash_value(&numbers).unwrap();
            assert_ne!(sampled, exact, "{}", stringify!($type));
            numbers[0] += 1 as $type;
            assert_ne!(registry.hash_value(&numbers).unwrap(), sampled);
        )*};
    }
    check! { u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 }
}

#[task(cache, cache_hash_params(values = registry))]
fn as_registered(values: Vec<f64>) -> f64 {
    values[0]
}

/// Whether two vectors that differ only between the blocks of a sample are one to the task.
fn misses_the_middle(registry: &Registry, task: fn(Vec<f64>) -> TaskFuture<f64>) -> bool {
    let (session, log) =
        logged_with(Session::builder().cache(MemoryStore::new()).registry(registry));
    let one = vec![0.5_f64; 1 << 20];
    task(one.clone()).run_in(&session).unwrap();
    // One number in 2^20 is in the sample with a chance of 1 %; the places of the blocks are the same each time.
    let mut other = one;
    other[(1 << 19) + 77] = 0.25;
    task(other).run_in(&session).unwrap();
    log.count("hit") == 1
}

#[test]
fn a_registered_strategy_is_for_parameters_that_ask_the_registry_and_a_set_one_for_all_of_the_type()
{
    let (sampled, exact) = (Strategy::Sampled, Strategy::Exact);
    let set = Registry::new();
    set.set_hash_strategy::<Vec<f64>>(sampled);
    assert!(misses_the_middle(&set, |values| sum(values)));

    let registered = Registry::new();
    registered.register_strategy::<Vec<f64>>(sampled).unwrap();
    assert!(misses_the_middle(&registered, |values| as_registered(values)));
    assert!(!misses_the_middle(&registered, |values| sum(values)), "it asks nobody");
    assert_eq!(
        registered.register_strategy::<Vec<f64>>(exact).unwrap_err().kind(),
        ErrorKind::Config
    );

    // Both: what is registered counts more where the registry is asked, in `hash_value` too.
    let both = Registry::new();
    both.set_hash_strategy::<Vec<f64>>(sampled);
    both.register_strategy::<Vec<f64>>(exact).unwrap();
    assert!(misses_the_middle(&both, |values| sum(values)));
    assert!(!misses_the_middle(&both, |values| as_registered(values)));
    let numbers = vec![0.5_f64; 1 << 20];
    assert_eq!(both.hash_value(&numbers).unwrap(), Registry::new().hash_value(&numbers).unwrap());
    assert_ne!(both.hash_value(&numbers).unwrap(), set.hash_value(&numbers).unwrap());

    // A function of the user's reads bulk data as was set for its type.
    let own = Registry::new();
    own.register_hash(|values: &Vec<f64>, hasher| values.content_hash(hasher)).unwrap();
    assert!(!misses_the_middle(&own, |values| as_registered(values)));
    own.set_hash_strategy::<Vec<f64>>(sampled);
    assert!(misses_the_middle(&own, |values| as_registered(values)));
}
