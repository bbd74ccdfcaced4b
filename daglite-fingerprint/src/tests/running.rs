//! How a body is run is no part of what it computes: no option about it counts, for the task and for its callers.

use std::fs;

use crate::SourceTree;

/// The digest of what stands for the function `task` in a package with this library.
fn digest(source: &str) -> [u8; 32] {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let manifest = "[package]\nname = \"app\"\nversion = \"0.1.0\"\n[workspace]\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.path().join("src/lib.rs"), source).unwrap();
    SourceTree::open(folder.path()).unwrap().fingerprint("task").unwrap().digest
}

/// A task under `attribute`, and another one under it that calls it.
fn sources(attribute: &str) -> [String; 2] {
    let rest = "fn passes(_: &String) -> bool { true }\n";
    [
        format!("{attribute}\nfn task() -> u32 {{ 1 }}\n{rest}"),
        format!(
            "{attribute}\nfn inner() -> u32 {{ 1 }}\n#[task]\nfn task() -> u32 {{ inner(); 2 }}\n{rest}"
        ),
    ]
}

#[test]
fn no_option_about_running_counts() {
    for plain in ["#[task]", "#[task(cache)]", "#[daglite::task(cache, cache_version = \"2\")]"] {
        for option in [
            "retries = 3",
            "retries = 4, retry_delay = \"1s\"",
            "retries = 1, retry_if = passes",
            "timeout = \"30s\",",
            "weight = 4",
            "limits = [\"db\", \"net\"]",
        ] {
            let with = match plain.strip_suffix(")]") {
                Some(open) => format!("{open}, {option})]"),
                None => plain.replace(']', &format!("({option})]")),
            };
            for (plain, with) in sources(plain).iter().zip(&sources(&with)) {
                assert_eq!(digest(plain), digest(with), "{with}");
            }
        }
    }
}

#[test]
fn what_says_which_errors_pass_does_not_count() {
    for source in sources("#[task(retries = 1, retry_if = passes)]") {
        assert_eq!(digest(&source), digest(&source.replace("true", "false")), "{source}");
    }
}

#[test]
fn all_other_options_count_for_callers() {
    let [_, plain] = sources("#[task(cache)]");
    for other in
        ["#[task]", "#[task(cache, cache_version = \"2\")]", "#[other::task(cache, retries = 1)]"]
    {
        let [_, with] = sources(other);
        assert_ne!(digest(&plain), digest(&with), "{other}");
    }
}
