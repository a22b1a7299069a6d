//! The rules for a clock that may be wrong: which time is confirmed, and when records may be deleted.
//!
//! A wall clock is confirmed once it has kept step with the steady clock for [`CONFIRMED_AFTER`]. The store keeps the latest such time, in
//! case the clock is set back across a restart. A single look at a far future confirms nothing. After a jump of more than [`JUMP`] nothing
//! is deleted for [`HOLD`], because the clock may be ahead for a moment (docs/reference/reliability.md, "Clocks").

use std::time::Duration;

use jwtis_base::env::Timestamp;
use jwtis_base::json::{decode_json, encode_json};
use jwtis_store::{DecodeError, Name, ReadError, Record, Store, Table};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// How long the wall clock and the steady clock must keep step.
pub const CONFIRMED_AFTER: Duration = Duration::from_secs(600);
/// A larger difference between the wall clock and the steady clock is a jump.
pub const JUMP: Duration = Duration::from_secs(60);
/// How long nothing is deleted after a jump.
pub const HOLD: Duration = Duration::from_secs(6 * 3600);
/// Pause between two looks of a running server.
pub const PAUSE: Duration = Duration::from_secs(5);
/// The kept time is written at least this often, though nothing happens.
pub const KEPT_EVERY: Duration = Duration::from_secs(60);
/// How long sessions may be opened after the time that was kept last: until the next look, and its duration.
pub const MARGIN: Duration = Duration::from_secs(10);

/// The record of the clock in the store.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct KeptClock {
    /// Latest time that the clock has confirmed, in milliseconds since the epoch.
    pub confirmed_ms: u64,
    /// Latest time at which the server was seen alive, confirmed or not.
    pub seen_ms: u64,
    /// Time of the last commit that the server is known to have made.
    pub last_commit_ms: u64,
}

impl KeptClock {
    /// The record in `store`. `None` if no release with this record has served the store yet.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(store: &Store) -> Result<Option<Self>, ReadError> {
        Ok(store.get::<Self>(kept_name()).await?.map(|stored| stored.value))
    }

    /// Latest time that the clock has confirmed.
    pub const fn confirmed(&self) -> Timestamp {
        Timestamp::from_millis(self.confirmed_ms)
    }

    /// Latest time at which the server was seen alive.
    pub const fn seen(&self) -> Timestamp {
        Timestamp::from_millis(self.seen_ms)
    }
}

impl Record for KeptClock {
    const TABLE: Table = Table { id: 10, name: "clock", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes)
    }
}

pub(crate) fn kept_name() -> Name<'static> {
    Name::plain("clock")
}

/// The time between the last commit of the previous run and the start of this one, when nobody could renew anything.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Outage {
    /// The last known commit of the previous run.
    pub last_commit: Timestamp,
    /// When this run began.
    pub started: Timestamp,
}

/// Follows the clock through one run of the server.
#[derive(Copy, Clone, Debug)]
pub struct ClockWatch {
    /// Both clocks when they began to keep step.
    base: (Timestamp, Duration),
    held_until: Duration,
    confirmed: Timestamp,
    /// Sessions of earlier runs were opened before this moment.
    floor: Timestamp,
    /// An earlier run was alive at this time, which no clock has confirmed and this one has not reached.
    unreached: Option<Timestamp>,
}

impl ClockWatch {
    /// Begins with the record of the earlier runs.
    pub fn begin(kept: Option<KeptClock>, wall: Timestamp, steady: Duration) -> Self {
        let before = kept.unwrap_or_default();
        let (confirmed, seen) = (before.confirmed(), before.seen());
        let jumped = seen.since(wall) > JUMP || wall.since(seen) > JUMP + MARGIN;
        let trusted = seen <= confirmed.plus(MARGIN) || seen <= wall.plus(JUMP);
        let floor = if trusted { seen } else { confirmed };
        Self {
            base: (wall, steady),
            held_until: if jumped { steady.saturating_add(HOLD) } else { steady },
            confirmed,
            // An earlier run lies in the future only where the clock was set back. Otherwise a mark in the future would end sessions that the
            // next run opens before it.
            floor: if seen > wall { floor.plus(MARGIN) } else { floor },
            unreached: (!trusted).then_some(seen),
        }
    }

    /// Compares the clocks. Says whether the wall clock has jumped.
    pub fn look(&mut self, wall: Timestamp, steady: Duration) -> bool {
        let (base_wall, base_steady) = self.base;
        let passed = steady.saturating_sub(base_steady);
        let expected = base_wall.plus(passed);
        let jumped = expected.since(wall) > JUMP || wall.since(expected) > JUMP;
        if jumped {
            self.base = (wall, steady);
            self.held_until = steady.saturating_add(HOLD);
        } else if passed >= CONFIRMED_AFTER {
            self.confirmed = self.confirmed.max(wall);
            // The time of the earlier run was wrong.
            self.unreached = None;
        }
        if self.unreached.is_some_and(|seen| wall.plus(JUMP) >= seen) {
            self.floor = self.floor.max(self.unreached.take().unwrap_or_default().plus(MARGIN));
        }
        jumped
    }

    /// Whether the clock has kept step for long enough.
    pub(crate) fn is_confirmed(&self, steady: Duration) -> bool {
        steady.saturating_sub(self.base.1) >= CONFIRMED_AFTER
    }

    /// Whether expired records may be deleted.
    pub fn may_delete(&self, steady: Duration) -> bool {
        steady >= self.held_until
    }

    pub(crate) const fn confirmed(&self) -> Timestamp {
        self.confirmed
    }

    /// A time at which an earlier run was alive, and that is neither confirmed nor reached.
    pub(crate) const fn unreached(&self) -> Option<Timestamp> {
        self.unreached
    }

    /// All sessions of earlier runs were opened before this moment. `None` where nobody can tell.
    pub(crate) const fn sessions_before(&self) -> Option<Timestamp> {
        match self.unreached {
            None => Some(self.floor),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_800_000_000;
    const DAY: u64 = 24 * 3600;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(T0 + seconds)
    }

    const fn steady(seconds: u64) -> Duration {
        Duration::from_secs(1000 + seconds)
    }

    fn kept(confirmed: u64, seen: u64) -> KeptClock {
        let millis = |seconds| at(seconds).millis();
        KeptClock { confirmed_ms: millis(confirmed), seen_ms: millis(seen), last_commit_ms: millis(seen) }
    }

    #[test]
    fn ten_minutes_in_step_confirm_a_time_and_one_look_does_not() {
        let mut watch = ClockWatch::begin(None, at(0), steady(0));
        watch.look(at(599), steady(599));
        assert_eq!(watch.confirmed(), Timestamp::default());
        watch.look(at(600), steady(600));
        assert_eq!(watch.confirmed(), at(600));
        assert!(watch.look(at(100 * DAY), steady(610)), "a jump");
        watch.look(at(100 * DAY + 599), steady(1209));
        assert!(watch.look(at(1210), steady(1210)), "back again");
        assert_eq!(watch.confirmed(), at(600));
        watch.look(at(1810), steady(1810));
        assert_eq!(watch.confirmed(), at(1810));
    }

    #[test]
    fn nothing_is_deleted_for_six_hours_after_a_jump() {
        let six = HOLD.as_secs();
        let mut watch = ClockWatch::begin(Some(kept(0, 0)), at(5), steady(0));
        assert!(watch.may_delete(steady(0)), "a quick restart is no jump");
        for (now, jumps) in [(61, false), (62 + 61, true)] {
            assert_eq!(watch.look(at(5 + now), steady(1)), jumps, "{now}");
        }
        assert!(!watch.may_delete(steady(six)));
        assert!(watch.may_delete(steady(1 + six)));
    }

    #[test]
    fn starts_by_name() {
        for (name, kept, now, holds, sessions_before) in [
            ("a_first_start", None, 0, true, Some(Timestamp::default())),
            ("a_quick_restart", Some(kept(0, 100)), 102, false, Some(at(100))),
            ("a_long_stop_or_a_clock_that_is_ahead", Some(kept(0, 100)), 5 * DAY, true, Some(at(100))),
            ("a_step_back_behind_a_confirmed_time", Some(kept(5000, 5003)), 0, true, Some(at(5013))),
            ("a_step_back_behind_a_time_that_nobody_confirmed", Some(kept(0, 5000)), 10, true, None),
        ] {
            let watch = ClockWatch::begin(kept, at(now), steady(0));
            assert_eq!(!watch.may_delete(steady(0)), holds, "{name}");
            assert_eq!(watch.sessions_before(), sessions_before, "{name}");
        }
    }

    #[test]
    fn an_unconfirmed_time_is_reached_or_refuted() {
        let mut right = ClockWatch::begin(Some(kept(0, 5000)), at(10), steady(0));
        right.look(at(5000), steady(5));
        assert_eq!(right.sessions_before(), Some(at(5010)), "the clock is right again");
        let mut glimpse = ClockWatch::begin(Some(kept(0, 900 * DAY)), at(10), steady(0));
        glimpse.look(at(609), steady(599));
        assert_eq!(glimpse.sessions_before(), None);
        glimpse.look(at(610), steady(600));
        assert_eq!(glimpse.sessions_before(), Some(at(10)), "one glimpse does not count for ever");
    }
}
