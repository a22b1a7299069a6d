//! The rule of the pauses, for one user or one source: pure.

use std::time::Duration;

use jwtis_base::env::Timestamp;

/// Failures before the first pause.
pub const FREE_TRIES: u32 = 5;
/// The first pause. Each failure after it doubles the pause, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// No pause is longer.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// After so long without a failure all is forgotten. Waiting for it gives fewer tries a day than the longest pause does.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Failures and tries under way, and when the last of each began.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Counter {
    failures: u32,
    last_failure: Timestamp,
    under_way: u32,
    last_begun: Timestamp,
}

/// Whether a try may begin.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Turn {
    /// Yes.
    Free,
    /// That depends on what becomes of those under way: were they failures, it could not.
    Busy,
    /// Not yet.
    Paused(Duration),
}

impl Counter {
    /// Whether another try may begin, if those under way are taken for failures. A clock that has stepped back makes the pause begin
    /// anew.
    pub(super) fn turn(&mut self, now: Timestamp) -> Turn {
        self.last_failure = self.last_failure.min(now);
        self.last_begun = self.last_begun.min(now);
        let since_failure = now.since(self.last_failure);
        if since_failure >= FORGOTTEN_AFTER {
            self.failures = 0;
        }
        let pause = pause_after(self.failures).saturating_sub(since_failure);
        if !pause.is_zero() {
            Turn::Paused(pause)
        } else if self.under_way > 0 && now.since(self.last_begun) < self.pause_after_these() {
            Turn::Busy
        } else {
            Turn::Free
        }
    }

    /// The pause if all tries under way fail.
    pub(super) fn pause_after_these(&self) -> Duration {
        pause_after(self.failures.saturating_add(self.under_way))
    }

    /// A try begins.
    pub(super) const fn begin(&mut self, now: Timestamp) {
        self.under_way = self.under_way.saturating_add(1);
        self.last_begun = now;
    }

    /// A try that began at `began` has ended.
    pub(super) fn end(&mut self, began: Timestamp, succeeded: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        if !succeeded {
            self.failures = self.failures.saturating_add(1);
            self.last_failure = self.last_failure.max(began);
        }
    }

    /// Forgets all failures. Tries under way may still become some.
    pub(super) const fn forgive(&mut self) {
        self.failures = 0;
    }
}

/// The pause that follows the last of so many tries.
fn pause_after(tries: u32) -> Duration {
    match tries.checked_sub(FREE_TRIES) {
        None => Duration::ZERO,
        Some(beyond) => SHORTEST.saturating_mul(2_u32.saturating_pow(beyond)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn failed(failures: u32) -> Counter {
        Counter { failures, last_failure: NOW, ..Counter::default() }
    }

    fn after(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    fn paused(seconds: u64) -> Turn {
        Turn::Paused(Duration::from_secs(seconds))
    }

    #[test]
    fn five_tries_are_free_and_then_the_pause_doubles_up_to_a_quarter_of_an_hour() {
        assert_eq!(failed(0).turn(NOW), Turn::Free);
        assert_eq!(failed(4).turn(NOW), Turn::Free);
        for (failures, seconds) in [
            (5, 1),
            (6, 2),
            (7, 4),
            (8, 8),
            (9, 16),
            (14, 512),
            (15, 900),
            (16, 900),
            (36, 900),
            (37, 900),
            (u32::MAX, 900),
        ] {
            assert_eq!(failed(failures).turn(NOW), paused(seconds), "after {failures}");
        }
    }

    #[test]
    fn a_pause_passes_with_time() {
        let mut counter = failed(8);
        assert_eq!(counter.turn(after(3)), paused(5));
        assert_eq!(counter.turn(after(8)), Turn::Free);
    }

    #[test]
    fn a_clock_that_steps_back_neither_forgives_nor_locks_out_for_longer_than_the_pause() {
        let back = Timestamp::from_seconds(5);
        let mut counter = failed(15);
        assert_eq!(counter.turn(back), Turn::Paused(LONGEST), "the pause begins anew");
        assert_eq!(counter.turn(back.plus(Duration::from_secs(899))), paused(1));
        assert_eq!(counter.turn(back.plus(LONGEST)), Turn::Free);
    }

    #[test]
    fn a_day_without_a_failure_forgets_all() {
        let mut counter = failed(30);
        assert_eq!(counter.turn(NOW.plus(FORGOTTEN_AFTER)), Turn::Free);
        assert_eq!(counter.failures, 0);
    }

    #[test]
    fn a_try_that_was_right_leaves_the_failures_before_it() {
        let mut counter = failed(5);
        counter.begin(after(1));
        counter.end(after(1), true);
        assert_eq!(counter.turn(after(1)), Turn::Free);
        counter.begin(after(1));
        counter.end(after(1), false);
        assert_eq!(counter.turn(after(1)), paused(2), "the five are still counted");
    }

    #[test]
    fn tries_under_way_are_waited_for_where_their_failure_would_be_a_pause() {
        let mut counter = Counter::default();
        for begun in 0..5 {
            assert_eq!(counter.turn(NOW), Turn::Free, "{begun}");
            counter.begin(NOW);
        }
        assert_eq!(counter.turn(NOW), Turn::Busy);
        assert_eq!(counter.turn(after(1)), Turn::Free, "as if all five had failed");
        counter.end(NOW, true);
        assert_eq!(counter.turn(NOW), Turn::Free);
        for _ in 0..4 {
            counter.end(NOW, false);
        }
        assert_eq!(counter.turn(NOW), Turn::Free);
        counter.begin(NOW);
        counter.end(NOW, false);
        assert_eq!(counter.turn(NOW), paused(1));
    }

    #[test]
    fn a_pause_counts_from_the_beginning_of_the_last_try_that_failed() {
        let mut counter = failed(5);
        counter.begin(after(1));
        counter.begin(after(3));
        counter.end(after(3), false);
        counter.end(after(1), false);
        assert_eq!(counter.turn(after(3)), paused(4));
    }
}
