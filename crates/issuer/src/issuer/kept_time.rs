//! The latest time that the issuer has seen, and the record of it in the store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jwtis_base::audit::{Actor, AuditRecord};
use jwtis_base::env::{Env, Timestamp};
use jwtis_store::{ReadError, Store, Transaction, Version};

use crate::client::token_index::UpkeepError;
use crate::clock::{ClockWatch, JUMP, KeptClock, Outage, kept_name};

pub(super) struct KeptTime {
    watch: Mutex<ClockWatch>,
    /// The confirmed time of the watch, in milliseconds since the epoch. Requests read it without the lock.
    pub(super) confirmed: AtomicU64,
    /// The outage before this run. `None` at a first start.
    pub(super) outage: Option<Outage>,
    /// Whether sessions were opened since the time was stored last.
    pub(super) opened: AtomicBool,
    /// Latest time of a session that lies after the clock's, behind a mark, in milliseconds since the epoch.
    pub(super) ahead: AtomicU64,
    /// Time of the last commit, in milliseconds since the epoch.
    pub(super) last_commit: AtomicU64,
    pub(super) kept: tokio::sync::Mutex<(KeptClock, Option<Version>)>,
}

impl KeptTime {
    /// From the record in `store`, before the first request.
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

    pub(super) fn committed(&self, env: &Env) {
        self.last_commit.store(env.now().millis(), Ordering::Relaxed);
    }

    /// A session was opened that carries `time`, when the clock said `now`.
    pub(super) fn opened(&self, time: Timestamp, now: Timestamp) {
        // A session behind a mark of a far future, which the clock showed once, does not count.
        if time > now && time.since(now) <= JUMP {
            self.ahead.fetch_max(time.millis(), Ordering::Relaxed);
        }
        // Thousands of sessions are opened: the cache line stays shared until the flag has to be set.
        if !self.opened.load(Ordering::Relaxed) {
            self.opened.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn look(&self, env: &Env) -> (MutexGuard<'_, ClockWatch>, Duration) {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let steady = env.steady();
        watch.look(env.now(), steady);
        self.confirmed.store(watch.confirmed().millis(), Ordering::Relaxed);
        (watch, steady)
    }
}

/// Deletes the record of the clock, and returns it, after a wrong clock was believed for long. No server may have the store open.
///
/// # Errors
/// When the store fails. Where the outcome is unknown, another call decides.
pub async fn reset_kept_clock(store: &Store, now: Timestamp) -> Result<Option<KeptClock>, UpkeepError> {
    let Some(stored) = store.get::<KeptClock>(kept_name()).await? else { return Ok(None) };
    let record = AuditRecord::new(now, "clock_reset", Actor::Operator.name());
    let transaction = Transaction::new(store).delete::<KeptClock>(kept_name(), stored.version);
    store.commit(transaction.append(&record)).await?;
    Ok(Some(stored.value))
}
