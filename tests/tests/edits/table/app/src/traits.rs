//! Traits of our own.

use daglite::prelude::*;

#[task(cache)]
pub fn method_of_a_trait_impl(x: u64) -> u64 {
    Dog(x).noise()
}

trait Animal {
    fn noise(&self) -> u64;

    fn loud_noise(&self) -> u64 {
        self.noise() * «default_method_of_a_trait -> default_method_of_a_trait ~method_of_a_trait_impl: 2 ¦ 3»
    }
}

struct Dog(u64);

impl Animal for Dog {
    fn noise(&self) -> u64 {
        self.0 + «method_of_a_trait_impl: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn default_method_of_a_trait(x: u64) -> u64 {
    Cat(x).loud_noise()
}

struct Cat(u64);

impl Animal for Cat {
    fn noise(&self) -> u64 {
        self.0
    }
}

#[task(cache)]
pub fn impl_behind_a_generic_bound(x: u64) -> u64 {
    heard(&Cow(x))
}

fn heard<T: Sound>(animal: &T) -> u64 {
    animal.sound()
}

trait Sound {
    fn sound(&self) -> u64;
}

struct Cow(u64);

impl Sound for Cow {
    fn sound(&self) -> u64 {
        self.0 + «impl_behind_a_generic_bound: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn impl_behind_a_trait_object(x: u64) -> u64 {
    boxed(x).call()
}

fn boxed(x: u64) -> Box<dyn Callable> {
    Box::new(Called(x))
}

trait Callable {
    fn call(&self) -> u64;
}

struct Called(u64);

impl Callable for Called {
    fn call(&self) -> u64 {
        self.0 + «impl_behind_a_trait_object: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn impl_for_a_foreign_type(x: u64) -> u64 {
    x.extended()
}

trait Extended {
    fn extended(&self) -> u64;
}

impl Extended for u64 {
    fn extended(&self) -> u64 {
        self + «impl_for_a_foreign_type: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn blanket_impl(x: u64) -> u64 {
    x.blanketed()
}

trait Blanketed {
    fn blanketed(&self) -> u64;
}

impl<T: Copy + Into<u64>> Blanketed for T {
    fn blanketed(&self) -> u64 {
        (*self).into() + «blanket_impl: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn method_of_a_supertrait(x: u64) -> u64 {
    combined(&Both(x))
}

fn combined(value: &impl Upper) -> u64 {
    value.lower()
}

trait Lower {
    fn lower(&self) -> u64;
}

trait Upper: Lower {}

struct Both(u64);

impl Upper for Both {}

impl Lower for Both {
    fn lower(&self) -> u64 {
        self.0 + «method_of_a_supertrait: 1 ¦ 2»
    }
}

#[task(cache)]
pub fn associated_type(x: u64) -> u64 {
    x + size_of::<<Plain as Typed>::Out>() as u64
}

trait Typed {
    type Out;
}

struct Plain;

impl Typed for Plain {
    type Out = «associated_type: u8 ¦ u16»;
}
