//! `daglite fingerprint`: what stands for the code of a task, why, and what differs between two trees.

use std::io::Write as _;
use std::process::ExitCode;

use daglite_fingerprint::{Fingerprint, SourceTree, TreeError, differences, explanation};

/// How the command is used.
const USAGE: &str = "\
What stands for the code of a task, and why.

Usage: daglite fingerprint FOLDER                    list the tasks of the package in FOLDER
       daglite fingerprint FOLDER TASK               what the fingerprint of TASK covers, and who names it
       daglite fingerprint FOLDER TASK OTHER_FOLDER  what differs from the same task in another tree

TASK is the path of a function, or as much of its end as tells it from others: `features`, `model::features`.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments.as_slice() {
        [] | ["help" | "--help" | "-h"] | ["fingerprint", "help" | "--help" | "-h"] => {
            Ok(USAGE.to_string())
        }
        ["fingerprint", folder] => tasks(folder),
        ["fingerprint", folder, task] => fingerprint(folder, task).map(|found| explanation(&found)),
        ["fingerprint", folder, task, other] => compared(folder, task, other),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match answer {
        Ok(text) => {
            // Whoever reads may have read enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The names of the tasks of a package.
fn tasks(folder: &str) -> Result<String, TreeError> {
    let tree = SourceTree::open(folder)?;
    let tasks = tree.functions().iter().filter(|listed| listed.is_task);
    Ok(tasks.map(|listed| format!("{}\n", listed.name)).collect())
}

fn fingerprint(folder: &str, task: &str) -> Result<Fingerprint, TreeError> {
    SourceTree::open(folder)?.fingerprint(task)
}

fn compared(folder: &str, task: &str, other: &str) -> Result<String, TreeError> {
    Ok(differences(&fingerprint(folder, task)?, &fingerprint(other, task)?))
}
