//! Replacing a user's credentials: both pairs are good until `old_cred_exp`, then the new one alone.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::civil::DateTime;
use jwtis_base::env::Timestamp;

/// A value, and from some moment on another.
pub(super) struct Rotating<T> {
    current: T,
    next: Option<(T, Timestamp)>,
    /// The moment has been seen: a clock that steps back does not bring the old value to life again.
    done: AtomicBool,
}

/// The values that are good at some moment.
pub(crate) struct InForce<'a, T> {
    /// The value, or the old one as long as there are two.
    pub(crate) current: &'a T,
    /// The new one, as long as there are two.
    pub(crate) pending: Option<&'a T>,
    /// Whether this is the first time that the change is seen.
    pub(super) has_just_changed: bool,
}

impl<T> Rotating<T> {
    /// A value that stays.
    pub(super) const fn fixed(current: T) -> Self {
        Self { current, next: None, done: AtomicBool::new(false) }
    }

    /// A value with another that is good too, and alone from `at` on.
    pub(super) const fn until(current: T, next: T, at: Timestamp) -> Self {
        Self { current, next: Some((next, at)), done: AtomicBool::new(false) }
    }

    /// What is good at `now`.
    pub(super) fn at(&self, now: Timestamp) -> InForce<'_, T> {
        let Some((next, at)) = &self.next else {
            return InForce { current: &self.current, pending: None, has_just_changed: false };
        };
        let is_due = now >= *at;
        let was_done = self.done.fetch_or(is_due, Ordering::SeqCst);
        if is_due || was_done {
            InForce { current: next, pending: None, has_just_changed: !was_done }
        } else {
            InForce { current: &self.current, pending: Some(next), has_just_changed: false }
        }
    }

    /// All values, past and future.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.current).chain(self.next.iter().map(|(next, _)| next))
    }

    /// The value that stays.
    pub(super) fn last(&self) -> &T {
        self.next.as_ref().map_or(&self.current, |(next, _)| next)
    }
}

/// Reads `YYYY-MM-DD hh:mm:ss`, UTC. Moments before 1970 are 1970.
pub(super) fn parse_moment(text: &str) -> Option<Timestamp> {
    const FORM: &str = "%Y-%m-%d %H:%M:%S";
    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let moment = DateTime::strptime(FORM, text).ok()?;
    // The library also reads signs, shorter numbers, other spaces and leap seconds.
    if moment.strftime(FORM).to_string() != text {
        return None;
    }
    let seconds = moment.duration_since(EPOCH).as_secs();
    Some(Timestamp::from_seconds(u64::try_from(seconds).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_by_value() {
        for (text, seconds) in [
            ("1970-01-01 00:00:00", 0),
            ("1970-01-01 00:00:01", 1),
            ("2000-02-29 12:34:56", 951_827_696),
            ("2027-01-15 08:00:00", 1_800_000_000),
            ("2100-03-01 00:00:00", 4_107_542_400),
            ("9999-12-31 23:59:59", 253_402_300_799),
            ("1969-12-31 23:59:59", 0),
        ] {
            assert_eq!(parse_moment(text), Some(Timestamp::from_seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment() {
        for text in [
            "",
            "2027-01-15",
            "2027-01-15T08:00:00",
            "2027-01-15 08:00:00Z",
            "2027-01-15 08:00:00 ",
            " 2027-01-15 08:00:00",
            "2027-1-15 08:00:00",
            "2027-13-15 08:00:00",
            "2027-00-15 08:00:00",
            "2027-01-00 08:00:00",
            "2027-02-29 08:00:00",
            "2100-02-29 08:00:00",
            "2027-04-31 08:00:00",
            "2027-01-15 24:00:00",
            "2027-01-15 08:60:00",
            "2027-01-15 08:00:60",
            "+027-01-15 08:00:00",
            "2027-01-15 08:00:0é",
        ] {
            assert_eq!(parse_moment(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_old_value_lives_until_the_moment_and_never_after_it() {
        let at = Timestamp::from_seconds(100);
        let rotating = Rotating::until("old", "new", at);
        let look = |millis: u64| {
            let found = rotating.at(Timestamp::from_millis(millis));
            (*found.current, found.pending.copied(), found.has_just_changed)
        };
        assert_eq!(look(99_999), ("old", Some("new"), false));
        assert_eq!(look(100_000), ("new", None, true));
        assert_eq!(look(100_001), ("new", None, false), "said once");
        assert_eq!(look(5), ("new", None, false), "a clock that steps back changes nothing");
    }
}
