//! A program with one cached task and the store in the folder that its argument names: prints the reasons of misses, and
//! what excluded arguments were.

use daglite::Event;
use daglite::prelude::*;

#[task(cache, cache_env = ["EXPLAINED_ZONE", "EXPLAINED_TOKEN"], cache_exclude = [verbose])]
fn shift(hours: u32, verbose: bool) -> u32 {
    let _ = verbose;
    hours
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the first argument is a folder");
    let verbose = arguments.next().is_some();
    let store = FileStore::builder(folder).open().expect("the folder is there");
    let print = |event: &Event| match event {
        Event::Hit { .. } => println!("hit"),
        Event::Miss { reason, .. } => println!("{reason}"),
        Event::ExcludedDiffers { parameter, from, to, .. } => {
            println!("{parameter}: {from}, {to}");
        }
        _ => {}
    };
    let session = Session::builder().cache(store).observe(print).build().expect("it is right");
    shift(7, verbose).run_in(&session).expect("it does not fail");
}
