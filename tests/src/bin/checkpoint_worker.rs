//! A process that saves checkpoints, for tests that let calls fail, kill it, or start many of it at once.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Duration;

use daglite::Error;
use daglite::prelude::*;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["simulate", root, speed] => simulate(Path::new(root), *speed == "slowly"),
        ["save", root, first, count, size] => {
            let [first, count, size] =
                [first, count, size].map(|text| text.parse().expect("a number"));
            save(Path::new(root), first, count, size as usize);
        }
        ["fault", root, size] => with_faults(Path::new(root), size.parse().expect("a number")),
        _ => panic!("unknown arguments: {arguments:?}"),
    }
}

/// Says a line, at once.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").expect("the test reads this");
    output.flush().expect("the test reads this");
}

/// Twelve hours, in a moment or so slowly that there is time to kill it.
#[task(cache, cache_exclude = [slowly])]
fn twelve_hours(start: u64, slowly: bool) -> Result<u64, Error> {
    let (mut hour, mut sum) = resume_here::<(u64, u64)>("state")?.unwrap_or((start, 0));
    while hour < 12 {
        sum += hour;
        hour += 1;
        checkpoint_here("state", &(hour, sum))?;
        say(&format!("hour {hour}"));
        if slowly && hour == 8 {
            // Until somebody kills it, or the test is gone.
            std::thread::sleep(Duration::from_secs(60));
        }
    }
    Ok(sum)
}

fn simulate(root: &Path, slowly: bool) {
    let cache = FileStore::builder(root.join("cache")).open().expect("a folder");
    let checkpoints = FileCheckpoints::open(root.join("checkpoints")).expect("a folder");
    let session =
        Session::builder().cache(cache).checkpoints(checkpoints).build().expect("a session");
    say(&format!("answer {}", twelve_hours(0, slowly).run_in(&session).expect("an answer")));
}

/// Saves `count` values of `size` numbers, each all of one number from `first` on, after a line on the standard input.
fn save(root: &Path, first: u64, count: u64, size: usize) {
    let checkpoints = FileCheckpoints::open(root).expect("a folder");
    say("ready");
    std::io::stdin().lock().lines().next();
    for number in first..first + count {
        let saved = checkpoints.save("model", &vec![number; size]).expect("it can be saved");
        say(&format!("saved {} {number}", saved.version()));
    }
}

/// Does everything once, with a value of `size` numbers, and says what it was told had worked.
fn with_faults(root: &Path, size: usize) {
    let checkpoints = FileCheckpoints::open(root).expect("a folder");
    match checkpoints.save("group/model", &vec![7_u64; size]) {
        Ok(saved) => say(&format!("saved {}", saved.version())),
        Err(error) => say(&format!("refused {error}")),
    }
    match checkpoints.tag("group/model", "latest", "prod") {
        Ok(version) => say(&format!("tagged {version}")),
        Err(error) => say(&format!("refused {error}")),
    }
    let Ok(versions) = checkpoints.versions("group/model") else { return };
    if let Some(first) = versions.first().filter(|_| versions.len() > 2) {
        match checkpoints.delete("group/model", first) {
            Ok(()) => say(&format!("deleted {first}")),
            Err(error) => say(&format!("refused {error}")),
        }
    }
    match checkpoints.load::<Vec<u64>>("group/model", "prod") {
        Ok(value) => say(&format!("loaded {}", value[0])),
        Err(error) => say(&format!("refused {error}")),
    }
}
