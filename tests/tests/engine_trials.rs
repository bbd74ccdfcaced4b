//! Random graphs under random trouble, against a model of one thread: bodies that fail, panic, hang, are tried again and wait for
//! other threads; runs at once, of the same nodes and of others, some of which are dropped; stores that fail, and stores that
//! other processes share.
//!
//! Whatever happens, a run has the model's answer or a failure that the model allows; a body is called no more often than its
//! attempts allow, and once if its result is kept; what has finished is there for the next run; and no thread and no place is lost.
//!
//! `DAGLITE_TEST_ROUNDS=10000` tries so many cases, `DAGLITE_TEST_SEED` those that follow from a seed: a failure prints its own.

mod trial_support;

use std::fs;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use daglite::clock::{Clock, ClockHands};
use daglite::prelude::*;
use daglite::{Error, ErrorKind, Event, Interest, Observer};
use daglite_tests::random::{rounds, seed};
use daglite_tests::wait_until;
use trial_support::bodies::{World, graph};
use trial_support::case::{Cache, Case, Kind, Way};
use trial_support::fickle_store::Fickle;
use trial_support::model::{Fate, Modelled, body_of, model};

/// Hears what it is told, and says nothing.
struct Deaf(Interest);

impl Observer for Deaf {
    fn event(&self, _: &Event) {}

    fn interest(&self) -> Interest {
        self.0
    }
}

/// The time of a session, moved by a thread as long as this is there.
struct Time(Option<(Arc<AtomicBool>, thread::JoinHandle<()>)>);

impl Time {
    fn goes_by(hands: ClockHands) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&is_over);
        let moves = move || {
            while !ends.load(Ordering::SeqCst) {
                hands.advance(Duration::from_secs(1));
                thread::yield_now();
            }
        };
        Self(Some((is_over, thread::spawn(moves))))
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        if let Some((is_over, thread)) = self.0.take() {
            is_over.store(true, Ordering::SeqCst);
            thread.join().expect("a clock does not panic");
        }
    }
}

/// A run's end; nothing if it was dropped.
type Ended = Option<Result<u64, Error>>;

fn run(future: TaskFuture<u64>, session: &Session, way: Way) -> Ended {
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    match way {
        Way::Blocks => Some(future.run_in(session)),
        Way::Awaits => Some(runtime().block_on(async { future.await_in(session).await })),
        Way::Dropped(polls) => {
            let mut run = pin!(future.await_in(session));
            for _ in 0..polls {
                if let Poll::Ready(ended) =
                    run.as_mut().poll(&mut Context::from_waker(Waker::noop()))
                {
                    return Some(ended);
                }
                thread::yield_now();
            }
            None
        }
    }
}

#[task]
fn meets(all: &Arc<std::sync::Barrier>) -> bool {
    all.wait();
    true
}

/// A trial: the case, and what it is played with.
struct Trial {
    case: Case,
    model: Vec<Modelled>,
    session: Session,
    store: Fickle,
    world: World,
}

impl Trial {
    /// Whether an end is one that the model allows.
    fn is_allowed(&self, ended: &Result<u64, Error>, may_be_cancelled: bool) -> bool {
        let last = self.model.last().expect("there is a node");
        match ended {
            Ok(value) => *value == last.value && last.fate != Fate::Never,
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                may_be_cancelled && !error.to_string().contains("was lost")
            }
            Err(_) => last.fate != Fate::Sure,
        }
    }

    /// The runs of the first round, all at once.
    fn play_at_once(&self) {
        let shared = graph(&self.case, &self.world);
        let ended: Vec<Ended> = thread::scope(|scope| {
            let start = |run_of: &trial_support::case::Run| {
                let future =
                    if run_of.shares { shared.clone() } else { graph(&self.case, &self.world) };
                let way = run_of.way;
                scope.spawn(move || run(future, &self.session, way))
            };
            let threads: Vec<_> = self.case.runs.iter().map(start).collect();
            threads.into_iter().map(|thread| thread.join().expect("a run does not panic")).collect()
        });
        let is_cancelled = self.case.is_dropped() && self.has_async();
        for (run, ended) in self.case.runs.iter().zip(&ended) {
            if let Some(ended) = ended {
                let allowed = self.is_allowed(ended, is_cancelled && run.shares);
                assert!(allowed, "{run:?} ends with {ended:?}");
                self.check_failures(ended);
            }
        }
        self.check_calls();
    }

    fn has_async(&self) -> bool {
        self.case.plans.iter().any(|plan| plan.kind.is_async())
    }

    /// A run that keeps going tells all failures.
    fn check_failures(&self, ended: &Result<u64, Error>) {
        let Err(error) = ended else { return };
        let needed = || self.model.iter().filter(|node| node.is_needed);
        if !self.case.keeps_going
            || needed().any(|node| node.fate == Fate::Maybe)
            || self.case.is_dropped()
        {
            return;
        }
        let is_first = |node: &&Modelled| node.fate == Fate::Never && node.sources == Fate::Sure;
        let first = needed().filter(is_first).count();
        let told = error.failures().len();
        // Each element of a list that fails is one.
        let lists = self.case.plans.iter().filter(|plan| plan.kind == Kind::Each).count();
        assert!(
            (first..=first + lists).contains(&told),
            "{told} failures are told of {first}: {error:?}"
        );
    }

    /// Nothing was computed more often than it may be.
    fn check_calls(&self) {
        let graphs = self.case.graphs() as u32;
        for (number, plan) in self.case.plans.iter().enumerate() {
            for (inside, script) in plan.scripts.iter().enumerate() {
                let body = body_of(number + 2, inside);
                let calls = self.world.calls(body);
                let is_inside = inside > 0;
                if is_inside && !plan.kind.nests() || !plan.kind.has_body() {
                    assert_eq!(calls, 0, "body {body} is nobody's");
                    continue;
                }
                // Whoever nests may be tried again, and then asks again.
                let own = &plan.scripts[0];
                let outer = if is_inside { own.attempts() } else { 1 };
                let elements = if plan.kind == Kind::Each { 2 } else { 1 };
                let is_cut = script.is_timed || own.is_timed || self.case.is_dropped();
                let is_cached = plan.kind.is_cached() && !is_inside
                    || is_inside && (plan.kind == Kind::Nested || inside == 2);
                let fails = self.model[number + 2].fate == Fate::Never;
                let is_once = is_cached
                    && self.case.is_kept()
                    && !is_cut
                    && !fails
                    && plan.kind != Kind::Refreshed;
                let most = match (is_once, is_cut) {
                    (true, _) => script.calls() * elements,
                    (false, false) => script.calls() * graphs * outer * elements,
                    (false, true) => script.attempts() * graphs * outer * elements * 2,
                };
                assert!(
                    calls <= most,
                    "body {body} ({plan:?}) was called {calls} times, not {most}"
                );
            }
        }
        let looks = self.case.plans.iter();
        let looks = looks.filter(|plan| matches!(plan.kind, Kind::Also | Kind::AlsoPanics)).count();
        assert!(
            self.world.looks() <= looks as u64 * u64::from(graphs),
            "a look happens once a node"
        );
    }

    /// Bodies whose results are kept, and nobody's time is over.
    fn kept(&self) -> impl Iterator<Item = usize> {
        let plans = self.case.plans.iter().enumerate();
        plans.flat_map(|(number, plan)| {
            let own = (plan.kind.is_cached() && plan.kind != Kind::Refreshed).then_some(0);
            let inside: &[usize] = match plan.kind {
                Kind::Nested => &[1, 2],
                Kind::NestedAsync => &[2],
                _ => &[],
            };
            own.into_iter()
                .chain(inside.iter().copied())
                .map(move |inside| body_of(number + 2, inside))
        })
    }

    /// One more run, with a store that does not fail: it computes only what had not finished.
    fn play_again(&self) {
        self.store.calm();
        let is_timed =
            self.case.plans.iter().flat_map(|plan| &plan.scripts).any(|script| script.is_timed);
        let knows_all = self.case.is_kept() && !is_timed;
        if knows_all {
            let all = || -> u64 {
                let refreshed = self.case.plans.iter().enumerate();
                let refreshed = refreshed.filter(|(_, plan)| plan.kind == Kind::Refreshed);
                let refreshed = refreshed.map(|(number, _)| body_of(number + 2, 0));
                self.kept().chain(refreshed).map(|body| u64::from(self.world.finished(body))).sum()
            };
            // What finished in a run that was dropped is put by whoever comes by.
            wait_until(|| self.store.puts() >= all());
        }
        let before: Vec<(usize, u32, u32)> = self
            .kept()
            .map(|body| (body, self.world.calls(body), self.world.finished(body)))
            .collect();
        let ended = graph(&self.case, &self.world).run_in(&self.session);
        assert!(self.is_allowed(&ended, false), "the second round ends with {ended:?}");
        if knows_all {
            for (body, calls, finished) in before {
                let is_list =
                    self.case.plans[body / trial_support::case::BODIES - 2].kind == Kind::Each;
                if finished > 0 && !is_list {
                    assert_eq!(
                        self.world.calls(body),
                        calls,
                        "body {body} had finished, and was called again"
                    );
                }
            }
        }
    }

    /// As many bodies as there are places are at work at once.
    fn all_places_are_there(&self) {
        let places = self.case.concurrency;
        let all = Arc::new(std::sync::Barrier::new(places));
        let met = join_all((0..places).map(|_| meets(Arc::new(Arc::clone(&all)))));
        assert_eq!(met.run_in(&self.session).unwrap(), vec![true; places]);
    }
}

fn play(case: Case, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let (clock, hands) = Clock::manual();
    let time = case.needs_time().then(|| Time::goes_by(hands));
    let store = Fickle::new(seed, case.cache == Cache::Fickle, case.cache == Cache::Shared);
    let builder = Session::builder()
        .checkpoints(FileCheckpoints::open(folder.path()).unwrap())
        .clock(clock)
        .concurrency(case.concurrency)
        .keep_going(case.keeps_going)
        .observe(Deaf(if case.is_observed { Interest::Tasks } else { Interest::Warnings }));
    let builder = match case.cache {
        Cache::None => builder.without_cache(),
        Cache::Memory => builder.cache(store.clone()).memory("1 MB"),
        Cache::Store | Cache::Shared | Cache::Fickle => {
            builder.cache(store.clone()).without_memory()
        }
    };
    let (world, ringer) = World::of(&case);
    let model = model(&case);
    let session = builder.build().unwrap();
    let trial = Trial { case, model, session, store, world };
    trial.play_at_once();
    trial.play_again();
    trial.all_places_are_there();
    trial.world.end();
    drop(trial);
    // Bodies that were let go may have pauses before them.
    ringer.join().expect("whoever rings does not panic");
    drop(time);
}

/// The threads of the library in this process.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("daglite")).count()
}

#[test]
fn a_run_has_the_right_answer_or_a_right_failure_whatever_happens() {
    let start = seed();
    for round in 0..rounds(300) {
        let seed = start.wrapping_add(round);
        let case = Case::of(seed);
        let (tell, told) = mpsc::channel();
        let playing = {
            let case = case.clone();
            thread::spawn(move || {
                play(case, seed);
                let _ = tell.send(());
            })
        };
        let ended = told.recv_timeout(Duration::from_secs(60));
        let what = match ended {
            Ok(()) => continue,
            Err(mpsc::RecvTimeoutError::Timeout) => "neither ends nor fails",
            Err(mpsc::RecvTimeoutError::Disconnected) => "fails",
        };
        if ended == Err(mpsc::RecvTimeoutError::Disconnected) {
            let _ = playing.join();
        }
        panic!("DAGLITE_TEST_SEED={seed} {what}: {case:#?}");
    }
    wait_until(|| threads() == 0);
}
