//! Conversions, defaults and copies.

use std::str::FromStr;

use daglite::prelude::*;

#[task(cache)]
pub fn from_by_into(x: u64) -> u64 {
    let metres: Metres = x.into();
    metres.0
}

struct Metres(u64);

impl From<u64> for Metres {
    fn from(x: u64) -> Self {
        Self(x + «from_by_into: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn from_by_question_mark(x: u64) -> u64 {
    match failing(x) {
        Ok(()) => 0,
        Err(Refused(code)) => code,
    }
}

fn failing(x: u64) -> Result<(), Refused> {
    Err(x)?
}

struct Refused(u64);

impl From<u64> for Refused {
    fn from(x: u64) -> Self {
        Self(x + «from_by_question_mark: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn try_from(x: u64) -> u64 {
    Checked::try_from(x).map_or(0, |checked| checked.0)
}

struct Checked(u64);

impl TryFrom<u64> for Checked {
    type Error = ();

    fn try_from(x: u64) -> Result<Self, ()> {
        Ok(Self(x + «try_from: 1 ¦ 2»))
    }
}

#[task(cache)]
pub fn from_str_by_parse(x: u64) -> u64 {
    x + "12".parse::<Text>().map_or(0, |text| text.0)
}

struct Text(u64);

impl FromStr for Text {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(Self(text.len() as u64 + «from_str_by_parse: 1 ¦ 2»))
    }
}

#[task(cache)]
pub fn as_ref_behind_a_bound(x: u64) -> u64 {
    x + length(&Label("short".to_owned(), "longer".to_owned()))
}

fn length(text: &impl AsRef<str>) -> u64 {
    text.as_ref().len() as u64
}

struct Label(String, String);

impl AsRef<str> for Label {
    fn as_ref(&self) -> &str {
        let _ = (&self.0, &self.1);
        &self.«as_ref_behind_a_bound: 0 ¦ 1»
    }
}

#[task(cache)]
pub fn default_made_by_hand(x: u64) -> u64 {
    x + Start::default().0
}

«default_made_by_hand: #[derive(Default)] ¦ /* by hand */»
struct Start(u64);

«default_made_by_hand: ¦ impl Default for Start {
    fn default() -> Self {
        Self(5)
    }
}»

#[task(cache)]
pub fn default_in_struct_update(x: u64) -> u64 {
    let options = Options { first: x, ..Default::default() };
    options.first + options.second
}

struct Options {
    first: u64,
    second: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { first: 0, second: «default_in_struct_update: 1 ¦ 2» }
    }
}

#[task(cache)]
pub fn default_by_unwrap_or_default(x: u64) -> u64 {
    x + None::<Fallback>.unwrap_or_default().0
}

struct Fallback(u64);

impl Default for Fallback {
    fn default() -> Self {
        Self(«default_by_unwrap_or_default: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn clone_by_hand(x: u64) -> u64 {
    let counted = Counted(x);
    vec![counted; 2][0].0
}

struct Counted(u64);

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self(self.0 + «clone_by_hand: 1 ¦ 2»)
    }
}

#[task(cache)]
pub fn derive_that_calls_an_impl(x: u64) -> u64 {
    let shell = Shell { core: Core(x) };
    shell.clone().core.0
}

#[derive(Clone)]
struct Shell {
    core: Core,
}

struct Core(u64);

impl Clone for Core {
    fn clone(&self) -> Self {
        Self(self.0 + «derive_that_calls_an_impl: 1 ¦ 2»)
    }
}
