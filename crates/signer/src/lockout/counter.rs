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

/// Failures, and when the try began that failed last.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Counter {
    failures: u32,
    last_failure: Timestamp,
}

impl Counter {
    /// How long the next try has to wait. A clock that has stepped back makes the pause begin anew.
    pub(super) fn pause(&mut self, now: Timestamp) -> Duration {
        self.last_failure = self.last_failure.min(now);
        let since_failure = now.since(self.last_failure);
        if since_failure >= FORGOTTEN_AFTER {
            self.failures = 0;
        }
        match self.failures.checked_sub(FREE_TRIES) {
            None => Duration::ZERO,
            Some(beyond) => SHORTEST
                .saturating_mul(2_u32.saturating_pow(beyond))
                .min(LONGEST)
                .saturating_sub(since_failure),
        }
    }

    /// A try that began at `began` has failed.
    pub(super) const fn fail(&mut self, began: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = began;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn failed(failures: u32) -> Counter {
        Counter { failures, last_failure: NOW }
    }

    fn after(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn five_tries_are_free_and_then_the_pause_doubles_up_to_a_quarter_of_an_hour() {
        for (failures, seconds) in [
            (0, 0),
            (4, 0),
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
            assert_eq!(failed(failures).pause(NOW).as_secs(), seconds, "after {failures}");
        }
    }

    #[test]
    fn a_pause_passes_with_time_from_the_beginning_of_the_try_that_failed_last() {
        let mut counter = failed(7);
        counter.fail(after(10));
        assert_eq!(counter.pause(after(13)).as_secs(), 5);
        assert_eq!(counter.pause(after(18)), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_steps_back_neither_forgives_nor_locks_out_for_longer_than_the_pause() {
        let back = Timestamp::from_seconds(5);
        let mut counter = failed(15);
        assert_eq!(counter.pause(back), LONGEST, "the pause begins anew");
        assert_eq!(counter.pause(back.plus(Duration::from_secs(899))).as_secs(), 1);
        assert_eq!(counter.pause(back.plus(LONGEST)), Duration::ZERO);
    }

    #[test]
    fn a_day_without_a_failure_forgets_all() {
        let mut counter = failed(30);
        assert_eq!(counter.pause(NOW.plus(FORGOTTEN_AFTER)), Duration::ZERO);
        assert_eq!(counter.failures, 0);
    }
}
