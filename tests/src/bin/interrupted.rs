//! A program for the tests of Ctrl-C: it waits in the body of a task until it is told to go on, or for ever.

use std::env;
use std::future::pending;
use std::io::{self, BufRead};
use std::process::ExitCode;

use daglite::prelude::*;
use daglite::{CancelToken, Error};

#[task(cache)]
fn quick() -> u32 {
    1
}

#[task(cache)]
fn slow(number: u32) -> u32 {
    println!("at work");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).expect("there is an input");
    number + 1
}

#[task]
fn after(number: u32) -> u32 {
    number + 1
}

/// Says when it is dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        println!("dropped");
    }
}

#[task]
async fn never() -> u32 {
    let _guard = Guard;
    println!("at work");
    pending().await
}

fn sync() -> Result<(), Error> {
    println!("{}", after(slow(quick())).run()?);
    Ok(())
}

fn asynchronous() -> Result<(), Error> {
    println!("{}", never().run()?);
    Ok(())
}

/// A session of the program's own.
fn with_token() -> Result<(), Error> {
    let token = CancelToken::ctrl_c()?;
    let session = Session::builder().without_cache().cancel_token(&token).build()?;
    let error = never().run_in(&session).expect_err("nothing else ends it");
    println!("{:?}", error.kind());
    Ok(())
}

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("sync") => daglite::run_main(sync),
        Some("async") => daglite::run_main(asynchronous),
        Some("token") => {
            with_token().expect("Ctrl-C can be heard");
            ExitCode::SUCCESS
        }
        Some("well") => daglite::run_main(|| ()),
        Some("badly") => daglite::run_main(|| Err::<(), _>("no luck")),
        _ => daglite::run_main(|| ExitCode::from(7)),
    }
}
