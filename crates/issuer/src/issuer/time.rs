//! The issuer and its clock: when the store gets the time, and whether the clock may be trusted to delete.

use std::sync::atomic::Ordering;

use jwtis_base::env::Timestamp;
use jwtis_base::rollback::takeover::put;
use jwtis_store::{CommitError, Transaction, Version};

use super::{Issuer, UpkeepError};
use crate::clock::{KEPT_EVERY, KeptClock, Outage, kept_name};

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
