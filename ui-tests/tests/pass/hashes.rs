//! The ways to hash what has no hash of its own.

use std::sync::Mutex;

use daglite::task;

/// Neither `ContentHash` nor serde.
struct Opaque {
    id: u32,
    name: String,
}

fn id(opaque: &Opaque) -> u32 {
    opaque.id
}

fn name(opaque: &Opaque) -> &str {
    &opaque.name
}

fn both(opaque: &Opaque, numbers: &[u32]) -> (u32, usize) {
    (opaque.id, numbers.len())
}

fn counts<T: AsRef<[u32]> + ?Sized>(numbers: &T) -> usize {
    numbers.as_ref().len()
}

#[task(cache, cache_exclude = [opaque])]
fn excluded(opaque: &Opaque, number: u32) -> u32 {
    opaque.id + number
}

#[task(cache, cache_hash_params(opaque = id))]
fn by_function(opaque: &Opaque, number: u32) -> u32 {
    opaque.id + number
}

#[task(cache, cache_hash_params(opaque = name, numbers = counts::<[u32]>))]
fn by_what_it_lends(opaque: Opaque, numbers: &[u32]) -> usize {
    opaque.name.len() + numbers.len()
}

#[task(cache, cache_hash_params(opaque = registry))]
fn by_the_registry(opaque: &Opaque) -> u32 {
    opaque.id
}

#[task(cache, cache_hash = both, cache_exclude = [lock])]
fn all_at_once(opaque: &Opaque, lock: &Mutex<u32>, numbers: &[u32]) -> usize {
    *lock.lock().unwrap() as usize + opaque.id as usize + numbers.len()
}

#[task(cache, cache_hash_params(a = auto, b = exact, c = fast, d = sampled))]
fn by_strategy(a: &[u32], b: &[u32], c: &[u32], d: &[u32]) -> usize {
    a.len() + b.len() + c.len() + d.len()
}

fn main() {
    let opaque = || Opaque { id: 1, name: "one".to_owned() };
    assert_eq!(excluded(opaque(), 1u32).run().unwrap(), 2);
    assert_eq!(by_function(opaque(), 1u32).run().unwrap(), 2);
    drop(by_what_it_lends(opaque(), vec![1u32]));
    drop(by_the_registry(opaque()));
    assert_eq!(all_at_once(opaque(), Mutex::new(1u32), vec![1u32]).run().unwrap(), 3);
    assert_eq!(by_strategy(vec![1u32], vec![1u32], vec![1u32], vec![1u32]).run().unwrap(), 4);
}
