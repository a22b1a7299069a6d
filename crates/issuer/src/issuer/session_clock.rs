//! The times of sessions, and of the marks that revoke all sessions before a moment.
//!
//! Both are milliseconds, and a session opened right after a mark must live although it may be the same millisecond. So a mark lies after
//! every session so far, and no later session lies before the mark, even if the clock stands still or steps back. The time that the store
//! keeps (`crate::clock`) stands for the sessions of earlier runs.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};

use jwtis_base::client_id::ClientId;
use jwtis_base::env::Timestamp;

const LANES: usize = 256;

/// A clock for each client, in a fixed number of lanes. Every start draws at random which clients share a lane, so that no client can push
/// the clock of a chosen other one ahead.
pub(super) struct SessionClocks {
    lanes: Box<[SessionClock]>,
    hasher: RandomState,
}

impl Default for SessionClocks {
    fn default() -> Self {
        Self { lanes: (0..LANES).map(|_| SessionClock::default()).collect(), hasher: RandomState::new() }
    }
}

impl SessionClocks {
    pub(super) fn of(&self, client: &ClientId) -> &SessionClock {
        static SPARE: SessionClock = SessionClock::new();
        let lane = self.hasher.hash_one(client.as_str()) % (LANES as u64);
        usize::try_from(lane).ok().and_then(|lane| self.lanes.get(lane)).unwrap_or(&SPARE)
    }
}

#[derive(Default)]
pub(super) struct SessionClock(Mutex<Times>);

#[derive(Default)]
struct Times {
    latest: Timestamp,
    floor: Timestamp,
}

impl SessionClock {
    const fn new() -> Self {
        let zero = Timestamp::from_millis(0);
        Self(Mutex::new(Times { latest: zero, floor: zero }))
    }

    /// The time of a session that is opened at `now`.
    pub(super) fn open(&self, now: Timestamp) -> Timestamp {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let time = now.max(times.floor);
        times.latest = times.latest.max(time);
        time
    }

    /// A mark: after every session so far, and at or before every session from now on.
    pub(super) fn barrier(&self, now: Timestamp) -> Timestamp {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let barrier = now.max(Timestamp::from_millis(times.latest.millis().saturating_add(1)));
        times.floor = times.floor.max(barrier);
        barrier
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_mark_divides_the_sessions_of_one_millisecond_and_those_before_a_step_back() {
        for opened in [5000, 5500] {
            let clock = SessionClock::default();
            let before = clock.open(at(opened));
            let mark = clock.barrier(at(5000));
            let after = clock.open(at(5000));
            assert!(before < mark && mark <= after, "{opened}");
        }
    }

    #[test]
    fn marks_without_sessions_between_them_do_not_run_ahead() {
        let clock = SessionClock::default();
        clock.open(at(5000));
        for _ in 0..10_000 {
            assert_eq!(clock.barrier(at(5000)), at(5001));
        }
    }
}
