//! What `daglite/src/sync.rs` gives the library in this package: each lock, condition, atomic and thread is a place where
//! shuttle's scheduler may let another thread go on.
//!
//! Threads are not real here: all of a test run on one, a step at a time. Atomics are sequentially consistent, whatever their
//! order says. Time stands still but for waits that have an end, see [`Waits`].

use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::ops::{Add, Deref, DerefMut};
use std::sync::atomic::{AtomicBool as Flag, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

pub use shuttle::sync::atomic::{AtomicBool, AtomicU64};
pub use shuttle::thread;

#[path = "explore.rs"]
mod explore;

pub use explore::{Waits, explore};

std::thread_local! {
    /// The time that has gone by in what is tried now.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// What waits with an end do.
    static WAITS: Cell<Waits> = const { Cell::new(Waits::Endless) };
}

/// Begins something new to be tried.
fn begin(waits: Waits) {
    NOW.set(Duration::ZERO);
    WAITS.set(waits);
}

/// A moment of the time that stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(Duration);

impl Instant {
    /// Now.
    pub fn now() -> Self {
        Self(NOW.get())
    }

    /// The time since then.
    pub fn elapsed(&self) -> Duration {
        NOW.get().saturating_sub(self.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0 + later)
    }
}

/// A lock.
#[derive(Debug, Default)]
pub struct Mutex<T: ?Sized>(shuttle::sync::Mutex<T>);

/// The right to what a lock keeps.
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Not there while it is given up for a moment.
    held: Option<shuttle::sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    /// A lock that is free.
    pub const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    /// What it keeps.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until it is free, and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, held: Some(self.take()) }
    }

    /// What it keeps, as nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> shuttle::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> MutexGuard<'_, T> {
    /// Gives the lock up while `work` is done.
    pub fn unlocked<R>(guard: &mut Self, work: impl FnOnce() -> R) -> R {
        /// Takes it back, also after a panic.
        struct Back<'g, 'a, T: ?Sized>(&'g mut MutexGuard<'a, T>);
        impl<T: ?Sized> Drop for Back<'_, '_, T> {
            fn drop(&mut self) {
                self.0.held = Some(self.0.mutex.take());
            }
        }
        guard.held = None;
        let _back = Back(guard);
        work()
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("a lock is given up only while nobody looks")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("a lock is given up only while nobody looks")
    }
}

/// A lock that many may read behind.
#[derive(Debug, Default)]
pub struct RwLock<T>(shuttle::sync::RwLock<T>);

impl<T> RwLock<T> {
    /// Waits until nobody writes.
    pub fn read(&self) -> impl Deref<Target = T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody reads or writes.
    pub fn write(&self) -> impl DerefMut<Target = T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something to wait for under a lock.
#[derive(Default)]
pub struct Condvar {
    condition: shuttle::sync::Condvar,
    /// Those whose wait has an end, and who have not been told: they are told first.
    timed: std::sync::Mutex<Vec<Arc<Flag>>>,
}

/// How a wait with an end has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Whether the time was over.
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    /// One that nobody waits for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells one of those that wait.
    pub fn notify_one(&self) {
        let timed = {
            let mut timed = self.timed.lock().unwrap_or_else(PoisonError::into_inner);
            let count = timed.len();
            (count > 0).then(|| timed.remove(chance(count)))
        };
        match timed {
            Some(told) => told.store(true, Ordering::SeqCst),
            None => self.condition.notify_one(),
        }
    }

    /// Tells all that wait.
    pub fn notify_all(&self) {
        let timed = std::mem::take(&mut *self.timed.lock().unwrap_or_else(PoisonError::into_inner));
        timed.iter().for_each(|told| told.store(true, Ordering::SeqCst));
        self.condition.notify_all();
    }

    /// Waits until somebody tells.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.held.take().expect("who waits has the lock");
        guard.held = Some(self.condition.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until somebody tells, or until the time is over.
    pub fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, most: Duration) -> WaitTimeoutResult {
        if WAITS.get() == Waits::Endless {
            self.wait(guard);
            return WaitTimeoutResult(false);
        }
        let end = NOW.get() + most;
        let told = Arc::new(Flag::new(false));
        self.timed.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&told));
        MutexGuard::unlocked(guard, || {
            while !told.load(Ordering::SeqCst) && chance(8) > 0 {
                thread::yield_now();
            }
        });
        self.timed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|other| !Arc::ptr_eq(other, &told));
        let timed_out = !told.load(Ordering::SeqCst);
        if timed_out {
            NOW.set(NOW.get().max(end));
        }
        WaitTimeoutResult(timed_out)
    }

    /// Waits until somebody tells, or until a moment.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, end: Instant) -> WaitTimeoutResult {
        self.wait_for(guard, end.0.saturating_sub(NOW.get()))
    }

    /// Waits as long as `waits` says so, or until the time is over.
    pub fn wait_while_for<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut waits: impl FnMut(&mut T) -> bool,
        most: Duration,
    ) -> WaitTimeoutResult {
        let end = Instant::now() + most;
        while waits(guard) {
            if self.wait_until(guard, end).timed_out() {
                return WaitTimeoutResult(waits(guard));
            }
        }
        WaitTimeoutResult(false)
    }
}

/// A number below `limit`, chosen like the order of the threads.
fn chance(limit: usize) -> usize {
    use shuttle::rand::Rng;
    shuttle::rand::thread_rng().gen_range(0..limit)
}

/// A table for many threads, behind one lock.
#[derive(Debug)]
pub struct DashMap<K, V, S = RandomState>(Mutex<HashMap<K, V, S>>);

impl<K, V, S: Default> Default for DashMap<K, V, S> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::default()))
    }
}

/// A key's place in a table. The table is locked meanwhile.
pub enum Entry<'a, K, V, S> {
    /// Nothing is there.
    Vacant(Place<'a, K, V, S>),
    /// Something is.
    Occupied(Place<'a, K, V, S>),
}

/// A place in a table.
pub struct Place<'a, K, V, S> {
    table: MutexGuard<'a, HashMap<K, V, S>>,
    key: K,
}

impl<K: Eq + Hash + Copy, V, S: BuildHasher> DashMap<K, V, S> {
    /// The place of `key`.
    pub fn entry(&self, key: K) -> Entry<'_, K, V, S> {
        let table = self.0.lock();
        let is_there = table.contains_key(&key);
        let place = Place { table, key };
        if is_there { Entry::Occupied(place) } else { Entry::Vacant(place) }
    }

    /// What is under `key`.
    pub fn get_mut(&self, key: &K) -> Option<Place<'_, K, V, S>> {
        match self.entry(*key) {
            Entry::Occupied(place) => Some(place),
            Entry::Vacant(_) => None,
        }
    }

    /// Takes out what is under `key`.
    pub fn remove(&self, key: &K) -> Option<(K, V)> {
        self.0.lock().remove_entry(key)
    }
}

impl<K: Eq + Hash + Copy, V, S: BuildHasher> Place<'_, K, V, S> {
    /// Puts `value` there.
    pub fn insert(mut self, value: V) {
        self.table.insert(self.key, value);
    }

    /// What is there.
    pub fn get_mut(&mut self) -> &mut V {
        &mut *self
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Deref for Place<'_, K, V, S> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.table[&self.key]
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> DerefMut for Place<'_, K, V, S> {
    fn deref_mut(&mut self) -> &mut V {
        self.table.get_mut(&self.key).expect("it was there, and the table is locked")
    }
}

/// What belongs to each thread by itself.
pub struct Local<T: 'static>(#[doc(hidden)] pub thread::LocalKey<T>);

impl<T> Local<T> {
    /// Looks at that of this thread.
    pub fn with<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
        self.0.with(look)
    }

    /// The same, unless the thread has ended.
    pub fn try_with<R>(
        &'static self,
        look: impl FnOnce(&T) -> R,
    ) -> Result<R, thread::AccessError> {
        self.0.try_with(look)
    }
}

impl<T> Local<Cell<T>> {
    /// Puts `value` in its place.
    pub fn set(&'static self, value: T) {
        self.with(|cell| cell.set(value));
    }

    /// What is there.
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Puts `value` in its place; what was there.
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T> Local<std::cell::RefCell<T>> {
    /// Looks at what is inside.
    pub fn with_borrow<R>(&'static self, look: impl FnOnce(&T) -> R) -> R {
        self.with(|cell| look(&cell.borrow()))
    }

    /// Changes what is inside.
    pub fn with_borrow_mut<R>(&'static self, change: impl FnOnce(&mut T) -> R) -> R {
        self.with(|cell| change(&mut cell.borrow_mut()))
    }

    /// Puts `value` in its place.
    pub fn set(&'static self, value: T) {
        self.with(|cell| _ = cell.replace(value));
    }

    /// Takes out what is inside.
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(std::cell::RefCell::take)
    }
}

/// Declares what belongs to each thread by itself, as the standard library's does.
macro_rules! of_each_thread {
    () => {};
    ($(#[$about:meta])* $visible:vis static $name:ident: $type:ty = const { $init:expr } $(; $($rest:tt)*)?) => {
        $(#[$about])*
        $visible static $name: $crate::sync::Local<$type> =
            $crate::sync::Local($crate::sync::thread::LocalKey { init: || $init, _p: ::std::marker::PhantomData });
        $($crate::sync::thread_local! { $($rest)* })?
    };
    ($(#[$about:meta])* $visible:vis static $name:ident: $type:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$about])*
        $visible static $name: $crate::sync::Local<$type> =
            $crate::sync::Local($crate::sync::thread::LocalKey { init: || $init, _p: ::std::marker::PhantomData });
        $($crate::sync::thread_local! { $($rest)* })?
    };
}
pub(crate) use of_each_thread as thread_local;
