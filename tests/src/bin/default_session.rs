//! A program with the default session: prints the session or its error, and runs one cached task.

use daglite::prelude::*;

#[task(cache)]
fn answer() -> u32 {
    42
}

fn main() {
    match Session::default_session() {
        Ok(session) => println!("{session:?}"),
        Err(error) => println!("{error}"),
    }
    match answer().run() {
        Ok(answer) => println!("{answer}"),
        Err(error) => println!("{error}"),
    }
}
