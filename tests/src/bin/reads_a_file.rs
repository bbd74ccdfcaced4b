//! A program with one cached task of a file, and the store in the folder that its first argument names: prints whether it
//! was a hit, and how many bytes this process has read in all.

use daglite::Event;
use daglite::prelude::*;

#[task(cache)]
fn length(file: InputFile) -> u64 {
    file.path().metadata().expect("the file is there").len()
}

fn main() {
    let [folder, file] = [1, 2].map(|at| std::env::args().nth(at).expect("two arguments"));
    let store = FileStore::builder(folder).open().expect("the folder is there");
    let print = |event: &Event| {
        if let Event::Hit { .. } = event {
            println!("hit");
        }
    };
    let session = Session::builder().cache(store).observe(print).build().expect("it is right");
    length(file.as_str()).run_in(&session).expect("it does not fail");
    let counts = std::fs::read_to_string("/proc/self/io").expect("Linux counts what is read");
    let read = counts.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("it counts");
    println!("{read}");
}
