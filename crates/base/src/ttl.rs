//! Durations as the API, the command line and the configuration write them: a Go duration string or integer nanoseconds.
//!
//! The grammar is that of Go's `time.ParseDuration` without a sign: one or more decimal numbers, each with a unit out of `ns`, `us`
//! (`µs`), `ms`, `s`, `m`, `h`; a bare `0` is legal. Output is normalised the way Go prints it: `4320h` is printed `4320h0m0s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How long something lives: at least one second, at most what 63 bits of nanoseconds hold (about 292 years).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(Duration);

/// Why a duration was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TtlError {
    /// Not of the grammar.
    #[error(
        "{0:?} is not a duration: write numbers with units, like \"72h\", \"1h30m\" or \"1.5h\" (ns, us, ms, s, m, h)"
    )]
    Grammar(String),
    /// A sign in front.
    #[error("a duration cannot be negative")]
    Negative,
    /// More than 63 bits of nanoseconds.
    #[error("the duration is longer than 292 years")]
    TooLong,
    /// Zero.
    #[error("the duration is zero")]
    Zero,
    /// Between zero and one second.
    #[error("{0:?} is shorter than one second, the shortest duration")]
    BelowOneSecond(String),
    /// The same, as a plain number: probably meant as seconds.
    #[error(
        "{0} is shorter than one second: a plain number counts nanoseconds, so for {0} seconds write \"{0}s\" or {0}000000000"
    )]
    TooFewNanoseconds(u64),
}

impl Ttl {
    /// A duration of whole seconds, for constants; held between one second and 292 years.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        let most = i64::MAX.unsigned_abs() / NANOS_PER_SECOND;
        Self(Duration::from_secs(match seconds {
            0 => 1,
            _ if seconds > most => most,
            _ => seconds,
        }))
    }

    /// A duration of `hours`, for constants.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_seconds(hours.saturating_mul(3600))
    }

    /// A duration from integer nanoseconds.
    ///
    /// # Errors
    /// Below one second, or more than 63 bits.
    pub fn from_nanos(nanos: u64) -> Result<Self, TtlError> {
        match nanos {
            0 => Err(TtlError::Zero),
            1..NANOS_PER_SECOND => Err(TtlError::TooFewNanoseconds(nanos)),
            _ if i64::try_from(nanos).is_err() => Err(TtlError::TooLong),
            _ => Ok(Self(Duration::from_nanos(nanos))),
        }
    }

    /// The duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    /// Whole seconds, rounded down; at least 1.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0.as_secs()
    }

    /// Nanoseconds; fits 63 bits.
    #[must_use]
    pub fn nanos(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Ttl {
    type Err = TtlError;

    fn from_str(text: &str) -> Result<Self, TtlError> {
        Self::from_nanos(parse_nanos(text)?).map_err(|error| match error {
            TtlError::TooFewNanoseconds(_) => TtlError::BelowOneSecond(text.chars().take(64).collect()),
            TtlError::Grammar(_)
            | TtlError::Negative
            | TtlError::TooLong
            | TtlError::Zero
            | TtlError::BelowOneSecond(_) => error,
        })
    }
}

/// A Go duration string of any length, below a second too.
///
/// # Errors
/// As for a [`Ttl`], but for its shortest duration.
pub fn parse_duration(text: &str) -> Result<Duration, TtlError> {
    parse_nanos(text).map(Duration::from_nanos)
}

/// Nanoseconds of a Go duration string; zero is allowed here.
fn parse_nanos(text: &str) -> Result<u64, TtlError> {
    let grammar = || TtlError::Grammar(text.chars().take(64).collect());
    if text.starts_with('-') {
        return Err(TtlError::Negative);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(grammar());
    }
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(grammar)?;
        let (number, tail) = rest.split_at_checked(number_end).ok_or_else(grammar)?;
        let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_end).ok_or_else(grammar)?;
        let scale = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => u128::from(NANOS_PER_SECOND),
            "m" => 60 * u128::from(NANOS_PER_SECOND),
            "h" => 3600 * u128::from(NANOS_PER_SECOND),
            _ => return Err(grammar()),
        };
        let amount = scaled(number, scale).ok_or_else(grammar)?;
        total = total.saturating_add(amount);
        rest = tail;
    }
    u64::try_from(total).ok().filter(|nanos| i64::try_from(*nanos).is_ok()).ok_or(TtlError::TooLong)
}

/// A decimal number times `scale`, fraction truncated; `None` where it is not a number. Huge numbers saturate.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u128>().unwrap_or(u128::MAX) };
    let mut value = whole.saturating_mul(scale);
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        value = value.saturating_add(place.saturating_mul(u128::from(digit.saturating_sub(b'0'))));
    }
    Some(value)
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{hours}h{minutes}m")?;
        } else if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        match self.0.subsec_nanos() {
            0 => write!(f, "{seconds}s"),
            nanos => write!(f, "{seconds}.{}s", format!("{nanos:09}").trim_end_matches('0')),
        }
    }
}

impl fmt::Debug for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Ttl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration: a string like \"72h\", or integer nanoseconds")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ttl, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, nanos: u64) -> Result<Ttl, E> {
                Ttl::from_nanos(nanos).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, nanos: i64) -> Result<Ttl, E> {
                u64::try_from(nanos)
                    .map_err(|_| TtlError::Negative)
                    .and_then(Ttl::from_nanos)
                    .map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        for (text, seconds) in [
            ("72h", 259_200.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            ("4320h", 15_552_000.0),
            ("+90s", 90.0),
            ("1h0.5s", 3600.5),
            (".5m", 30.0),
            ("1.s", 1.0),
            ("1500ms", 1.5),
            ("2000000us", 2.0),
            ("2000000µs", 2.0),
            ("3000000000ns", 3.0),
        ] {
            assert_eq!(text.parse::<Ttl>().unwrap().as_duration().as_secs_f64(), seconds, "{text}");
        }
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, reason) in [
            ("", "not a duration"),
            ("72", "not a duration"),
            ("1d", "not a duration"),
            ("h", "not a duration"),
            (".h", "not a duration"),
            ("1..5h", "not a duration"),
            ("1h ", "not a duration"),
            ("-1h", "negative"),
            ("0", "zero"),
            ("0s", "zero"),
            ("999999999ns", "shorter than one second"),
            ("500ms", "\"500ms\" is shorter than one second"),
            ("0.5s", "\"0.5s\" is shorter than one second"),
            ("9999999h", "292 years"),
            ("99999999999999999999999999999999999999999999h", "292 years"),
        ] {
            let error = text.parse::<Ttl>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("plain number"), "advice for what was not sent: {text}: {error}");
        }
    }

    #[test]
    fn prints_normalised_as_go_does() {
        for (text, printed) in [
            ("4320h", "4320h0m0s"),
            ("90m", "1h30m0s"),
            ("15m", "15m0s"),
            ("1s", "1s"),
            ("1.25s", "1.25s"),
            ("1h0.5s", "1h0m0.5s"),
        ] {
            assert_eq!(text.parse::<Ttl>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn a_number_that_was_meant_as_seconds_gets_a_hint() {
        let error = serde_json::from_str::<Ttl>("900").unwrap_err().to_string();
        assert!(error.contains("\"900s\""), "{error}");
        assert_eq!(serde_json::from_str::<Ttl>("900000000000").unwrap(), Ttl::from_seconds(900));
        assert_eq!(serde_json::from_str::<Ttl>("\"15m\"").unwrap(), Ttl::from_seconds(900));
        for wrong in ["null", "true", "[]", "{}", "-5", "1.5e9"] {
            assert!(serde_json::from_str::<Ttl>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn printing_and_reading_agree() {
        for nanos in [1_000_000_000, 1_500_000_000, 3_600_000_000_001, i64::MAX as u64] {
            let ttl = Ttl::from_nanos(nanos).unwrap();
            assert_eq!(ttl.to_string().parse::<Ttl>().unwrap(), ttl);
        }
    }
}
