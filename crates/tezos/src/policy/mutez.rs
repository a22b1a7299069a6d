//! Amounts of tez in configurations and refusals.

use std::fmt;
use std::str::FromStr;

/// Mutez in one tez.
const PER_TEZ: u64 = 1_000_000;
/// Digits behind the point of an amount in tez.
const DECIMALS: usize = 6;

/// An amount in mutez, at most 2⁶³ − 1 as in the protocol.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Mutez(u64);

impl Mutez {
    /// So many mutez.
    pub const fn new(mutez: u64) -> Self {
        Self(mutez)
    }

    /// The number of mutez.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Mutez {
    /// In tez, e.g. `1.5 tz`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tez, rest) = (self.0 / PER_TEZ, self.0 % PER_TEZ);
        if rest == 0 {
            return write!(formatter, "{tez} tz");
        }
        let digits = format!("{rest:06}");
        write!(formatter, "{tez}.{} tz", digits.trim_end_matches('0'))
    }
}

impl FromStr for Mutez {
    type Err = MutezError;

    /// `1500000` is in mutez, `1.5tz` and `1.5 tz` are in tez.
    fn from_str(text: &str) -> Result<Self, MutezError> {
        let text = text.trim();
        let mutez = match text.strip_suffix("tz") {
            None => digits(text)?,
            Some(tez) => {
                let tez = tez.trim_end();
                let (whole, part) = tez.split_once('.').unwrap_or((tez, "0"));
                if part.len() > DECIMALS {
                    return Err(MutezError::TooPrecise);
                }
                let part = digits(&format!("{part:0<DECIMALS$}")).map_err(|_| MutezError::NotAnAmount)?;
                let part = if tez.ends_with('.') { return Err(MutezError::NotAnAmount) } else { part };
                let whole = digits(whole)?.checked_mul(PER_TEZ).ok_or(MutezError::TooLarge)?;
                whole.checked_add(part).ok_or(MutezError::TooLarge)?
            }
        };
        i64::try_from(mutez).map(|_| Self(mutez)).map_err(|_| MutezError::TooLarge)
    }
}

fn digits(text: &str) -> Result<u64, MutezError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(MutezError::NotAnAmount);
    }
    text.parse().map_err(|_| MutezError::TooLarge)
}

/// Why a text is not an amount.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MutezError {
    /// Not a number, or another unit.
    #[error("an amount is a whole number of mutez, or a number of tez with the suffix tz (1500000, 1.5tz)")]
    NotAnAmount,
    /// More than six digits behind the point.
    #[error("an amount in tez has at most {DECIMALS} digits behind the point")]
    TooPrecise,
    /// More than there can be.
    #[error("an amount has at most {} mutez", i64::MAX)]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_by_name() {
        use MutezError::{NotAnAmount, TooLarge, TooPrecise};
        for (text, wanted) in [
            ("0", Ok(0)),
            ("1500000", Ok(1_500_000)),
            ("1.5tz", Ok(1_500_000)),
            ("1.5 tz", Ok(1_500_000)),
            ("2tz", Ok(2_000_000)),
            ("0.000001tz", Ok(1)),
            ("9223372036854775807", Ok(i64::MAX.unsigned_abs())),
            ("9223372036854.775807tz", Ok(i64::MAX.unsigned_abs())),
            ("9223372036854775808", Err(TooLarge)),
            ("9223372036854.775808tz", Err(TooLarge)),
            ("99999999999999999999", Err(TooLarge)),
            ("18446744073710tz", Err(TooLarge)),
            ("0.0000001tz", Err(TooPrecise)),
            ("1.5", Err(NotAnAmount)),
            ("-1", Err(NotAnAmount)),
            ("+1", Err(NotAnAmount)),
            ("1.tz", Err(NotAnAmount)),
            (".5tz", Err(NotAnAmount)),
            ("1.5.5tz", Err(NotAnAmount)),
            ("1e3tz", Err(NotAnAmount)),
            ("tz", Err(NotAnAmount)),
            ("", Err(NotAnAmount)),
        ] {
            assert_eq!(text.parse::<Mutez>().map(Mutez::get), wanted, "{text:?}");
        }
    }

    #[test]
    fn amounts_are_shown_in_tez() {
        for (mutez, wanted) in [(0, "0 tz"), (1, "0.000001 tz"), (1_500_000, "1.5 tz"), (2_000_000, "2 tz")] {
            assert_eq!(Mutez::new(mutez).to_string(), wanted);
        }
    }
}
