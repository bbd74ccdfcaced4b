//! How much of a package the fingerprint of each of its free functions covers: `share FOLDER…`.

use std::time::Instant;

use daglite_fingerprint::SourceTree;

fn main() -> Result<(), daglite_fingerprint::TreeError> {
    for folder in std::env::args().skip(1) {
        let start = Instant::now();
        let tree = SourceTree::open(&folder)?;
        let opened = start.elapsed();
        let mut shares = Vec::new();
        if std::env::var_os("DAGLITE_READ_ONLY").is_some() {
            println!("{opened:?}");
            continue;
        }
        for function in tree.functions() {
            // The library itself, as a program would use it: no tests, no examples.
            let is_test = function.name.contains("test") || function.name.contains("bench");
            if is_test || function.name.split("::").next().is_none_or(|root| root.contains('/')) {
                continue;
            }
            let Ok(fingerprint) = tree.fingerprint_of(function) else { continue };
            shares.push(fingerprint.parts.len() as f64 / tree.items() as f64);
        }
        if let Ok(name) = std::env::var("DAGLITE_FUNCTION") {
            let found = tree.fingerprint(&name)?;
            for part in &found.parts {
                println!("{}  <-  {}", part.name, part.by.as_deref().unwrap_or("-"));
            }
        }
        shares.sort_by(f64::total_cmp);
        let at =
            |share: f64| shares.get((shares.len() as f64 * share) as usize).copied().unwrap_or(0.0);
        println!(
            "{folder}: {} items, {} free functions; covered of the items: median {:.1} %, nine of ten at most {:.1} %; \
             read in {opened:.0?}, all in {:.1?}",
            tree.items(),
            shares.len(),
            100.0 * at(0.5),
            100.0 * at(0.9),
            start.elapsed(),
        );
    }
    Ok(())
}
