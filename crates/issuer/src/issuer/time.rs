//! The issuer and its clock: when the store learns the time, and what the issuer concludes from it.

use std::sync::atomic::Ordering;

use jwtis_base::env::Timestamp;
use jwtis_store::{CommitError, Transaction, Version};

use super::Issuer;
use super::kept_time::KeepTimeError;
use crate::clock::{KEPT_EVERY, KeptClock, Outage, kept_name};

impl Issuer {
    /// Looks at the clock, and keeps in the store what has changed: a running server does so every [`crate::clock::PAUSE`], and when it
    /// stops.
    ///
    /// # Errors
    /// When the store fails. Whatever became of the commit then, nobody relies on it: the next look commits anew, in the version that it finds.
    pub async fn keep_time(&self) -> Result<(), KeepTimeError> {
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
    ) -> Result<(), KeepTimeError> {
        let time = &self.0.time;
        let (confirmed, seen) = {
            let (watch, steady) = time.look(self.env());
            // Sessions carry the latest time; once the clock is confirmed, a glimpse of the future has no say any more.
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
        let tx = Transaction::new(self.store());
        let tx = match version {
            None => tx.create(kept_name(), &now),
            Some(version) => tx.replace(kept_name(), version, &now),
        };
        let written = tx.written_version();
        match self.store().commit(tx).await {
            Ok(()) => {
                *kept = (now, written);
                Ok(())
            }
            Err(
                error @ (CommitError::Conflict { .. } | CommitError::NotWritten(_) | CommitError::Unknown(_)),
            ) => {
                // Somebody else wrote it, or it is unknown whether we did: the next commit, in the version that is there, decides.
                if let Some(stored) = self.store().get::<KeptClock>(kept_name()).await? {
                    *kept = (stored.value, Some(stored.version));
                }
                Err(error.into())
            }
        }
    }

    /// The latest time that this process has seen or that the store has confirmed. What was made until then is not from the future.
    pub(crate) fn latest(&self) -> Timestamp {
        self.env().latest().max(self.confirmed())
    }

    /// The latest time that the clock has confirmed.
    pub(crate) fn confirmed(&self) -> Timestamp {
        Timestamp::from_millis(self.0.time.confirmed.load(Ordering::Relaxed))
    }

    /// Whether what has expired by the clock may be deleted for good.
    #[must_use]
    pub fn may_delete(&self) -> bool {
        let (watch, steady) = self.0.time.look(self.env());
        watch.may_delete(steady)
    }

    /// A moment that all sessions of runs before lie before; `None` where the clock does not allow to tell.
    pub(crate) fn sessions_of_runs_before(&self) -> Option<Timestamp> {
        self.0.time.look(self.env()).0.sessions_before()
    }

    /// The pause before this run of the server.
    pub(crate) fn outage(&self) -> Option<Outage> {
        self.0.time.outage
    }
}
