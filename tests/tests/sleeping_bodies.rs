//! A body that sleeps in a run of its own leaves its place to the other bodies of the run around it, even if that is awaited and has
//! one place: what it waits for may need them.
//!
//! Such a run called no further thread as long as the sleeping one counted as its helper, so that nobody ever went on.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use daglite::prelude::*;
use tokio::sync::Notify;

static BELL: Notify = Notify::const_new();

#[task]
async fn hears() -> u32 {
    BELL.notified().await;
    5
}

#[task]
fn listens() -> Result<u32, daglite::Error> {
    hears().run()
}

#[task]
fn rings() -> u32 {
    BELL.notify_one();
    7
}

#[test]
fn a_body_that_waits_for_another_one_of_the_run_around_it_lets_it_begin() {
    let session = Session::builder().without_cache().concurrency(1).build().unwrap();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let both = join((listens(), rings())).await_in(&session);
        let _ = tell.send(runtime.block_on(both).unwrap());
    });
    assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok((5, 7)));
}
