//! What `#[derive(ContentHash)]` makes count, for every form of type.

use std::collections::HashMap;
use std::marker::PhantomData;

use daglite::{ContentHash, Digest, content_digest};

fn digest(value: &impl ContentHash) -> Digest {
    content_digest(value).unwrap()
}

/// Each module has a type of the same Rust name that differs in one thing.
macro_rules! variations {
    ($($module:ident { $($item:tt)* } $value:expr;)*) => {$(
        mod $module {
            use daglite::ContentHash;
            #[derive(ContentHash)]
            $($item)*
            pub(super) fn digest() -> super::Digest {
                super::digest(&$value)
            }
        }
    )*};
}

variations! {
    named { struct S { a: u8, b: u8 } } S { a: 1, b: 2 };
    swapped { struct S { b: u8, a: u8 } } S { b: 2, a: 1 };
    field_renamed { struct S { a: u8, c: u8 } } S { a: 1, c: 2 };
    retyped { struct S { a: u8, b: u16 } } S { a: 1, b: 2 };
    unnamed { struct S(u8, u8); } S(1, 2);
    type_renamed { struct T { a: u8, b: u8 } } T { a: 1, b: 2 };
    unit { struct S; } S;
    empty_tuple { struct S(); } S();
    variant_unit { enum E { A, #[allow(dead_code)] B } } E::A;
    variant_moved { enum E { #[allow(dead_code)] B, A } } E::A;
    variant_tuple { enum E { A(u8) } } E::A(1);
    variant_pair { enum E { A(u8, u8) } } E::A(1, 2);
    variant_struct { enum E { A { a: u8 } } } E::A { a: 1 };
    variant_renamed { enum E { C(u8) } } E::C(1);
    variant_without_parts { enum E { A() } } E::A();
    variant_without_fields { enum E { A {} } } E::A {};
    of_the_variants_name { struct A(u8); } A(1);
    enum_renamed { enum F { A(u8) } } F::A(1);
    names_run_together { struct S { ab: u8, c: u8 } } S { ab: 1, c: 2 };
    names_cut_elsewhere { struct S { a: u8, bc: u8 } } S { a: 1, bc: 2 };
}

#[test]
fn every_part_of_a_definition_counts() {
    let all = [
        ("named", named::digest()),
        ("swapped", swapped::digest()),
        ("field_renamed", field_renamed::digest()),
        ("retyped", retyped::digest()),
        ("unnamed", unnamed::digest()),
        ("type_renamed", type_renamed::digest()),
        ("unit", unit::digest()),
        ("empty_tuple", empty_tuple::digest()),
        ("variant_unit", variant_unit::digest()),
        ("variant_moved", variant_moved::digest()),
        ("variant_tuple", variant_tuple::digest()),
        ("variant_pair", variant_pair::digest()),
        ("variant_struct", variant_struct::digest()),
        ("variant_renamed", variant_renamed::digest()),
        ("variant_without_parts", variant_without_parts::digest()),
        ("variant_without_fields", variant_without_fields::digest()),
        ("of_the_variants_name", of_the_variants_name::digest()),
        ("enum_renamed", enum_renamed::digest()),
        ("names_run_together", names_run_together::digest()),
        ("names_cut_elsewhere", names_cut_elsewhere::digest()),
    ];
    for (index, (name, digest)) in all.iter().enumerate() {
        for (other_name, other) in &all[..index] {
            assert_ne!(digest, other, "`{name}` and `{other_name}` share a digest");
        }
    }
}

#[derive(ContentHash)]
struct Generic<'a, T, U: Copy, const N: usize>
where
    T: 'a,
{
    lent: &'a [T],
    array: [U; N],
    nothing: PhantomData<U>,
}

/// The digest of a derived value, as the docs of the format have it: of these texts, and of these bytes of its fields.
fn documented(texts: &[&str], fields: &[u8]) -> Digest {
    let mut form = b"daglite derived v1".to_vec();
    for text in texts {
        form.extend((text.len() as u64).to_le_bytes());
        form.extend(text.as_bytes());
    }
    let id = &Digest::of_bytes(&form).as_bytes()[..16].to_vec();
    Digest::of_bytes(&[b"daglite content v1\x4c", &id[..], fields].concat())
}

#[test]
fn the_stream_of_a_derived_type_is_the_one_in_the_docs() {
    let fields = [0x10, 1, 0x10, 2];
    assert_eq!(named::digest(), documented(&["S", "struct", "2", "a", "b"], &fields));
    assert_eq!(unnamed::digest(), documented(&["S", "tuple struct", "2"], &fields));
    assert_eq!(unit::digest(), documented(&["S", "struct", "0"], &[]));
    let empty = ["E", "0", "A", "unit variant", "0"];
    assert_eq!(variant_unit::digest(), documented(&empty, &[]));
    let pair = ["E", "0", "A", "tuple variant", "2"];
    assert_eq!(variant_pair::digest(), documented(&pair, &fields));
    let named = ["E", "0", "A", "struct variant", "1", "a"];
    assert_eq!(variant_struct::digest(), documented(&named, &fields[..2]));
}

#[test]
fn generic_types_hash_their_parts() {
    let make = |lent, array| digest(&Generic { lent, array, nothing: PhantomData });
    let one = make(&["a"], [1_u8, 2]);
    assert_eq!(one, make(&["a"], [1, 2]));
    assert_ne!(one, make(&["b"], [1, 2]));
    assert_ne!(one, make(&["a"], [1, 3]));
}

#[derive(ContentHash)]
enum List {
    End,
    Node(u32, Box<List>),
}

#[test]
fn recursive_types_hash_all_the_way_down() {
    let list = |last| List::Node(1, Box::new(List::Node(last, Box::new(List::End))));
    assert_eq!(digest(&list(2)), digest(&list(2)));
    assert_ne!(digest(&list(2)), digest(&list(3)));
}

/// A type of another crate: serde knows it, daglite does not.
#[derive(serde::Serialize)]
struct Foreign {
    seed: u32,
}

/// Cannot be hashed at all.
struct Opaque;

#[derive(ContentHash)]
struct Mixed {
    own: HashMap<String, u8>,
    #[content_hash(serde)]
    foreign: Foreign,
    #[content_hash(skip)]
    _opaque: Opaque,
    r#type: u8,
}

#[test]
fn a_field_can_be_left_out_or_hashed_by_serde() {
    let make = |seed, kind| {
        digest(&Mixed {
            own: HashMap::new(),
            foreign: Foreign { seed },
            _opaque: Opaque,
            r#type: kind,
        })
    };
    assert_eq!(make(1, 2), make(1, 2));
    assert_ne!(make(1, 2), make(2, 2));
    assert_ne!(make(1, 2), make(1, 3));
}

#[derive(ContentHash)]
enum Never {}

#[test]
fn a_type_without_values_derives() {
    assert_eq!(digest(&None::<Never>), digest(&None::<u8>));
}

mod elsewhere {
    pub(super) mod renamed {
        pub(crate) use daglite::{ContentHash, ContentHasher};
    }
}

mod hostile {
    //! The derive names everything in full: nothing here can stand in for it.
    #![allow(dead_code, non_camel_case_types)]

    struct Option;
    struct Result;
    trait Clone {}
    mod core {}
    mod std {}
    mod daglite {}

    #[derive(::daglite::ContentHash)]
    #[content_hash(crate = crate::elsewhere::renamed)]
    pub(super) struct Here<T> {
        pub(super) value: T,
    }

    macro_rules! define {
        ($name:ident, $type:ty) => {
            #[derive(::daglite::ContentHash)]
            pub(super) struct $name {
                pub(super) value: $type,
            }
        };
    }
    define!(FromMacro, u8);
}

#[test]
fn the_derive_works_under_another_name_and_among_hostile_ones() {
    assert_eq!(digest(&hostile::Here { value: 1 }), digest(&hostile::Here { value: 1 }));
    assert_ne!(digest(&hostile::Here { value: 1 }), digest(&hostile::Here { value: 2 }));
    assert_ne!(digest(&hostile::FromMacro { value: 1 }), digest(&hostile::FromMacro { value: 2 }));
}

/// Has no hash.
struct Hidden(u8);

fn lower(text: &str, hasher: &mut daglite::ContentHasher) {
    hasher.str(&text.to_lowercase());
}

fn opaque<T>(value: &Option<T>, hasher: &mut daglite::ContentHasher) {
    hasher.bool(value.is_some());
}

#[derive(ContentHash)]
struct Word<T> {
    #[content_hash(with = lower)]
    text: String,
    #[content_hash(with = opaque)]
    extra: Option<T>,
    #[content_hash(skip)]
    _skipped: Option<T>,
    _kind: PhantomData<T>,
}

fn word(text: &str, extra: Option<Hidden>) -> Word<Hidden> {
    let skipped = Some(Hidden(text.len() as u8));
    assert!(skipped.as_ref().is_some_and(|opaque| opaque.0 > 0));
    Word { text: text.into(), extra, _skipped: skipped, _kind: PhantomData }
}

#[test]
fn a_field_counts_as_its_function_says() {
    assert_eq!(digest(&word("A", None)), digest(&word("a", None)));
    assert_ne!(digest(&word("A", None)), digest(&word("b", None)));
    assert_ne!(digest(&word("a", None)), digest(&word("a", Some(Hidden(1)))));
}

#[derive(ContentHash)]
#[content_hash(transparent)]
struct Meters<T>(f64, #[content_hash(skip)] PhantomData<T>);

#[derive(ContentHash)]
#[content_hash(transparent)]
struct Label {
    text: String,
}

#[derive(ContentHash)]
#[content_hash(transparent)]
struct Lower {
    #[content_hash(with = lower)]
    text: String,
}

#[test]
fn a_transparent_struct_is_its_field() {
    assert_eq!(digest(&Meters::<Hidden>(2.0, PhantomData)), digest(&2.0_f64));
    assert_eq!(digest(&Label { text: "a".into() }), digest(&"a"));
    assert_eq!(digest(&Lower { text: "A".into() }), digest(&"a"));
    assert_ne!(digest(&Label { text: "A".into() }), digest(&"a"));
}
