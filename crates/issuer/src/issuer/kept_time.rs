//! The issuer and its clock: the latest time it has seen, what the store keeps of it, and when it may be trusted to delete.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jwtis_base::audit::{Actor, AuditRecord};
use jwtis_base::env::{Env, Timestamp};
use jwtis_store::{CommitError, ReadError, Store, Transaction, Version};

use crate::clock::{ClockWatch, JUMP, KeptClock, Outage, kept_name};

/// What an issuer knows of its clock.
pub(super) struct KeptTime {
    pub(super) watch: Mutex<ClockWatch>,
    /// What the watch has confirmed, in milliseconds since the epoch: requests read it without the lock.
    pub(super) confirmed: AtomicU64,
    /// The pause before this run; `None` at a first start.
    pub(super) outage: Option<Outage>,
    /// Whether sessions were opened since the time was kept last.
    pub(super) opened: AtomicBool,
    /// Latest time of a session that lies after the clock's, in milliseconds since the epoch: behind a mark.
    pub(super) ahead: AtomicU64,
    /// When the last commit was, in milliseconds since the epoch.
    pub(super) last_commit: AtomicU64,
    /// What the store keeps, and in which version.
    pub(super) kept: tokio::sync::Mutex<(KeptClock, Option<Version>)>,
}

/// The time could not be kept; the next look tries again.
#[derive(Debug, thiserror::Error)]
pub enum KeepTimeError {
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    /// The time was not committed, or nobody knows whether it was.
    #[error("the time could not be committed")]
    Commit(#[from] CommitError),
}

impl KeptTime {
    /// What `store` has kept, before the first request.
    pub(super) async fn load(store: &Store, env: &Env) -> Result<Self, ReadError> {
        let stored = store.get::<KeptClock>(kept_name()).await?;
        let (now, before) = (env.now(), stored.as_ref().map(|stored| stored.value));
        let last_commit = before.map_or(now.millis(), |kept| kept.last_commit_ms);
        let outage = before
            .map(|kept| Outage { last_commit: Timestamp::from_millis(kept.last_commit_ms), started: now });
        Ok(Self {
            watch: Mutex::new(ClockWatch::begin(before, now, env.steady())),
            confirmed: AtomicU64::new(before.unwrap_or_default().confirmed_ms),
            outage,
            opened: AtomicBool::new(false),
            ahead: AtomicU64::new(0),
            last_commit: AtomicU64::new(last_commit),
            kept: tokio::sync::Mutex::new((before.unwrap_or_default(), stored.map(|stored| stored.version))),
        })
    }

    /// A change was committed.
    pub(super) fn committed(&self, env: &Env) {
        self.last_commit.store(env.now().millis(), Ordering::Relaxed);
    }

    /// A session was opened that carries `time`, when the clock said `now`.
    pub(super) fn opened(&self, time: Timestamp, now: Timestamp) {
        // One that was opened behind a mark of a far future, which the clock showed once, has no say.
        if time > now && time.since(now) <= JUMP {
            self.ahead.fetch_max(time.millis(), Ordering::Relaxed);
        }
        // Sessions come by the thousand: the line stays shared until the flag has to be set.
        if !self.opened.load(Ordering::Relaxed) {
            self.opened.store(true, Ordering::Relaxed);
        }
    }

    /// The watch, after a look at the clocks.
    pub(super) fn look(&self, env: &Env) -> (MutexGuard<'_, ClockWatch>, Duration) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let steady = env.steady();
        watch.look(env.now(), steady);
        self.confirmed.store(watch.confirmed().millis(), Ordering::Relaxed);
        (watch, steady)
    }
}

/// Forgets what the store keeps of the clock: where a clock that was wrong for long was believed. Says what was there. No server may have
/// the store open.
///
/// # Errors
/// When the store fails. Where the outcome is unknown, another call decides.
pub async fn reset_kept_clock(store: &Store, now: Timestamp) -> Result<Option<KeptClock>, KeepTimeError> {
    let Some(stored) = store.get::<KeptClock>(kept_name()).await? else { return Ok(None) };
    let record = AuditRecord::new(now, "clock_reset", Actor::Operator.name());
    let transaction = Transaction::new(store).delete::<KeptClock>(kept_name(), stored.version);
    store.commit(transaction.append(&record)).await?;
    Ok(Some(stored.value))
}
