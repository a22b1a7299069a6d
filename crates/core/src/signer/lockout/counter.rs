//! The rule of the pauses, for one user or one source: pure.

use std::time::Duration;

use crate::env::Timestamp;

/// Failures before the first pause.
pub const FREE_TRIES: u32 = 5;
/// The first pause. Each failure after it doubles the pause, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// No pause is longer.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// After so long without a try all is forgotten. Waiting for it gives fewer tries a day than the longest pause does.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Tries that have not been given back, and when the last one began.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Counter {
    tries: u32,
    last: Timestamp,
    /// Whether the last try was given back, and its pause with it.
    pardoned: bool,
}

/// Which of a counter's tries this was.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Try(u32);

impl Counter {
    /// How long the next try has to wait; zero where it may begin. A clock that has stepped back makes the pause begin anew.
    pub(super) fn wait(&mut self, now: Timestamp) -> Duration {
        if now < self.last {
            self.last = now;
        }
        let since = now.since(self.last);
        if since >= FORGOTTEN_AFTER {
            *self = Self::default();
        }
        if self.pardoned { Duration::ZERO } else { pause_after(self.tries).saturating_sub(since) }
    }

    /// Counts a try that need not wait.
    pub(super) const fn begin(&mut self, now: Timestamp) -> Try {
        self.tries = self.tries.saturating_add(1);
        self.last = now;
        self.pardoned = false;
        Try(self.tries)
    }

    /// The try was no failure. Its pause ends, unless others have begun since.
    pub(super) const fn give_back(&mut self, which: Try) {
        self.pardoned = self.pardoned || self.tries == which.0;
        self.tries = self.tries.saturating_sub(1);
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

    fn failed(tries: u32) -> Counter {
        Counter { tries, last: NOW, pardoned: false }
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
            assert_eq!(failed(failures).wait(NOW), Duration::from_secs(seconds), "after {failures}");
        }
    }

    #[test]
    fn a_pause_passes_with_time() {
        let mut counter = failed(8);
        assert_eq!(counter.wait(after(3)), Duration::from_secs(5));
        assert_eq!(counter.wait(after(8)), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_steps_back_neither_forgives_nor_locks_out_for_longer_than_the_pause() {
        let back = Timestamp::from_seconds(5);
        let mut counter = failed(15);
        assert_eq!(counter.wait(back), LONGEST, "the pause begins anew");
        assert_eq!(counter.wait(back.plus(Duration::from_secs(899))), Duration::from_secs(1));
        assert_eq!(counter.wait(back.plus(LONGEST)), Duration::ZERO);
    }

    #[test]
    fn a_day_without_a_try_forgets_all() {
        let mut counter = failed(30);
        assert_eq!(counter.wait(NOW.plus(FORGOTTEN_AFTER)), Duration::ZERO);
        assert_eq!(counter, Counter::default());
    }

    #[test]
    fn a_try_that_is_given_back_leaves_the_failures_before_it() {
        let mut counter = failed(5);
        let which = counter.begin(after(1));
        counter.give_back(which);
        assert_eq!(counter.wait(after(1)), Duration::ZERO, "its own pause is over");
        let _ = counter.begin(after(1));
        assert_eq!(counter.wait(after(1)), Duration::from_secs(2), "the five are still counted");
    }

    #[test]
    fn a_try_that_is_given_back_late_does_not_end_the_pause_of_one_that_began_since() {
        let mut counter = failed(5);
        let slow = counter.begin(after(1));
        let _ = counter.begin(after(3));
        counter.give_back(slow);
        assert_eq!(counter.wait(after(3)), Duration::from_secs(2));
    }
}
