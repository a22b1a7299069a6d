//! Watches the wall clock for steps: whoever runs the server must hear of one, since tokens carry its times.
//!
//! A step is a difference between what the wall clock and the monotonic clock say has passed. A machine that slept looks like a step
//! forward, too.

use std::time::Duration;

use jwtis_base::{Env, Timestamp};
use jwtis_issuer::Issuer;
use jwtis_issuer::clock;
use jwtis_issuer::clock::KeptClock;
use tokio::time::{Instant, sleep};
use tracing::warn;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(10);
/// What the clocks of several servers may differ by, and so no step worth a word.
const TOLERANCE: Duration = Duration::from_secs(60);

/// Keeps in the store how late it has been. Never ends; [`keep_last`] is for the end.
pub(super) async fn keep(issuer: &Issuer) {
    let mut failing = false;
    loop {
        sleep(clock::PAUSE).await;
        match issuer.keep_time().await {
            Ok(()) => failing = false,
            // Once for each outage: the store says the rest.
            Err(error) if !failing => {
                failing = true;
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the time is not kept; the server tries again"
                );
            }
            Err(_) => {}
        }
    }
}

/// Keeps the time at which the server stops.
pub(super) async fn keep_last(issuer: &Issuer) {
    if let Err(error) = issuer.keep_time().await {
        warn!(error = &error as &dyn std::error::Error, "the time of the stop is not kept");
    }
}

/// Warns of a clock that was set back across the restart. `kept` is what the store kept of it before this run.
pub fn warn_if_set_back(kept: Option<KeptClock>, now: Timestamp) {
    let latest = kept.map(|kept| kept.seen().max(kept.confirmed())).unwrap_or_default();
    let behind = latest.since(now);
    if behind > TOLERANCE {
        warn!(
            seconds = behind.as_secs(),
            "the clock is behind the latest time that this store has seen: it was set back, or it was ahead in the run before; sessions opened after the last confirmed time are not valid until the clock reaches their time"
        );
    }
}

/// Warns of each step. Never ends.
pub(super) async fn watch(env: &Env) {
    let (mut wall, mut steady) = (env.now(), Instant::now());
    loop {
        sleep(PAUSE).await;
        let now = env.now();
        let passed = steady.elapsed();
        match step(wall, now, passed) {
            Some(ClockStep::Back(by)) => warn!(
                seconds = by.as_secs(),
                "the clock stepped back; what this server issued before stays valid, but other servers may take it for tokens from the future"
            ),
            Some(ClockStep::Forward(by)) => warn!(
                seconds = by.as_secs(),
                "the clock stepped forward, or the machine slept; tokens that live for less have expired"
            ),
            // The beginning stays: clocks that drift apart slowly are noticed once they differ by enough.
            None => continue,
        }
        (wall, steady) = (now, Instant::now());
    }
}

#[derive(PartialEq, Eq, Debug)]
enum ClockStep {
    Back(Duration),
    Forward(Duration),
}

/// Whether the wall clock stepped between two looks at it, with so much time in between.
fn step(before: Timestamp, now: Timestamp, passed: Duration) -> Option<ClockStep> {
    let expected = before.plus(passed);
    let (back, forward) = (expected.since(now), now.since(expected));
    if back > TOLERANCE {
        return Some(ClockStep::Back(back));
    }
    (forward > TOLERANCE).then_some(ClockStep::Forward(forward))
}

#[cfg(test)]
mod tests {
    use jwtis_testkit::clock::{ManualClock, env};
    use jwtis_testkit::log::Log;

    use super::*;

    #[test]
    fn a_start_behind_the_latest_time_of_the_store_is_a_warning_confirmed_or_not() {
        let log = Log::default();
        let _listening = log.listen("info");
        let start = Timestamp::from_seconds(1_800_000_000);
        let after = |seconds| start.plus(Duration::from_secs(seconds)).millis();
        for (confirmed_ms, seen_ms, warns) in [
            (0, after(59), false),
            (0, after(3600), true),
            (after(3600), 0, true),
            (after(0), after(0), false),
        ] {
            let kept = KeptClock { confirmed_ms, seen_ms, last_commit_ms: 0 };
            warn_if_set_back(Some(kept), start);
            let text = log.take();
            assert_eq!(text.contains("WARN") && text.contains("behind the latest time"), warns, "{text}");
        }
        warn_if_set_back(None, start);
        assert_eq!(log.take(), "", "a store that knows no time");
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_back_or_forward_is_a_warning() {
        let log = Log::default();
        let _listening = log.listen("info");
        let start = Timestamp::from_seconds(1_800_000_000);
        let clock = ManualClock::at(start);
        let env = env(&clock);
        let watched = tokio::spawn(async move { watch(&env).await });
        let mut now = start;
        for (step, words) in
            [(0, None), (-3600, Some("stepped back")), (0, None), (3600, Some("stepped forward"))]
        {
            tokio::task::yield_now().await;
            drop(log.take());
            now = now.plus(PAUSE);
            now = Timestamp::from_seconds(now.seconds().checked_add_signed(step).unwrap());
            clock.set(now);
            tokio::time::advance(PAUSE).await;
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            let text = log.take();
            match words {
                Some(words) => assert!(text.contains("WARN") && text.contains(words), "{step}: {text}"),
                None => assert_eq!(text, ""),
            }
        }
        watched.abort();
    }

    #[test]
    fn steps_by_name() {
        const START: u64 = 1_800_000_000;
        const HOUR: u64 = 3600;
        let seconds = Duration::from_secs;
        for (name, now, wanted) in [
            ("in_step", START + 10, None),
            ("a_little_slow", START - 49, None),
            ("a_little_fast", START + 69, None),
            ("an_hour_back", START + 10 - HOUR, Some(ClockStep::Back(seconds(HOUR)))),
            ("an_hour_forward", START + 10 + HOUR, Some(ClockStep::Forward(seconds(HOUR)))),
        ] {
            let found = step(Timestamp::from_seconds(START), Timestamp::from_seconds(now), seconds(10));
            assert_eq!(found, wanted, "{name}");
        }
    }
}
