//! What a fingerprint sees of a function, and what it does not.

use syn::{ItemFn, Path};

use crate::canonical::{
    fingerprint, impl_item_digest, item_digest, tokens_digest, trait_item_digest,
};

/// The fingerprint of a function, from its source.
fn of(source: &str) -> [u8; 32] {
    fingerprint(&syn::parse_str::<ItemFn>(source).expect(source), &[])
}

/// Asserts that all sources are the same function.
fn same(sources: &[&str]) {
    for source in sources {
        assert_eq!(of(source), of(sources[0]), "{source}\nis not the same as\n{}", sources[0]);
    }
}

/// Asserts that no two sources are the same function.
fn distinct(sources: &[&str]) {
    for (index, source) in sources.iter().enumerate() {
        for other in &sources[..index] {
            assert_ne!(of(source), of(other), "{source}\nis the same as\n{other}");
        }
    }
}

#[test]
fn the_fingerprint_of_a_known_function_never_changes() {
    let digest = blake3::Hash::from_bytes(of("fn add(a: u32, b: u32) -> u32 { a + b }"));
    // A change here makes every cached result of every user a miss: give the domain in `canonical` a new number.
    assert_eq!(
        digest.to_hex().as_str(),
        "010f89a8b5e359b09f025ce20eea0d447509464cb0aa5c09f61215623c4f02ec"
    );
}

#[test]
fn white_space_and_comments_do_not_count() {
    same(&[
        "fn f(a: u32) -> u32 { let x=-a as i64;x as u32 }",
        "fn f( a : u32 )\n    -> u32\n{\n    // A comment.\n    let x = - a as i64; /* another */\n    x as u32\n}",
    ]);
    same(&[
        "fn f() { g(&&1, ||2, a<b, v::<Vec<Vec<u8>>>()) }",
        "fn f() { g(& &1, | | 2, a < b, v :: < Vec < Vec < u8 > > > ( )) }",
    ]);
    same(&[
        "fn f() { assert!(x==-1); other!(a=-1) }",
        "fn f() { assert!(x == -1); other!(a = -1) }",
    ]);
}

#[test]
fn documentation_does_not_count() {
    same(&[
        "fn f(a: u32) { struct S { a: u8 } }",
        "/// Docs.\n#[doc = \"More.\"] fn f(a: u32) { /** Inner. */ struct S { /// A field.\n a: u8 } }",
        "fn f(a: u32) { //! Inner docs.\n struct S { a: u8 } }",
    ]);
}

#[test]
fn visibility_does_not_count() {
    same(&[
        "fn f() { struct S { a: u8 } fn g() {} }",
        "pub fn f() { struct S { pub a: u8 } pub fn g() {} }",
        "pub(crate) fn f() { pub struct S { a: u8 } fn g() {} }",
    ]);
}

#[test]
fn trailing_separators_do_not_count() {
    let with_and_without = [
        ("fn f(a: u32,) {}", "fn f(a: u32) {}"),
        (
            "fn f<T: A + B +, U,>() where T: C +, U: D, {}",
            "fn f<T: A + B, U>() where T: C, U: D {}",
        ),
        ("fn f() { g(1, 2,) }", "fn f() { g(1, 2) }"),
        ("fn f() { x.g(1,) }", "fn f() { x.g(1) }"),
        ("fn f() { [1, 2,] }", "fn f() { [1, 2] }"),
        ("fn f() { (1, 2,) }", "fn f() { (1, 2) }"),
        ("fn f() { S { a, b: 1, } }", "fn f() { S { a, b: 1 } }"),
        ("fn f() { let S { a, b, } = x; }", "fn f() { let S { a, b } = x; }"),
        ("fn f() { let (a, b,) = x; }", "fn f() { let (a, b) = x; }"),
        ("fn f() { let T(a, b,) = x; }", "fn f() { let T(a, b) = x; }"),
        ("fn f() { let [a, b,] = x; }", "fn f() { let [a, b] = x; }"),
        ("fn f() { let x: (A, B,) = y; }", "fn f() { let x: (A, B) = y; }"),
        ("fn f() { let x: V<A, B,> = y; }", "fn f() { let x: V<A, B> = y; }"),
        (
            "fn f() { let x: Box<dyn Fn(A,) -> B +> = y; }",
            "fn f() { let x: Box<dyn Fn(A) -> B> = y; }",
        ),
        ("fn f() { let x: fn(A, B,) = y; }", "fn f() { let x: fn(A, B) = y; }"),
        ("fn f() { |a, b,| a }", "fn f() { |a, b| a }"),
        ("fn f() { use a::{b, c,}; }", "fn f() { use a::{b, c}; }"),
        (
            "fn f() { enum E { A, B(u8,), C { x: u8, }, } }",
            "fn f() { enum E { A, B(u8), C { x: u8 } } }",
        ),
        ("fn f() { match x { A => 1, B => { 2 }, } }", "fn f() { match x { A => 1, B => { 2 } } }"),
        ("fn f() { vec![1, g(2,),] }", "fn f() { vec![1, g(2)] }"),
        ("fn f() { println!(\"{}\", a,); }", "fn f() { println!(\"{}\", a); }"),
    ];
    for (with, without) in with_and_without {
        same(&[with, without]);
    }
}

#[test]
fn a_comma_that_makes_a_tuple_counts() {
    distinct(&["fn f() { (1) }", "fn f() { (1,) }"]);
    distinct(&["fn f() { let (a) = x; }", "fn f() { let (a,) = x; }"]);
    distinct(&["fn f(a: (A)) {}", "fn f(a: (A,)) {}"]);
}

#[test]
fn a_macro_of_the_users_may_see_any_token() {
    distinct(&[
        "fn f() { my!(1) }",
        "fn f() { my!(1,) }",
        "fn f() { my![1] }",
        "fn f() { my!({ 1 }) }",
    ]);
    distinct(&["fn f() { my!(a && b) }", "fn f() { my!(a & & b) }"]);
}

#[test]
fn every_token_counts() {
    distinct(&[
        "fn f(a: u32) -> u32 { a + 1 }",
        "fn g(a: u32) -> u32 { a + 1 }",
        "fn f(b: u32) -> u32 { a + 1 }",
        "fn f(mut a: u32) -> u32 { a + 1 }",
        "fn f(a: u64) -> u32 { a + 1 }",
        "fn f(a: &u32) -> u32 { a + 1 }",
        "fn f(a: u32) -> u64 { a + 1 }",
        "fn f(a: u32) { a + 1 }",
        "fn f(a: u32, b: u32) -> u32 { a + 1 }",
        "fn f<T>(a: u32) -> u32 { a + 1 }",
        "fn f<'a>(a: u32) -> u32 { a + 1 }",
        "async fn f(a: u32) -> u32 { a + 1 }",
        "#[inline] fn f(a: u32) -> u32 { a + 1 }",
        "fn f(a: u32) -> u32 { a - 1 }",
        "fn f(a: u32) -> u32 { a + 2 }",
        "fn f(a: u32) -> u32 { a + 1u32 }",
        "fn f(a: u32) -> u32 { a + \"1\" }",
        "fn f(a: u32) -> u32 { a + b\"1\" }",
        "fn f(a: u32) -> u32 { a + '1' }",
        "fn f(a: u32) -> u32 { (a + 1) }",
        "fn f(a: u32) -> u32 { { a + 1 } }",
        "fn f(a: u32) -> u32 { a + 1; }",
        "fn f(a: u32) -> u32 { return a + 1 }",
        "fn f(a: u32) -> u32 { a += 1 }",
        "fn f(a: u32) -> u32 { [a + 1] }",
    ]);
}

#[test]
fn the_arrow_that_only_macros_know_is_one_sign() {
    distinct(&["fn f() { my!(a <- b) }", "fn f() { my!(a < - b) }"]);
}

#[test]
fn visibility_inside_a_module_decides_what_a_name_means() {
    distinct(&[
        "fn f() -> u8 { mod m { pub fn x() -> u8 { 1 } } use m::*; x() }",
        "fn f() -> u8 { mod m { fn x() -> u8 { 1 } } use m::*; x() }",
    ]);
}

#[test]
fn documentation_that_a_derive_can_read_counts() {
    distinct(&[
        "fn f() -> &'static str { #[derive(Documented)] #[doc = \"one\"] struct S; S::DOCS }",
        "fn f() -> &'static str { #[derive(Documented)] #[doc = \"two\"] struct S; S::DOCS }",
    ]);
    distinct(&[
        "fn f() { #[derive(Parser)] struct S { #[doc = \"one\"] a: u8 } }",
        "fn f() { #[derive(Parser)] struct S { #[doc = \"two\"] a: u8 } }",
    ]);
}

#[test]
fn a_macro_of_the_users_may_have_a_name_of_the_standard_librarys() {
    distinct(&["fn f() { mine::vec![1,] }", "fn f() { mine::vec![1] }"]);
    same(&["fn f() { std::vec![1,] }", "fn f() { std::vec![1] }"]);
}

#[test]
fn pieces_do_not_run_into_each_other() {
    distinct(&[
        "fn f() { a.b }",
        "fn f() { ab }",
        "fn f() { a::b }",
        "fn f() { a..b }",
        "fn f() { a; b }",
    ]);
    distinct(&[
        "fn f() { g(\"a\", \"b\") }",
        "fn f() { g(\"a, b\") }",
        "fn f() { g(\"a\"); \"b\" }",
    ]);
}

#[test]
fn the_functions_that_hash_the_arguments_count() {
    let function = syn::parse_str::<ItemFn>("fn f(a: u32) {}").expect("a function");
    let path = |text: &str| syn::parse_str::<Path>(text).expect("a path");
    let with = |paths: &[&str]| {
        let paths: Vec<Path> = paths.iter().map(|text| path(text)).collect();
        fingerprint(&function, &paths.iter().collect::<Vec<_>>())
    };
    assert_ne!(with(&[]), with(&["a"]));
    assert_ne!(with(&["a"]), with(&["b"]));
    assert_ne!(with(&["a", "b"]), with(&["a::b"]));
    assert_eq!(with(&["a::<B, C>"]), with(&["a :: < B, C, >"]));
}

#[test]
fn what_rustfmt_changes_in_statements_does_not_count() {
    let pairs = [
        ("fn f() { || { a } }", "fn f() { || a }"),
        ("fn f() { match x { A => { a } B => {{ b }} } }", "fn f() { match x { A => a, B => b } }"),
        ("fn f() { match x { | A | B => a } }", "fn f() { match x { A | B => a } }"),
        ("fn f() { match x { A => { return a; } } }", "fn f() { match x { A => return a } }"),
        ("fn f() -> u8 { return a; }", "fn f() -> u8 { return a }"),
        (
            "fn f() { while a {}; loop { b() }; for c in d {}; e }",
            "fn f() { while a {} loop { b() } for c in d {} e }",
        ),
        ("fn f() { a();; b() }", "fn f() { a(); b() }"),
        ("fn f() { ((a)) }", "fn f() { (a) }"),
        ("fn f() { S { a: a, b: b } }", "fn f() { S { a, b } }"),
        ("fn f() { let x = try!(a); }", "fn f() { let x = a?; }"),
        ("fn f() { r#try!(a); }", "fn f() { a?; }"),
        ("extern fn f() {}", "extern \"C\" fn f() {}"),
        ("fn f() { let X(a, _, _) = b; }", "fn f() { let X(a, ..) = b; }"),
        ("fn f() { (0.).max(a) }", "fn f() { 0.0.max(a) }"),
    ];
    for (left, right) in pairs {
        same(&[left, right]);
    }
}

#[test]
fn braces_semicolons_and_parentheses_with_a_meaning_count() {
    distinct(&["fn f() { || { a; } }", "fn f() { || { a } }", "fn f() { || unsafe { a } }"]);
    distinct(&["fn f() { match x { A => { a; } } }", "fn f() { match x { A => a } }"]);
    distinct(&["fn f() { a }", "fn f() { a; }", "fn f() { return a; }", "fn f() { { a } }"]);
    distinct(&["fn f() { loop { break 1 } }", "fn f() { loop { break 1 }; }"]);
    distinct(&["fn f() { a - (b - c) }", "fn f() { a - b - c }"]);
    distinct(&["fn f() { S { a: b } }", "fn f() { S { a } }", "fn f() { S { a: a.b } }"]);
    distinct(&["extern \"C\" fn f() {}", "extern \"system\" fn f() {}", "fn f() {}"]);
    distinct(&["fn f() { let (a, _, _) = b; }", "fn f() { let (a, ..) = b; }"]);
}

#[test]
fn the_order_and_grouping_of_imports_does_not_count() {
    same(&[
        "fn f() { use a::b; use a::c::{d, self}; use e::f as f; }",
        "fn f() { use e::f; use a::{c::{self, d}, b}; }",
        "fn f() { use {a::{b, c::{self}, c::d}, e::f}; use g::{}; }",
    ]);
    distinct(&["fn f() { use a::b; }", "fn f() { use a::b as c; }", "fn f() { use a::*; }"]);
    distinct(&["fn f() { use a::b; }", "fn f() { use a::b; use a::c; }"]);
    distinct(&[
        "fn f() { #[cfg(x)] use a::b; use c::d; }",
        "fn f() { use a::b; #[cfg(x)] use c::d; }",
    ]);
    same(&["fn f() { mod m { mod b; mod a; } }", "fn f() { mod m { mod a; mod b; } }"]);
}

#[test]
fn literals_count_by_what_they_are() {
    same(&[
        "fn f() { (\"a\\\"b c\", 0xAB, 1.0, 'a', b\"x\") }",
        "fn f() { (r#\"a\"b c\"#, 0xab, 1., '\\u{61}', b\"\\x78\") }",
        "fn f() { (\"a\\\"b \\\n   c\", 0xaB, 1.0, '\\x61', br\"x\") }",
    ]);
    same(&["fn f() { \"a\r\nb\" }", "fn f() { \"a\nb\" }"]);
    distinct(&["fn f() { \"a\\r\\nb\" }", "fn f() { \"a\\nb\" }", "fn f() { \"a b\" }"]);
    distinct(&["fn f() { \"a\tb\" }", "fn f() { \"a    b\" }"]);
    distinct(&[
        "fn f() { 1.0 }",
        "fn f() { 1 }",
        "fn f() { 1.5 }",
        "fn f() { 1.0f32 }",
        "fn f() { 1.0e5 }",
    ]);
    distinct(&["fn f() { \"a\" }", "fn f() { b\"a\" }", "fn f() { c\"a\" }", "fn f() { 'a' }"]);
}

#[test]
fn what_rustfmt_changes_in_the_arguments_of_macros_does_not_count() {
    let pairs = [
        ("fn f() { my!(g(1,), |x| { x }) }", "fn f() { my!(g(1), |x| x) }"),
        (
            "fn f() { my!(match x { A => { a } }, S { a: a, }) }",
            "fn f() { my!(match x { A => a }, S { a }) }",
        ),
        ("fn f() { my![Vec<u8,>, u8] }", "fn f() { my![Vec<u8>, u8] }"),
        ("fn f() { vec!(1, 2,) }", "fn f() { vec![1, 2] }"),
        ("fn f() { my!(a => \"b \\\n c\") }", "fn f() { my!(a => \"b \\\n     c\") }"),
        (
            "fn f() { macro_rules! m { ($a:expr) => ( g($a,) ) } }",
            "fn f() { macro_rules! m { ($a:expr) => { g($a) }; } }",
        ),
    ];
    for (left, right) in pairs {
        same(&[left, right]);
    }
    distinct(&["fn f() { my! { g(1,) } }", "fn f() { my! { g(1) } }"]);
    distinct(&["fn f() { my!(a => g(1,)) }", "fn f() { my!(a => g(1)) }"]);
    distinct(&["fn f() { stringify!(g(1,)) }", "fn f() { stringify!(g(1)) }"]);
    distinct(&["fn f() { my!(\"a\") }", "fn f() { my!(\"b\") }", "fn f() { my!(\"a\",) }"]);
    distinct(&[
        "fn f() { macro_rules! m { ($a:expr) => { g($a) } } }",
        "fn f() { macro_rules! m { ($a:expr) => { g(a) } } }",
        "fn f() { macro_rules! m { ($a:expr) => { g(-$a) } } }",
        "fn f() { macro_rules! m { ($a:ident) => { g($a) } } }",
    ]);
}

#[test]
fn derives_in_a_row_are_one() {
    same(&[
        "fn f() { #[derive(A)] #[derive(B, C,)] struct S; }",
        "fn f() { #[derive(A, B, C)] struct S; }",
    ]);
    distinct(&["fn f() { #[derive(A, B)] struct S; }", "fn f() { #[derive(B, A)] struct S; }"]);
    same(&[
        "fn f() { #[derive(A)] struct S { #[serde(rename = \"a b\", default,)] a: u8 } }",
        "fn f() { #[derive(A)] struct S { #[serde(rename = \"a \\\n   b\", default)] a: u8 } }",
    ]);
}

#[test]
fn every_kind_of_item_has_a_digest_of_its_own() {
    let item = |text: &str| item_digest(&syn::parse_str(text).expect(text));
    let same = |left: &str, right: &str| assert_eq!(item(left), item(right), "{left}");
    same("pub struct S { pub a: u8, }", "/// Docs.\nstruct S { a: u8 }");
    same("pub const A: u8 = 1;", "const A: u8 = 1;");
    same(
        "impl S { pub fn f(&self,) {} const A: u8 = 1; }",
        "impl S { const A: u8 = 1; fn f(&self) {} }",
    );
    same("pub use a::{c, b};", "use a::{b, c};");
    same("mod m { pub(in crate) fn f() {} }", "mod m { pub(crate) fn f() {} }");
    assert_ne!(item("mod m { pub fn f() {} }"), item("mod m { fn f() {} }"));
    assert_ne!(item("#[derive(A)] /** a */ struct S;"), item("#[derive(A)] /** b */ struct S;"));
    assert_ne!(item("macro_rules! m { () => { 1 } }"), item("macro_rules! m { () => { 2 } }"));
    assert_ne!(item("trait T { fn f(); }"), item("trait T { fn g(); }"));
    assert_ne!(item("type A = u8;"), item("type A = u16;"));
}

#[test]
fn the_same_text_as_another_kind_of_item_has_another_digest() {
    let text = "fn f() {}";
    let digests = [
        of(text),
        item_digest(&syn::parse_str(text).expect("an item")),
        impl_item_digest(&syn::parse_str(text).expect("an item of an impl")),
        trait_item_digest(&syn::parse_str(text).expect("an item of a trait")),
        tokens_digest(text.parse().expect("tokens")),
    ];
    for (index, digest) in digests.iter().enumerate() {
        assert!(!digests[..index].contains(digest), "{index}");
    }
}

#[test]
fn documentation_is_one_however_it_arrives() {
    let tokens = |text: &str| tokens_digest(text.parse().expect("tokens"));
    // The compiler hands `/// it's` to a macro as another literal than a parser of text does.
    assert_eq!(tokens("/// it's\nstruct S;"), tokens("#[doc = r\" it's\"] struct S;"));
    assert_eq!(tokens("/// it's\nstruct S;"), tokens("#[doc = \" it\\'s\"] struct S;"));
    assert_ne!(tokens("/// one\nstruct S;"), tokens("/// two\nstruct S;"));
}
