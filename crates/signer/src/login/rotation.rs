//! Replacing a user's credentials (§2.5): both pairs are good until `old_cred_exp`, then the new one alone.

use std::sync::atomic::{AtomicBool, Ordering};

use jwtis_base::env::Timestamp;

/// A value, and from some moment on another.
pub(super) struct Rotating<T> {
    current: T,
    next: Option<Next<T>>,
}

struct Next<T> {
    value: T,
    at: Timestamp,
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
        Self { current, next: None }
    }

    /// A value with another that is good too, and alone from `at` on.
    pub(super) const fn until(current: T, next: T, at: Timestamp) -> Self {
        Self { current, next: Some(Next { value: next, at, done: AtomicBool::new(false) }) }
    }

    /// What is good at `now`.
    pub(super) fn at(&self, now: Timestamp) -> InForce<'_, T> {
        let Some(next) = &self.next else {
            return InForce { current: &self.current, pending: None, has_just_changed: false };
        };
        let is_due = now >= next.at;
        let was_done =
            if is_due { next.done.swap(true, Ordering::SeqCst) } else { next.done.load(Ordering::SeqCst) };
        if is_due || was_done {
            InForce { current: &next.value, pending: None, has_just_changed: !was_done }
        } else {
            InForce { current: &self.current, pending: Some(&next.value), has_just_changed: false }
        }
    }

    /// All values, past and future.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.current).chain(self.next.iter().map(|next| &next.value))
    }
}

/// Reads `YYYY-MM-DD hh:mm:ss`, UTC. Moments before 1970 are 1970.
pub(super) fn parse_moment(text: &str) -> Option<Timestamp> {
    let bytes: &[u8; 19] = text.as_bytes().try_into().ok()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b' ', h1, h2, b':', n1, n2, b':', s1, s2] = *bytes
    else {
        return None;
    };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[n1, n2])?, number(&[s1, s2])?);
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days_of_years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    let days_of_months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    let days = if year < 1970 {
        return Some(Timestamp::default());
    } else {
        days_of_years + days_of_months + day - 1
    };
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    u64::try_from(seconds).ok().map(Timestamp::from_seconds)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |value: i64, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
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
