//! The issuer's clock: the latest time that it has seen, the record of it in the store, and whether the clock may be trusted to delete.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jwtis_base::audit::{Actor, AuditRecord};
use jwtis_base::env::{Env, Timestamp};
use jwtis_base::rollback::takeover::put;
use jwtis_store::{CommitError, ReadError, Store, Transaction, Version};

use super::{Issuer, UpkeepError};
use crate::clock::{ClockWatch, JUMP, KEPT_EVERY, KeptClock, Outage, kept_name};

pub(super) struct KeptTime {
    watch: Mutex<ClockWatch>,
    /// The confirmed time of the watch, in milliseconds since the epoch. Requests read it without the lock.
    confirmed: AtomicU64,
    /// The outage before this run. `None` at a first start.
    outage: Option<Outage>,
    /// Whether sessions were opened since the time was stored last.
    opened: AtomicBool,
    /// Latest time of a session that lies after the clock's, behind a mark, in milliseconds since the epoch.
    ahead: AtomicU64,
    /// Time of the last commit, in milliseconds since the epoch.
    last_commit: AtomicU64,
    kept: tokio::sync::Mutex<(KeptClock, Option<Version>)>,
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

    fn look(&self, env: &Env) -> (MutexGuard<'_, ClockWatch>, Duration) {
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

impl Issuer {
    /// Looks at the clock, and stores what has changed. A running server calls it every [`crate::clock::PAUSE`], and when it stops.
    ///
    /// # Errors
    /// When the store fails. The next look commits anew, in the version that it finds.
    pub async fn keep_time(&self) -> Result<(), UpkeepError> {
        let time = &self.0.time;
        let mut kept = time.kept.lock().await;
        let opened = time.opened.swap(false, Ordering::Relaxed);
        let outcome = self.keep_time_in(&mut kept, opened).await;
        if outcome.is_err() {
            time.opened.fetch_or(opened, Ordering::Relaxed);
        }
        outcome
    }

    async fn keep_time_in(
        &self,
        kept: &mut (KeptClock, Option<Version>),
        opened: bool,
    ) -> Result<(), UpkeepError> {
        let time = &self.0.time;
        let (confirmed, seen) = {
            let (watch, steady) = time.look(self.env());
            // Sessions carry the latest time. Once the clock is confirmed, an earlier look at a far future does not count.
            let seen = if watch.is_confirmed(steady) { self.env().now() } else { self.env().latest() };
            let ahead = Timestamp::from_millis(time.ahead.load(Ordering::Relaxed));
            (watch.confirmed(), seen.max(watch.unreached().unwrap_or_default()).max(ahead))
        };
        let (before, version) = *kept;
        let now = KeptClock {
            confirmed_ms: confirmed.millis(),
            seen_ms: seen.millis(),
            last_commit_ms: time.last_commit.load(Ordering::Relaxed),
        };
        let due = seen.since(before.seen()) >= KEPT_EVERY || before.seen().since(seen) >= KEPT_EVERY;
        let committed = now.last_commit_ms != before.last_commit_ms;
        if version.is_some() && !(opened || committed || due) {
            return Ok(());
        }
        let tx = put(Transaction::new(self.store()), kept_name(), version, Some(&now));
        let written = tx.written_version();
        match self.store().commit(tx).await {
            Ok(()) => {
                *kept = (now, written);
                Ok(())
            }
            Err(
                error @ (CommitError::Conflict { .. } | CommitError::NotWritten(_) | CommitError::Unknown(_)),
            ) => {
                // Somebody else wrote it, or nobody knows: the next commit, in the version that is there, decides.
                if let Some(stored) = self.store().get::<KeptClock>(kept_name()).await? {
                    *kept = (stored.value, Some(stored.version));
                }
                Err(error.into())
            }
        }
    }

    /// The latest time that this process has seen or that the clock has confirmed. Earlier tokens are not from the future.
    pub(crate) fn latest(&self) -> Timestamp {
        self.env().latest().max(self.confirmed())
    }

    /// The latest time that the clock has confirmed.
    pub(crate) fn confirmed(&self) -> Timestamp {
        Timestamp::from_millis(self.0.time.confirmed.load(Ordering::Relaxed))
    }

    /// Whether records that have expired by the clock may be deleted.
    pub fn may_delete(&self) -> bool {
        let (watch, steady) = self.0.time.look(self.env());
        watch.may_delete(steady)
    }

    /// A moment after all sessions of earlier runs. `None` where the clock does not allow to tell.
    pub(crate) fn sessions_of_runs_before(&self) -> Option<Timestamp> {
        self.0.time.look(self.env()).0.sessions_before()
    }

    pub(crate) fn outage(&self) -> Option<Outage> {
        self.0.time.outage
    }
}
