//! Moments and durations in words.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jwtis_base::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A moment as RFC 3339 in UTC: `2026-01-31T12:00:00Z`.
#[must_use]
pub(crate) fn utc(seconds: u64) -> String {
    let since_epoch = i64::try_from(seconds).ok().map(SignedDuration::from_secs);
    match since_epoch.and_then(|duration| EPOCH.checked_add(duration).ok()) {
        Some(moment) => format!("{moment}Z"),
        // Beyond the year 9999.
        None => format!("{seconds} s after 1970-01-01"),
    }
}

/// A moment seen from now: `in 14 minutes`, `3 hours ago`.
#[must_use]
pub(crate) fn from_now(seconds: u64, now: Timestamp) -> String {
    let now = now.seconds();
    match seconds.cmp(&now) {
        std::cmp::Ordering::Equal => "now".to_owned(),
        std::cmp::Ordering::Greater => format!("in {}", rough(seconds.saturating_sub(now))),
        std::cmp::Ordering::Less => format!("{} ago", rough(now.saturating_sub(seconds))),
    }
}

/// A duration in its largest unit that makes at least 2, rounded down.
fn rough(seconds: u64) -> String {
    let (amount, unit) = [(365 * DAY, "year"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")]
        .into_iter()
        .find(|(size, _)| seconds >= size.saturating_mul(2))
        .map_or((seconds, "second"), |(size, unit)| (seconds / size, unit));
    format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_305_600, "2026-11-22T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (u64::MAX, "18446744073709551615 s after 1970-01-01"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn distances_are_said_in_words() {
        let now = Timestamp::from_seconds(1_000_000_000);
        for (offset, text) in [
            (0, "now"),
            (1, "in 1 second"),
            (119, "in 119 seconds"),
            (840, "in 14 minutes"),
            (3 * 3600 + 5, "in 3 hours"),
            (-(3 * 3600) - 5, "3 hours ago"),
            (-86_400, "24 hours ago"),
            (-2 * 86_400, "2 days ago"),
            (800 * 86_400, "in 2 years"),
        ] {
            assert_eq!(from_now(1_000_000_000_u64.saturating_add_signed(offset), now), text);
        }
    }
}
