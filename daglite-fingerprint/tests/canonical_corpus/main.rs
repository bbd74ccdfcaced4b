//! What rustfmt changes never changes a fingerprint, and every other change does, on the sources of other crates.
//!
//! With `DAGLITE_CORPUS=full` on those of sixteen crates and under more configurations, else on a few.

mod exceptions;
mod functions;
mod mutations;
mod rustfmt;
mod sources;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use functions::functions;
use rustfmt::Configuration;
use sources::Source;

/// Path, how many of that path came before, and digest, of each function of a text.
type Digests = HashMap<(String, usize), [u8; 32]>;

fn digests(text: &str) -> Option<Digests> {
    let file = syn::parse_file(text).ok()?;
    let mut digests = Digests::new();
    for found in functions(&file) {
        let mut key = (found.path, 0);
        while digests.contains_key(&key) {
            key.1 += 1;
        }
        digests.insert(key, found.function.digest());
    }
    Some(digests)
}

/// The tokens of a function, as text.
fn tokens(text: &str, key: &(String, usize)) -> Vec<String> {
    fn flatten(stream: proc_macro2::TokenStream, into: &mut Vec<String>) {
        for token in stream {
            match token {
                proc_macro2::TokenTree::Group(group) => {
                    let text = format!("{:?}", group.delimiter());
                    into.push(format!("{text}<"));
                    flatten(group.stream(), into);
                    into.push(format!(">{text}"));
                }
                other => into.push(other.to_string()),
            }
        }
    }
    let file = syn::parse_file(text).expect("it was parsed before");
    let mut of_path = functions(&file).into_iter().filter(|found| found.path == key.0);
    let mut into = Vec::new();
    flatten(of_path.nth(key.1).expect("it was there").function.normal_form(), &mut into);
    into
}

fn difference(before: &[String], after: &[String]) -> String {
    let same = before.iter().zip(after).take_while(|(left, right)| left == right).count();
    let same_end = before.iter().rev().zip(after.iter().rev());
    let same_end = same_end.take_while(|(left, right)| left == right).count();
    let part = |tokens: &[String]| {
        let end = (tokens.len() - same_end.min(tokens.len()) + 4).max(same + 8).min(tokens.len());
        tokens[same.saturating_sub(8)..end.min(same + 40)].join(" ")
    };
    format!("    - {}\n    + {}", part(before), part(after))
}

/// What came of one configuration.
#[derive(Default)]
struct Outcome {
    functions: usize,
    /// How many files look otherwise.
    reformatted: usize,
    /// Files that cannot be parsed any more.
    unreadable: Vec<String>,
    /// Functions with another digest, and what differs.
    changed: Vec<String>,
    /// Functions with another digest for a reason that is known.
    exceptions: usize,
}

fn compare(configuration: &Configuration, sources: &[&Source], before: &[&Digests]) -> Outcome {
    let mut outcome = Outcome::default();
    let formatted = rustfmt::format(configuration, sources);
    for ((source, before), text) in sources.iter().zip(before).zip(formatted) {
        outcome.functions += before.len();
        if text == source.text {
            assert!(!source.name.starts_with("oddities"), "rustfmt cannot format {}", source.name);
            continue;
        }
        let Some(after) = digests(&text) else {
            if exceptions::is_file(configuration.settings, &source.name) {
                outcome.exceptions += before.len();
            } else {
                outcome.unreadable.push(source.name.clone());
            }
            continue;
        };
        outcome.reformatted += 1;
        let mut keys: Vec<_> = before.keys().collect();
        keys.sort();
        for key in keys {
            if after.get(key) == Some(&before[key]) {
                continue;
            }
            if exceptions::is_function(configuration.settings, &source.name, &key.0)
                || exceptions::is_tuple_of_wildcards(
                    configuration.settings,
                    &tokens(&source.text, key).join(" ").replace(" >Parenthesis", ")"),
                )
            {
                outcome.exceptions += 1;
                continue;
            }
            let difference = if after.contains_key(key) {
                difference(&tokens(&source.text, key), &tokens(&text, key))
            } else {
                "it is gone".into()
            };
            outcome.changed.push(format!("  {} {}#{}\n{difference}", source.name, key.0, key.1));
        }
    }
    outcome
}

#[test]
fn no_configuration_of_rustfmt_changes_a_fingerprint() {
    assert!(rustfmt::is_there(false), "rustfmt is missing: `rustup component add rustfmt`");
    let nightly = sources::is_full() && rustfmt::is_there(true);
    if sources::is_full() && !nightly {
        println!("NO NIGHTLY RUSTFMT: unstable options were not tried");
    }
    let sources = sources::corpus();
    let before: Vec<Digests> =
        sources.iter().map(|source| digests(&source.text).expect("it was parsed before")).collect();
    let sources: Vec<&Source> = sources.iter().collect();
    let before: Vec<&Digests> = before.iter().collect();
    let functions: usize = before.iter().map(|digests| digests.len()).sum();
    println!("{} files, {functions} functions", sources.len());

    let todo: Vec<&Configuration> =
        rustfmt::ALL.iter().filter(|configuration| nightly || !configuration.is_unstable).collect();
    let next = Mutex::new(todo.into_iter());
    let failed = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(configuration) = next.lock().unwrap().next() else { break };
                    let outcome = compare(configuration, &sources, &before);
                    let mut failed = failed.lock().unwrap();
                    println!(
                        "{:60} {:5} functions, {} files differ, {} changed, {} exceptions",
                        configuration.settings.replace('\n', ", "),
                        outcome.functions,
                        outcome.reformatted,
                        outcome.changed.len(),
                        outcome.exceptions
                    );
                    for name in outcome.unreadable.iter() {
                        println!("  unreadable: {name}");
                    }
                    for text in outcome.changed.iter() {
                        println!("{text}");
                    }
                    *failed += outcome.changed.len() + outcome.unreadable.len();
                }
            });
        }
    });
    assert_eq!(failed.into_inner().unwrap(), 0, "functions with another fingerprint");
}

/// What came of the mutations of one kind.
#[derive(Default)]
struct Tally {
    /// Those that are no function any more.
    without_parse: usize,
    /// Those with the parse tree that was there before.
    with_same_tree: usize,
    /// Those with another digest.
    changed: usize,
    /// Those with the same digest, though they mean something else.
    unchanged: Vec<String>,
}

/// How many mutations of a function are tried.
const MUTATIONS: usize = 24;

fn mutate(source: &Source, share: usize, tallies: &mut BTreeMap<mutations::Kind, Tally>) -> usize {
    let file = syn::parse_file(&source.text).expect("it was parsed before");
    let mut tried = 0;
    for (index, found) in functions(&file).into_iter().enumerate() {
        if index % share != 0 {
            continue;
        }
        tried += 1;
        let tokens = found.function.tokens();
        let before = found.function.digest();
        let all = mutations::mutations(&tokens);
        // A prime as the step, so that all parts of long functions have their turn.
        let chosen =
            (0..all.len().min(MUTATIONS)).map(|turn| &all[(index + turn * 7919) % all.len()]);
        for mutation in chosen {
            let tally = tallies.entry(mutation.kind).or_default();
            let parsed = mutations::apply(mutation, tokens.clone())
                .and_then(|tokens| found.function.parse_like(tokens).ok());
            match parsed {
                None => tally.without_parse += 1,
                Some(other) if other.is_like(&found.function) => tally.with_same_tree += 1,
                Some(other) if other.digest() == before => {
                    let text = format!(
                        "{} {}: {mutation:?}\n    {}",
                        source.name,
                        found.path,
                        other.tokens()
                    );
                    tally.unchanged.push(text);
                }
                Some(_) => tally.changed += 1,
            }
        }
    }
    tried
}

#[test]
fn every_mutation_changes_the_fingerprint() {
    let share = if sources::is_full() { 1 } else { 2 };
    let sources = sources::corpus();
    // In what hardly anybody writes there is more that says nothing, such as `use a::{};`.
    let next = Mutex::new(sources.iter().filter(|source| !source.name.starts_with("oddities")));
    let all = Mutex::new((0, BTreeMap::<mutations::Kind, Tally>::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(source) = next.lock().unwrap().next() else { break };
                    let mut tallies = BTreeMap::new();
                    let tried = mutate(source, share, &mut tallies);
                    let mut all = all.lock().unwrap();
                    all.0 += tried;
                    for (kind, tally) in tallies {
                        let sum = all.1.entry(kind).or_default();
                        sum.without_parse += tally.without_parse;
                        sum.with_same_tree += tally.with_same_tree;
                        sum.changed += tally.changed;
                        sum.unchanged.extend(tally.unchanged);
                    }
                }
            });
        }
    });
    let (functions, tallies) = all.into_inner().unwrap();
    println!("{functions} functions");
    for (kind, tally) in &tallies {
        println!(
            "{:18} {:7} changed, {:4} unchanged, {:6} did not parse, {:5} with the same tree",
            format!("{kind:?}"),
            tally.changed,
            tally.unchanged.len(),
            tally.without_parse,
            tally.with_same_tree
        );
        for text in &tally.unchanged {
            println!("  {text}");
        }
    }
    assert!(functions > 200, "only {functions} functions were found");
    assert!(tallies.values().all(|tally| tally.changed > 0), "a kind was never tried");
    let unchanged: usize = tallies.values().map(|tally| tally.unchanged.len()).sum();
    assert_eq!(unchanged, 0, "mutations with the fingerprint that was there before");
}
