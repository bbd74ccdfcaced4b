//! What rustfmt changes never changes a fingerprint, and every other change does, on the sources of other crates.
//!
//! With `DAGLITE_CORPUS=full` on those of sixteen crates and under more configurations, else on a few.

mod functions;
mod rustfmt;
mod sources;

use std::collections::HashMap;
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
    flatten(of_path.nth(key.1).expect("it was there").function.tokens(), &mut into);
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
    reformatted: usize,
    unreadable: Vec<String>,
    changed: Vec<String>,
}

fn compare(configuration: &Configuration, sources: &[&Source], before: &[&Digests]) -> Outcome {
    let mut outcome = Outcome::default();
    let formatted = rustfmt::format(configuration, sources);
    for ((source, before), text) in sources.iter().zip(before).zip(formatted) {
        outcome.functions += before.len();
        if text == source.text {
            continue;
        }
        let Some(after) = digests(&text) else {
            outcome.unreadable.push(source.name.clone());
            continue;
        };
        outcome.reformatted += 1;
        let mut keys: Vec<_> = before.keys().collect();
        keys.sort();
        for key in keys {
            if after.get(key) == Some(&before[key]) {
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
    let nightly = rustfmt::is_there(true);
    if !nightly {
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
                        "{:60} {:5} functions, {} files differ, {} unreadable, {} changed",
                        configuration.settings.replace('\n', ", "),
                        outcome.functions,
                        outcome.reformatted,
                        outcome.unreadable.len(),
                        outcome.changed.len()
                    );
                    for name in outcome.unreadable.iter() {
                        println!("  unreadable: {name}");
                    }
                    for text in outcome.changed.iter() {
                        println!("{text}");
                    }
                    *failed += outcome.changed.len();
                }
            });
        }
    });
    assert_eq!(failed.into_inner().unwrap(), 0, "functions with another fingerprint");
}
