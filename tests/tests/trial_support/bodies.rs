//! The tasks of the trials, and the world in which their bodies act out what the case says.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

use daglite::prelude::*;

use super::case::{Case, End, Kind, Manner, Plan, Script};
use super::model::{body_of, mix};

/// What bodies know, and what they note.
#[derive(Clone)]
pub(crate) struct World(Arc<Stage>);

/// What is behind it.
pub(crate) struct Stage {
    scripts: Vec<Script>,
    /// How often each body was called.
    calls: Vec<AtomicU32>,
    /// How often each has come to a good end.
    finished: Vec<AtomicU32>,
    /// How many looks there were.
    looks: AtomicU64,
    /// Whether those that hang are let go.
    is_over: Mutex<bool>,
    over: Condvar,
    /// Wakes whom it is told to.
    bell: mpsc::Sender<Ring>,
}

/// Somebody to be woken.
enum Ring {
    Thread(thread::Thread, Arc<AtomicU32>),
    Body(Waker, Arc<AtomicU32>),
}

impl World {
    /// The world of a case, and the thread that rings: it ends with the last handle on the world.
    pub(crate) fn of(case: &Case) -> (Self, JoinHandle<()>) {
        let mut scripts = vec![Script::default_first(); body_of(2, 0)];
        scripts.extend(case.plans.iter().flat_map(|plan| plan.scripts));
        let counts = || scripts.iter().map(|_| AtomicU32::new(0)).collect();
        let (bell, rings) = mpsc::channel();
        let ringer = thread::spawn(move || rings.into_iter().for_each(Ring::ring));
        let stage = Stage {
            calls: counts(),
            finished: counts(),
            scripts,
            looks: AtomicU64::new(0),
            is_over: Mutex::new(false),
            over: Condvar::new(),
            bell,
        };
        (Self(Arc::new(stage)), ringer)
    }

    /// How often a body was called.
    pub(crate) fn calls(&self, body: usize) -> u32 {
        self.0.calls[body].load(Ordering::SeqCst)
    }

    /// How often it has come to a good end.
    pub(crate) fn finished(&self, body: usize) -> u32 {
        self.0.finished[body].load(Ordering::SeqCst)
    }

    /// How many looks there were.
    pub(crate) fn looks(&self) -> u64 {
        self.0.looks.load(Ordering::SeqCst)
    }

    /// Lets those go that hang.
    pub(crate) fn end(&self) {
        *self.0.is_over.lock().unwrap() = true;
        self.0.over.notify_all();
    }

    fn begin(&self, body: usize) -> (Script, u32) {
        (self.0.scripts[body], self.0.calls[body].fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Acts out what a body does on its own thread, up to its end.
    fn act(&self, body: usize) -> Act {
        let (script, call) = self.begin(body);
        match script.manner {
            Manner::Quick => {}
            Manner::Yields(times) => (0..times).for_each(|_| thread::yield_now()),
            Manner::Rung => {
                let rung = Arc::new(AtomicU32::new(0));
                let _ = self.0.bell.send(Ring::Thread(thread::current(), Arc::clone(&rung)));
                while rung.load(Ordering::SeqCst) == 0 {
                    thread::park();
                }
            }
            Manner::Hangs => {
                let mut is_over = self.0.is_over.lock().unwrap();
                while !*is_over {
                    is_over = self.0.over.wait(is_over).unwrap();
                }
            }
        }
        Act { body, script, call }
    }

    /// The same for a body that is polled.
    async fn act_async(&self, body: usize) -> Act {
        let (script, call) = self.begin(body);
        match script.manner {
            Manner::Quick => {}
            Manner::Yields(times) => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }
            Manner::Rung => {
                let rung = Arc::new(AtomicU32::new(0));
                std::future::poll_fn(|cx| {
                    if rung.load(Ordering::SeqCst) > 0 {
                        return Poll::Ready(());
                    }
                    let ring = Ring::Body(cx.waker().clone(), Arc::clone(&rung));
                    let _ = self.0.bell.send(ring);
                    Poll::Pending
                })
                .await;
            }
            Manner::Hangs => std::future::pending().await,
        }
        Act { body, script, call }
    }

    /// Comes to the end of a body.
    fn finish(&self, act: &Act, value: u64) -> Result<u64, String> {
        match act.script.end {
            End::FailsAtFirst(times) if act.call <= times => Err(format!("call {}", act.call)),
            End::Fails => Err("as was asked".to_owned()),
            // Without the hook that tells people of panics.
            End::Panics => resume_unwind(Box::new("as was asked")),
            End::Returns | End::FailsAtFirst(_) => {
                self.0.finished[act.body].fetch_add(1, Ordering::SeqCst);
                Ok(value)
            }
        }
    }
}

/// A body on its way.
struct Act {
    body: usize,
    script: Script,
    call: u32,
}

impl Script {
    /// What the two first nodes do.
    fn default_first() -> Self {
        Self { manner: Manner::Quick, end: End::Returns, retries: 0, is_timed: false }
    }
}

impl Ring {
    fn ring(self) {
        match self {
            Self::Thread(thread, rung) => {
                rung.store(1, Ordering::SeqCst);
                thread.unpark();
            }
            Self::Body(waker, rung) => {
                rung.store(1, Ordering::SeqCst);
                waker.wake();
            }
        }
    }
}

#[task]
fn plain(body: usize, a: u64, b: &u64, world: &World) -> Result<u64, String> {
    let act = world.act(body);
    world.finish(&act, mix(a, *b))
}

#[task(cache, cache_exclude = [world])]
fn cached(body: usize, a: &u64, b: u64, world: &World) -> Result<u64, String> {
    let act = world.act(body);
    world.finish(&act, mix(*a, b))
}

#[task]
async fn asynchronous(body: usize, a: u64, b: u64, world: World) -> Result<u64, String> {
    let act = world.act_async(body).await;
    world.finish(&act, mix(a, b))
}

#[task(cache, cache_exclude = [world])]
async fn cached_async(body: usize, a: u64, b: &u64, world: &World) -> Result<u64, String> {
    let act = world.act_async(body).await;
    world.finish(&act, mix(a, *b))
}

/// An error of either kind as text.
fn told(error: daglite::Error) -> String {
    error.to_string()
}

#[task(cache, cache_exclude = [inside, world])]
fn nested(body: usize, a: u64, b: u64, inside: [Script; 2], world: &World) -> Result<u64, String> {
    let act = world.act(body);
    let both = join((
        with(cached(body + 1, a, b, world.clone()), inside[0]),
        with(cached_async(body + 2, a, b, world.clone()), inside[1]),
    ));
    let value = both.map(|(x, _)| x).run().map_err(told)?;
    world.finish(&act, value)
}

#[task]
async fn nested_async(
    body: usize,
    a: u64,
    b: u64,
    inside: [Script; 2],
    world: World,
) -> Result<u64, String> {
    let act = world.act_async(body).await;
    let both = join((
        with(plain(body + 1, a, b, world.clone()), inside[0]),
        with(cached_async(body + 2, a, b, world.clone()), inside[1]),
    ));
    let (value, _) = both.await.map_err(told)?;
    world.finish(&act, value)
}

/// What `script` says of the attempts of a call.
fn with(call: TaskFuture<u64>, script: Script) -> TaskFuture<u64> {
    let call = match script.retries {
        0 => call,
        retries => call.retries(retries).retry_delay("10s"),
    };
    if script.is_timed { call.timeout("30s") } else { call }
}

/// The graph of a case.
pub(crate) fn graph(case: &Case, world: &World) -> TaskFuture<u64> {
    let first = |node, value| plain(body_of(node, 0), 0, value, world.clone());
    let mut nodes = vec![first(0, 1), first(1, 2)];
    for plan in &case.plans {
        let at = |back: usize| nodes[nodes.len().saturating_sub(back)].clone();
        let sources = (at(plan.sources.0), at(plan.sources.1));
        let node = node(plan, nodes.len(), sources, world);
        nodes.push(node);
    }
    nodes.pop().expect("there is a node")
}

fn node(
    plan: &Plan,
    number: usize,
    (a, b): (TaskFuture<u64>, TaskFuture<u64>),
    world: &World,
) -> TaskFuture<u64> {
    let body = body_of(number, 0);
    let [script, inside @ ..] = plan.scripts;
    let world = world.clone();
    match plan.kind {
        Kind::Plain => with(plain(body, a, b, world), script),
        Kind::Cached => with(cached(body, a, b, world), script),
        Kind::Async => with(asynchronous(body, a, b, world), script),
        Kind::CachedAsync => with(cached_async(body, a, b, world), script),
        Kind::Nested => with(nested(body, a, b, inside, world), script),
        Kind::NestedAsync => with(nested_async(body, a, b, inside, world), script),
        Kind::Map => join((a, b)).map(|(a, b)| mix(a, b)),
        Kind::Join => join_all([a, b]).map(|both| mix(both[0], both[1])),
        Kind::AndThen => {
            join((a, b)).and_then(move |(a, b)| with(cached(body, a, b, world), script))
        }
        Kind::Each => {
            let each = move |n| with(cached(body, 0, n, world.clone()), script);
            join_all([a, b]).map_each(each).map(|both| mix(both[0], both[1]))
        }
        Kind::Also | Kind::AlsoPanics => {
            let panics = plan.kind == Kind::AlsoPanics;
            with(cached(body, a, b, world.clone()), script).also(move |_| {
                world.0.looks.fetch_add(1, Ordering::SeqCst);
                if panics {
                    resume_unwind(Box::new("as was asked"));
                }
            })
        }
        Kind::Refreshed => with(cached(body, a, b, world).refresh(), script),
        Kind::Checkpoint => {
            with(cached(body, a, b, world), script).checkpoint(format!("node/{number}"))
        }
    }
}
