//! Many `async` bodies in flight at once, that need each other, beside sync ones that take all places and all limits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use daglite::prelude::*;
use daglite_tests::in_time;
use tokio::sync::{Notify, oneshot};

/// How many are in flight.
const MANY: usize = 10_000;

/// What a body waits for, and what it says to the next one.
struct Link {
    hears: Mutex<Option<oneshot::Receiver<usize>>>,
    tells: Mutex<Option<oneshot::Sender<usize>>>,
}

/// Waits for the one before it, and then tells the one after it.
#[task]
async fn pass_on(link: Arc<Link>) -> usize {
    let hears = link.hears.lock().unwrap().take();
    let heard = match hears {
        Some(hears) => hears.await.unwrap(),
        None => 0,
    };
    let tells = link.tells.lock().unwrap().take();
    if let Some(tells) = tells {
        tells.send(heard + 1).unwrap();
    }
    heard
}

/// Each waits for the one behind it, so that all have to be in flight before the first can end.
fn ring() -> Vec<TaskFuture<usize>> {
    let mut hears = None;
    let mut links = Vec::new();
    for _ in 0..MANY {
        let (tell, hear) = oneshot::channel();
        links.push(Link { hears: Mutex::new(Some(hear)), tells: Mutex::new(hears.replace(tell)) });
    }
    // The last one waits for nobody.
    let last = Link { hears: Mutex::new(None), tells: Mutex::new(hears) };
    links.into_iter().chain([last]).map(|link| pass_on(Arc::new(Arc::new(link)))).collect()
}

#[test]
fn ten_thousand_bodies_that_wait_for_one_another_are_in_flight_in_one_run() {
    in_time(|| {
        let session = Session::builder().without_cache().concurrency(1).build().unwrap();
        let heard = join_all(ring()).run_in(&session).unwrap();
        assert_eq!(heard.iter().max(), Some(&MANY));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let heard = runtime.block_on(join_all(ring()).await_in(&session)).unwrap();
        assert_eq!(heard.iter().max(), Some(&MANY));
    });
}

#[test]
fn sync_bodies_that_take_all_places_and_limits_hold_up_no_async_one() {
    #[task(weight = 9, limits = ["all"])]
    fn blocks(done: &AtomicUsize) {
        daglite_tests::wait_until(|| done.load(Ordering::SeqCst) == 100);
    }
    #[task(limits = ["all"])]
    fn waits_for_room() {}
    #[task(weight = 2)]
    fn waits_for_places() {}
    #[task]
    async fn flies(begun: Arc<Notify>, done: Arc<AtomicUsize>) {
        begun.notify_one();
        begun.notified().await;
        done.fetch_add(1, Ordering::SeqCst);
    }

    for concurrency in [1, 2, 4] {
        in_time(move || {
            let builder = Session::builder().without_cache().limit("all", 1);
            let session = builder.concurrency(concurrency).build().unwrap();
            let done = Arc::<AtomicUsize>::default();
            let flying = join_all(
                (0..100).map(|_| flies(Arc::new(Arc::default()), Arc::new(Arc::clone(&done)))),
            );
            let waiting = join_all(
                (0..20).flat_map(|_| [waits_for_room(), waits_for_places()]).collect::<Vec<_>>(),
            );
            join((blocks(Arc::clone(&done)), waiting, flying)).run_in(&session).unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 100);
        });
    }
}
