//! Types: what they are made of, what they derive, their own methods, how serde writes them.

use daglite::prelude::*;
use serde::{Deserialize, Serialize};

#[task(cache)]
pub fn struct_field(x: u64) -> u64 {
    x + format!("{:?}", Form::default()).len() as u64
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Form {
    first: u8,
    «struct_field: ¦ second: u8,»
}

#[task(cache)]
pub fn field_of_a_field(x: u64) -> u64 {
    x + size_of::<Outer>() as u64
}

struct Outer {
    _inner: Vec<Inner>,
    _many: [Inner; 16],
}

struct Inner {
    _value: «field_of_a_field: u8 ¦ u16»,
}

#[task(cache)]
pub fn order_of_fields(x: u64) -> u64 {
    let (low, high) = (Pair { left: 1, right: 2 }, Pair { left: 2, right: 1 });
    x + u64::from(low < high)
}

#[derive(PartialEq, PartialOrd)]
struct Pair {
    «order_of_fields: left: u64, right: u64 ¦ right: u64, left: u64»,
}

#[task(cache)]
pub fn enum_variant(x: u64) -> u64 {
    x + Level::High as u64
}

enum Level {
    Low,
    «enum_variant: ¦ Middle,»
    High,
}

#[task(cache)]
pub fn discriminant(x: u64) -> u64 {
    x + Numbered::One as u64
}

enum Numbered {
    One = «discriminant: 1 ¦ 2»,
}

#[task(cache)]
pub fn type_alias(x: u64) -> u64 {
    x + u64::from(Width::MAX)
}

type Width = «type_alias: u8 ¦ u16»;

#[task(cache)]
pub fn generic_type_alias(x: u64) -> u64 {
    x + size_of::<Twice<u8>>() as u64
}

type Twice<T> = [T; «generic_type_alias: 2 ¦ 3»];

#[task(cache)]
pub fn type_of_the_parameter(size: Size) -> u64 {
    size.0.into()
}

#[derive(Debug, Clone, Serialize)]
pub struct Size(pub «type_of_the_parameter (same answer): u8 ¦ u16»);

#[task(cache)]
pub fn method_body(x: u64) -> u64 {
    Scale { factor: x }.scaled()
}

#[derive(Debug, Clone)]
pub struct Scale {
    pub factor: u64,
}

impl Scale {
    fn scaled(&self) -> u64 {
        self.factor * «method_body: 2 ¦ 3»
    }

    pub fn method_nobody_calls(&self) -> u64 {
        self.factor + «unrelated_method_of_a_used_type -> nothing: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_of_a_method(x: u64) -> u64 {
    Chain { x }.start()
}

struct Chain {
    x: u64,
}

impl Chain {
    fn start(&self) -> u64 {
        self.end() + 1
    }

    fn end(&self) -> u64 {
        self.x + «method_of_a_method: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn associated_function(x: u64) -> u64 {
    Made::new(x).value
}

struct Made {
    value: u64,
}

impl Made {
    fn new(x: u64) -> Self {
        Self { value: Self::adjusted(x) }
    }

    fn adjusted(x: u64) -> u64 {
        x + «associated_function: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_of_a_returned_type(x: u64) -> u64 {
    build(x).finish()
}

fn build(x: u64) -> Builder {
    Builder { x }
}

struct Builder {
    x: u64,
}

impl Builder {
    fn finish(self) -> u64 {
        self.x + «method_of_a_returned_type: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_of_a_field(x: u64) -> u64 {
    let car = Car { engine: Engine { power: x } };
    car.engine.strength()
}

struct Car {
    engine: Engine,
}

struct Engine {
    power: u64,
}

impl Engine {
    fn strength(&self) -> u64 {
        self.power + «method_of_a_field: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_of_an_element(x: u64) -> u64 {
    wheels(x).iter().map(|wheel| wheel.size()).sum()
}

fn wheels(x: u64) -> Vec<Wheel> {
    vec![Wheel(x), Wheel(x + 1)]
}

struct Wheel(u64);

impl Wheel {
    fn size(&self) -> u64 {
        self.0 + «method_of_an_element: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_of_a_generic_type(x: u64) -> u64 {
    Wrapped(x).unwrapped()
}

struct Wrapped<T>(T);

impl<T: Into<u64>> Wrapped<T> {
    fn unwrapped(self) -> u64 {
        self.0.into() + «method_of_a_generic_type: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_behind_an_alias(x: u64) -> u64 {
    Alias { x }.behind()
}

type Alias = Hidden;

struct Hidden {
    x: u64,
}

impl Hidden {
    fn behind(&self) -> u64 {
        self.x + «method_behind_an_alias: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_in_another_module(x: u64) -> u64 {
    Split(x).elsewhere()
}

pub struct Split(pub u64);

#[task(cache)]
pub fn serde_with_module(x: u64) -> u64 {
    serde_json::to_string(&Timed { at: x }).expect("JSON").len() as u64
}

#[derive(Serialize)]
struct Timed {
    #[serde(with = "as_text")]
    at: u64,
}

mod as_text {
    use serde::Serializer;

    pub(super) fn serialize<S: Serializer>(at: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("at «serde_with_module: 1 ¦ 22» {at}"))
    }
}

#[task(cache)]
pub fn serde_with_attribute(x: u64) -> u64 {
    serde_json::to_string(&Marked { at: x }).expect("JSON").len() as u64
}

#[derive(Serialize)]
struct Marked {
    #[serde(«serde_with_attribute: with = "first_way" ¦ with = "second_way"»)]
    at: u64,
}

mod first_way {
    pub(super) fn serialize<S: serde::Serializer>(_: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("short")
    }
}

mod second_way {
    pub(super) fn serialize<S: serde::Serializer>(_: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("much longer")
    }
}

#[task(cache)]
pub fn serde_rename(x: u64) -> u64 {
    serde_json::to_string(&Renamed { name: x }).expect("JSON").len() as u64
}

#[derive(Serialize)]
struct Renamed {
    #[serde(rename = "«serde_rename: short ¦ much_longer»")]
    name: u64,
}

#[task(cache)]
pub fn serde_default_function(x: u64) -> u64 {
    let read: Defaulted = serde_json::from_str("{}").expect("JSON");
    x + read.value
}

#[derive(Deserialize)]
struct Defaulted {
    #[serde(default = "value_if_absent")]
    value: u64,
}

fn value_if_absent() -> u64 {
    «serde_default_function: 1 ¦ 2»
}

#[task(cache)]
pub fn hand_written_serialize(x: u64) -> u64 {
    serde_json::to_string(&ByHand(x)).expect("JSON").len() as u64
}

struct ByHand(u64);

impl Serialize for ByHand {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("«hand_written_serialize: one ¦ three» {}", self.0))
    }
}
