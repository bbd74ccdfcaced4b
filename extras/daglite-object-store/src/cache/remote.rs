//! `Remote`: the tier behind the local store, with all that keeps it from being in the way.

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use daglite::Digest;
use daglite::store::{Artifact, ArtifactMeta, Glimpse, Lookup, StoreError, TaskRecord};
use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::settings::Settings;
use super::switch::{Ledger, Switch};
use super::tier::{Replace, Tier};
use super::uploads::{Job, Queued, Uploads};
use crate::place::Place;
use crate::trouble::Trouble;

/// How many keys are looked up at once.
const AT_ONCE: usize = 64;

/// What a transfer is expected to manage at least, in bytes a second.
const SLOWEST: u64 = 1 << 20;

/// How long an upload in the background may take beside the time for its bytes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest time that a remote is left alone before it is tried again.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// No time is longer: sums of times stay times that exist.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is not looked up any more by this process.
#[derive(Default)]
struct Shunned {
    /// Nothing at all, since everything was removed here.
    all: bool,
    keys: HashSet<Digest>,
}

/// The remote entries, as a run meets them.
pub(super) struct Remote {
    pub(super) tier: Tier,
    pub(super) settings: Settings,
    reading: Switch,
    writing: Switch,
    ledger: Ledger,
    uploads: Uploads,
    /// Whether look-ups have cost the present run too much.
    paused: AtomicBool,
    /// Whether that was told.
    told_paused: AtomicBool,
    /// Whether the present trouble was told.
    told: AtomicBool,
    /// Whether it was told in this run that the queue is full.
    told_full: AtomicBool,
    notices: Mutex<Vec<String>>,
    shunned: Mutex<Shunned>,
    removals: AtomicU64,
    handle: Handle,
}

impl Remote {
    /// With nothing known of the remote yet.
    pub(super) fn new(place: Place, settings: Settings, handle: Handle) -> Arc<Self> {
        Arc::new(Self {
            tier: Tier { place, max_value: settings.max_value },
            reading: Switch::new(),
            writing: Switch::new(),
            ledger: Ledger::default(),
            uploads: Uploads::new(settings.queue_count, settings.queue_bytes),
            paused: AtomicBool::new(false),
            told_paused: AtomicBool::new(false),
            told: AtomicBool::new(false),
            told_full: AtomicBool::new(false),
            notices: Mutex::default(),
            shunned: Mutex::default(),
            removals: AtomicU64::new(0),
            settings,
            handle,
        })
    }

    /// Whether a look-up of anything makes sense now.
    pub(super) fn is_asked(&self) -> bool {
        self.settings.access.reads()
            && self.reading.is_on()
            && !self.paused.load(Ordering::Relaxed)
            && !self.shunned.lock().all
    }

    /// Whether it makes sense to write now.
    pub(super) fn is_written(&self) -> bool {
        self.settings.access.writes() && self.writing.is_on()
    }

    /// How often something was removed.
    pub(super) fn removals(&self) -> u64 {
        self.removals.load(Ordering::Acquire)
    }

    /// What users should be told.
    pub(super) fn notices(&self) -> Vec<String> {
        std::mem::take(&mut *self.notices.lock())
    }

    /// A run begins.
    pub(super) fn begin(&self) {
        self.ledger.reset();
        self.paused.store(false, Ordering::Relaxed);
        self.told_full.store(false, Ordering::Relaxed);
    }

    /// What is under each of `keys`.
    pub(super) async fn find(self: Arc<Self>, keys: Vec<Digest>) -> Vec<Lookup<Glimpse>> {
        let _waiting = self.ledger.wait();
        let mut found: Vec<_> = keys.iter().map(|_| Lookup::Absent).collect();
        let answers = keys.into_iter().enumerate().filter(|(_, key)| !self.is_shunned(key));
        let mut answers = stream::iter(answers)
            .map(async |(at, key)| (at, key, self.tier.peek(&key).await))
            .buffer_unordered(AT_ONCE);
        let mut limit = self.limit();
        while let Some(Some((at, key, answer))) = self.unless_given_up(limit, answers.next()).await
        {
            let Some(answer) = self.judged(&key, answer) else {
                break;
            };
            // Others save their time when they are fetched.
            if let Lookup::Found(Glimpse { meta, bytes: Some(_) }) = &answer {
                self.ledger.save(meta.took);
                limit = self.limit();
            }
            found[at] = answer;
        }
        found
    }

    /// The entry under `key`.
    pub(super) async fn fetch(self: Arc<Self>, key: Digest) -> Lookup<Artifact> {
        if self.is_shunned(&key) {
            return Lookup::Absent;
        }
        let _waiting = self.ledger.wait();
        let limit = Limit::at(self.limit());
        let heard = Mutex::new(Instant::now());
        // A value that was long in the making may be long on its way, if it keeps coming.
        let announce = |meta: &ArtifactMeta| {
            *heard.lock() = Instant::now();
            limit.put_off(meta.took.min(Duration::from_secs(meta.size / SLOWEST)).min(DAY));
        };
        let fetched = self.tier.fetch(&key, self.settings.deadline, announce);
        let fetched = self.unless_off(async {
            match select(pin!(fetched), pin!(limit.passed())).await {
                Either::Left((fetched, _)) => Some(fetched),
                Either::Right(((), _)) => None,
            }
        });
        let answer = match fetched.await {
            Some(Some(answer)) => answer,
            Some(None) => {
                self.give_up(*heard.lock());
                return Lookup::Absent;
            }
            None => return Lookup::Absent,
        };
        match self.judged(&key, answer) {
            Some(Lookup::Found(artifact)) => {
                self.ledger.save(artifact.meta.took);
                Lookup::Found(artifact)
            }
            Some(other) => other,
            None => Lookup::Absent,
        }
    }

    /// The record under `id`.
    pub(super) async fn record(self: Arc<Self>, id: Digest) -> Option<TaskRecord> {
        let _waiting = self.ledger.wait();
        let record = self.tier.record(&id, self.settings.deadline);
        match self.unless_given_up(self.limit(), record).await? {
            Ok(record) => Some(record),
            Err(Trouble::Missing | Trouble::Wrong(_)) => None,
            Err(trouble) => {
                self.leave_alone(&trouble);
                None
            }
        }
    }

    /// What `answer` means for a look-up; none if the remote is left alone because of it.
    fn judged<T>(self: &Arc<Self>, key: &Digest, answer: Result<T, Trouble>) -> Option<Lookup<T>> {
        match answer {
            Ok(found) => Some(Lookup::Found(found)),
            Err(Trouble::Missing) => Some(Lookup::Absent),
            Err(Trouble::Wrong(why)) => {
                // Whoever computes it writes over it.
                self.shunned.lock().keys.insert(*key);
                let place = &self.tier.place;
                Some(Lookup::Damaged(format!("the entry in `{place}` is damaged: {why}")))
            }
            Err(trouble) => {
                self.leave_alone(&trouble);
                None
            }
        }
    }

    /// Until when a run can wait.
    fn limit(&self) -> Instant {
        Instant::now() + self.ledger.left(self.settings.deadline).min(DAY)
    }

    /// The answer, unless it takes too long, or the remote is given up meanwhile.
    async fn unless_given_up<T>(
        self: &Arc<Self>,
        limit: Instant,
        answer: impl Future<Output = T>,
    ) -> Option<T> {
        let since = Instant::now();
        let silence = since + self.settings.deadline;
        match self.unless_off(timeout_at(limit.min(silence), answer)).await? {
            Ok(answer) => Some(answer),
            Err(_) => {
                self.give_up(since);
                None
            }
        }
    }

    /// Waits no more: until the next run, or, if there was nothing to hear since `since`, until there is.
    fn give_up(self: &Arc<Self>, since: Instant) {
        let (place, deadline) = (&self.tier.place, self.settings.deadline);
        // A little of it went into other things.
        if since.elapsed() >= deadline / 10 * 9 {
            let trouble = format!("it did not answer within {deadline:?}: check the network");
            return self.leave_alone(&Trouble::Failed(trouble));
        }
        self.paused.store(true, Ordering::Relaxed);
        if !self.told_paused.swap(true, Ordering::Relaxed) {
            self.notices.lock().push(format!(
                "look-ups in the shared cache at `{place}` have cost a run {deadline:?} more than they saved, so it went on \
                 without: set a longer `deadline` if that is worth it"
            ));
        }
    }

    /// The answer, unless the remote is given up meanwhile.
    async fn unless_off<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        if !self.reading.is_on() {
            return None;
        }
        match select(pin!(answer), pin!(self.reading.off())).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        }
    }

    /// Whether `key` is not to be looked up.
    fn is_shunned(&self, key: &Digest) -> bool {
        let shunned = self.shunned.lock();
        shunned.all || shunned.keys.contains(key)
    }

    /// Looks nothing up any more, and writes nothing, until the place answers again.
    fn leave_alone(self: &Arc<Self>, trouble: &Trouble) {
        // Who does not answer does not take anything either.
        self.writing.turn_off();
        self.uploads.forget(None);
        if self.reading.turn_off() {
            let place = &self.tier.place;
            self.tell_trouble(format!(
                "the shared cache at `{place}` is left alone, and the local one goes on: {trouble}"
            ));
            let remote = Arc::clone(self);
            drop(self.handle.spawn(async move {
                remote.wait_until(async || remote.tier.answers().await).await;
                remote.ledger.reset();
                remote.reading.turn_on();
                remote.writing.turn_on();
                remote.told.store(false, Ordering::Relaxed);
            }));
        }
    }

    /// Writes nothing any more until the place takes something again.
    fn write_nothing(self: &Arc<Self>, trouble: &Trouble) {
        if self.writing.turn_off() {
            let place = &self.tier.place;
            self.tell_trouble(format!("results are not uploaded to `{place}`: {trouble}"));
            let remote = Arc::clone(self);
            drop(self.handle.spawn(async move {
                remote.wait_until(async || remote.tier.takes().await).await;
                // If it does not answer either, others wait for that.
                if remote.reading.is_on() {
                    remote.writing.turn_on();
                    remote.told.store(false, Ordering::Relaxed);
                }
            }));
        }
        self.uploads.forget(None);
    }

    /// Tries again and again, after longer and longer rests.
    async fn wait_until<F>(&self, ready: impl Fn() -> F)
    where
        F: Future<Output = Result<(), Trouble>>,
    {
        let mut rest = self.settings.rest;
        loop {
            sleep(rest).await;
            if let Ok(Ok(())) = timeout(self.settings.deadline, ready()).await {
                return;
            }
            rest = (rest * 2).min(LONGEST_REST.max(self.settings.rest));
        }
    }

    /// Notes what users should be told, once for each time of trouble.
    fn tell_trouble(&self, notice: String) {
        if !self.told.swap(true, Ordering::Relaxed) {
            self.notices.lock().push(notice);
        }
    }

    /// Uploads `job` while the run waits; answers whether it is there now.
    pub(super) async fn upload_inline(self: Arc<Self>, job: Job) -> Result<bool, StoreError> {
        let limit = self.settings.deadline + time_for(&job);
        self.upload(&job, limit).await
    }

    /// Whether something waits to be uploaded and can be.
    pub(super) fn has_uploads(&self) -> bool {
        self.uploads.count() > 0 && self.is_written()
    }

    /// Has `job` wait for its upload.
    pub(super) fn enqueue(self: &Arc<Self>, job: Job) {
        match self.uploads.push(job) {
            Queued::Yes => {}
            Queued::StartWorker => {
                let remote = Arc::clone(self);
                drop(self.handle.spawn(async move { remote.work().await }));
            }
            Queued::Full => {
                if !self.told_full.swap(true, Ordering::Relaxed) {
                    let (place, count) = (&self.tier.place, self.uploads.count());
                    self.notices.lock().push(format!(
                        "not all results are uploaded to `{place}`: {count} wait already, and no more may; allow a longer \
                         queue, or upload inline"
                    ));
                }
            }
        }
    }

    /// Uploads what waits until nothing does.
    async fn work(self: Arc<Self>) {
        while let Some(job) = self.uploads.next() {
            let (key, size) = match &job {
                Job::Entry { key, value, .. } => (*key, value.len() as u64),
                Job::Record(record) => (record.id(), 0),
            };
            if self.is_written() {
                let limit = PATIENCE + time_for(&job);
                if let Err(error) = self.upload(&job, limit).await {
                    self.notices.lock().push(error.to_string());
                }
            }
            drop(job);
            self.uploads.ended(&key, size);
        }
    }

    /// Uploads `job` now; answers whether it is there. An error says that the job itself is wrong.
    async fn upload(self: &Arc<Self>, job: &Job, limit: Duration) -> Result<bool, StoreError> {
        let went_on = || self.uploads.went_on();
        let written = async {
            match job {
                Job::Record(record) => self.tier.put_record(record).await,
                Job::Entry { key, meta, value } => {
                    let replace =
                        if self.is_shunned(key) { Replace::Anything } else { Replace::Older };
                    self.tier.put(key, meta, value.clone(), replace, &went_on).await
                }
            }
        };
        let written = match select(pin!(timeout(limit, written)), pin!(self.writing.off())).await {
            Either::Left((written, _)) => written,
            Either::Right(_) => return Ok(false),
        };
        match written {
            Ok(Ok(())) => {
                self.shunned.lock().keys.remove(&job.key());
                Ok(true)
            }
            Ok(Err(Trouble::Taken)) => Ok(false),
            Ok(Err(Trouble::Wrong(why))) => {
                let place = &self.tier.place;
                Err(StoreError::new(format!("a result cannot be uploaded to `{place}`: {why}")))
            }
            Ok(Err(trouble)) => {
                self.write_nothing(&trouble);
                Ok(false)
            }
            Err(_) => {
                self.write_nothing(&Trouble::failed("it takes too long: check the network"));
                Ok(false)
            }
        }
    }

    /// Waits until all is uploaded: as long as it gets on, no longer than was asked for; and a deadline where it does not.
    pub(super) async fn flush(self: Arc<Self>) {
        let end = Instant::now() + self.settings.flush_deadline;
        let mut progress = self.uploads.watch();
        while self.has_uploads() {
            let moment = Instant::now() + self.settings.deadline;
            let (off, next) = (pin!(self.writing.off()), pin!(progress.changed()));
            let next = pin!(timeout_at(moment.min(end), next));
            let Either::Left((waited, _)) = select(next, off).await else { return };
            if waited.is_ok() {
                continue;
            }
            if moment <= end {
                self.write_nothing(&Trouble::failed("it takes nothing: check the network"));
            } else {
                let (place, count) = (&self.tier.place, self.uploads.count());
                self.notices.lock().push(format!(
                    "{count} results still wait to be uploaded to `{place}`: they are lost if the program ends now; \
                     allow a longer `flush_deadline`"
                ));
            }
            return;
        }
    }

    /// The same for a thread that has to wait: the store ends.
    pub(super) fn finish_uploads(self: &Arc<Self>) {
        if !self.has_uploads() {
            return;
        }
        let (done, waits) = std::sync::mpsc::channel::<()>();
        let remote = Arc::clone(self);
        drop(self.handle.spawn(async move {
            remote.flush().await;
            drop(done);
        }));
        // Nothing is ever sent: the end of the other side is the message.
        let longest = self.settings.flush_deadline + self.settings.deadline;
        let _ = waits.recv_timeout(longest);
    }

    /// Removes the entry under `key`; answers whether there was one.
    pub(super) async fn remove(self: Arc<Self>, key: Digest) -> Result<bool, StoreError> {
        self.removals.fetch_add(1, Ordering::Release);
        self.uploads.forget(Some(&key));
        if !self.settings.access.writes() {
            self.shunned.lock().keys.insert(key);
            return Ok(false);
        }
        let removed = async {
            self.uploads.landed(Some(key)).await;
            self.tier.remove(&key).await
        };
        let removed = self.within_patience(removed).await;
        if removed.is_err() {
            self.shunned.lock().keys.insert(key);
        }
        removed
    }

    /// Removes every entry.
    pub(super) async fn clear(self: Arc<Self>) -> Result<(), StoreError> {
        self.removals.fetch_add(1, Ordering::Release);
        self.uploads.forget(None);
        if !self.settings.access.writes() {
            self.shunned.lock().all = true;
            return Ok(());
        }
        let cleared = async {
            self.uploads.landed(None).await;
            self.tier.clear().await
        };
        let cleared = self.within_patience(cleared).await;
        if cleared.is_err() {
            self.shunned.lock().all = true;
        }
        cleared
    }

    /// What was removed, in a time that people wait for.
    async fn within_patience<T>(
        &self,
        removed: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, StoreError> {
        let place = &self.tier.place;
        let failed = |trouble: Trouble| {
            StoreError::new(format!("entries in `{place}` could not be removed: {trouble}"))
        };
        match timeout(PATIENCE, removed).await {
            Ok(removed) => removed.map_err(failed),
            Err(_) => Err(failed(Trouble::failed("it takes too long: check the network"))),
        }
    }
}

/// The time that the bytes of `job` may take.
fn time_for(job: &Job) -> Duration {
    match job {
        Job::Entry { value, .. } => Duration::from_secs(value.len() as u64 / SLOWEST),
        Job::Record(_) => Duration::ZERO,
    }
}

/// A moment that may be moved while somebody waits for it.
struct Limit(Mutex<Instant>);

impl Limit {
    fn at(moment: Instant) -> Self {
        Self(Mutex::new(moment))
    }

    fn put_off(&self, longer: Duration) {
        *self.0.lock() += longer;
    }

    /// Waits until it has passed.
    async fn passed(&self) {
        loop {
            let moment = *self.0.lock();
            if Instant::now() >= moment {
                return;
            }
            sleep_until(moment).await;
        }
    }
}
