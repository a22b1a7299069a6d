//! The rule of the pauses, for one user or one source: pure.

use std::time::Duration;

use jwtis_base::env::Timestamp;

/// Failures before the first pause.
const FREE_TRIES: u32 = 5;
/// The first pause. Each failure after it doubles the pause, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// After so long without a failure all is forgotten. Waiting for it gives fewer tries a day than the longest pause does.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Failures, and when the try began that failed last.
#[derive(Copy, Clone, Default)]
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
        let Some(beyond) = self.failures.checked_sub(FREE_TRIES) else { return Duration::ZERO };
        let pause = SHORTEST.saturating_mul(2_u32.saturating_pow(beyond)).min(LONGEST);
        pause.saturating_sub(since_failure)
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

    #[test]
    fn five_tries_are_free_and_then_the_pause_doubles_up_to_a_quarter_of_an_hour() {
        const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
        let day = FORGOTTEN_AFTER.as_secs();
        for (name, failures, seconds_later, pause) in [
            ("none", 0, 0, 0),
            ("the_last_free_one", 4, 0, 0),
            ("the_first_pause", 5, 0, 1),
            ("it_doubles", 7, 0, 4),
            ("it_passes_with_time", 7, 3, 1),
            ("it_is_over", 7, 4, 0),
            ("the_last_below_the_longest", 14, 0, 512),
            ("the_longest", 15, 0, 900),
            ("no_power_overflows", 37, 0, 900),
            ("no_count_overflows", u32::MAX, 0, 900),
            ("almost_a_day", u32::MAX, day - 1, 0),
        ] {
            let mut counter = Counter { failures, last_failure: NOW };
            let now = NOW.plus(Duration::from_secs(seconds_later));
            assert_eq!(counter.pause(now).as_secs(), pause, "{name}");
            assert_eq!(counter.failures, failures, "{name}");
            assert_eq!(counter.pause(NOW.plus(FORGOTTEN_AFTER)), Duration::ZERO, "{name}: a day forgets all");
            assert_eq!(counter.failures, 0, "{name}");
        }
        let (mut counter, back) = (Counter { failures: 15, last_failure: NOW }, Timestamp::from_seconds(5));
        assert_eq!(counter.pause(back), LONGEST, "the clock steps back: the pause begins anew");
        assert_eq!(counter.pause(back.plus(LONGEST)), Duration::ZERO);
    }
}
