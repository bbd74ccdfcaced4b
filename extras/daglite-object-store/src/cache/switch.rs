//! `Switch`: whether a remote is asked at all; and `Ledger`: what it has cost a run so far, and saved it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Whether a remote is asked. Who waits for an answer hears at once when that is given up.
pub(super) struct Switch(watch::Sender<bool>);

impl Switch {
    /// One that is on.
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(true))
    }

    /// Whether it is on.
    pub(super) fn is_on(&self) -> bool {
        *self.0.borrow()
    }

    /// Turns it off; answers whether it was on.
    pub(super) fn turn_off(&self) -> bool {
        self.0.send_replace(false)
    }

    /// Turns it on.
    pub(super) fn turn_on(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is off.
    pub(super) async fn off(&self) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|is_on| !is_on).await;
    }
}

/// What waiting for a remote has cost the present runs, and what its results have saved them.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Account>);

/// The sums.
#[derive(Default)]
struct Account {
    /// How many wait now: several that wait at once lose the time once.
    waiting: usize,
    since: Option<Instant>,
    spent: Duration,
    saved: Duration,
}

impl Account {
    /// What was spent until now.
    fn spent(&self) -> Duration {
        self.spent + self.since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

impl Ledger {
    /// Somebody waits until what this answers is dropped.
    pub(super) fn wait(&self) -> Waiting<'_> {
        let mut account = self.0.lock();
        account.waiting += 1;
        account.since.get_or_insert_with(Instant::now);
        Waiting(self)
    }

    /// A result came that took `took` to compute.
    pub(super) fn save(&self, took: Duration) {
        let mut account = self.0.lock();
        account.saved = account.saved.saturating_add(took);
    }

    /// How long may still be waited if no more than `allowed` may be lost.
    pub(super) fn left(&self, allowed: Duration) -> Duration {
        let account = self.0.lock();
        allowed.saturating_add(account.saved).saturating_sub(account.spent())
    }

    /// Begins anew.
    pub(super) fn reset(&self) {
        let mut account = self.0.lock();
        let since = (account.waiting > 0).then(Instant::now);
        *account = Account { waiting: account.waiting, since, ..Account::default() };
    }
}

/// Somebody who waits.
pub(super) struct Waiting<'a>(&'a Ledger);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut account = self.0.0.lock();
        account.waiting -= 1;
        if account.waiting == 0 {
            account.spent = account.spent();
            account.since = None;
        }
    }
}
