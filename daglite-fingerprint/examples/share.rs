//! How much of a package the fingerprint of each of its free functions covers: `share FOLDER…`.

use std::time::Instant;

use daglite_fingerprint::SourceTree;

fn main() -> Result<(), daglite_fingerprint::TreeError> {
    for folder in std::env::args().skip(1) {
        let start = Instant::now();
        let tree = SourceTree::open(&folder)?;
        let opened = start.elapsed();
        let mut shares = Vec::new();
        for function in tree.functions() {
            // What a program is made of: no tests, no benches.
            let is_test = |part: &str| part.contains("test") || part.contains("bench");
            let inside = function.file.strip_prefix(tree.folder()).unwrap_or(&function.file);
            let is_extra =
                ["tests", "examples", "benches"].iter().any(|place| inside.starts_with(place));
            if is_extra || function.name.split("::").any(is_test) {
                continue;
            }
            let Ok(fingerprint) = tree.fingerprint_of(function) else { continue };
            let items = fingerprint.parts.iter().filter(|part| part.name.contains("::"));
            shares.push(items.count() as f64 / tree.items() as f64);
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
