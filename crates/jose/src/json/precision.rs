//! Fractions that readers would round, RFC 7493 §2.2. A double keeps about 17 digits; a sender of more would get back another number.

use super::error::JsonError;

/// Looks at every number with a fraction or an exponent in a text that is known to be JSON.
pub(super) fn check(json: &[u8]) -> Result<(), JsonError> {
    let mut rest = json;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            b'"' => after_string(tail),
            b'-' | b'0'..=b'9' => {
                let end = rest.iter().position(|byte| !is_number(*byte)).unwrap_or(rest.len());
                let (number, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                if !keeps(number) {
                    let text = String::from_utf8_lossy(number).chars().take(100).collect();
                    return Err(JsonError::NumberTooPrecise(text));
                }
                tail
            }
            _ => tail,
        };
    }
    Ok(())
}

const fn is_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// The text behind a string whose opening quote has been taken.
fn after_string(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest.split_first() {
            None => return rest,
            Some((b'"', tail)) => return tail,
            // Whatever is escaped does not end the string.
            Some((b'\\', tail)) => tail.split_first().map_or(tail, |(_, tail)| tail),
            Some((_, tail)) => tail,
        };
    }
}

/// Whether a double prints as the same number. Integers are judged elsewhere.
fn keeps(number: &[u8]) -> bool {
    if !number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return true;
    }
    let Ok(text) = std::str::from_utf8(number) else { return false };
    text.parse::<f64>().is_ok_and(|double| Decimal::read(&format!("{double:e}")) == Decimal::read(text))
}

/// A decimal number in its one normal form: digits without zeros at either end, and where the point stands.
#[derive(PartialEq)]
struct Decimal {
    digits: String,
    /// The number is 0.DIGITS times ten to this power; 0 for zero.
    point: i64,
}

impl Decimal {
    /// `None` where the exponent is beyond all measure.
    fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let zeros_in_front = i64::try_from(all.len().checked_sub(digits.len())?).ok()?;
        let digits = digits.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { digits, point: 0 });
        }
        let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
        let whole = i64::try_from(whole.len()).ok()?;
        let point = exponent.checked_add(whole)?.checked_sub(zeros_in_front)?;
        Some(Self { digits, point })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_a_double_keeps_pass() {
        for json in [
            "0.1",
            "-0.5",
            "1e2",
            "1E+2",
            "1.50",
            "0.0",
            "-0",
            "0e0",
            "0.000001e3",
            "123456789.123456",
            "1e-7",
            "2.2250738585072014e-308",
            "0.30000000000000004",
            "[1.5,{\"a\":2.25}]",
            "123456789012345678901234567890",
            "\"0.1234567890123456789\"",
            "{\"0.1234567890123456789\":1}",
            "\"\\\"0.1234567890123456789\"",
            "1.000000000000000000000000",
        ] {
            assert_eq!(check(json.as_bytes()), Ok(()), "{json}");
        }
    }

    #[test]
    fn numbers_that_a_double_rounds_are_refused() {
        for json in [
            "123456789.123456789",
            "0.30000000000000000001",
            "[0.1,0.12345678901234567891]",
            "{\"a\":\"x\",\"b\":1.00000000000000000001}",
            "1e-400",
            "-9007199254740.99312345",
        ] {
            assert!(matches!(check(json.as_bytes()), Err(JsonError::NumberTooPrecise(_))), "{json}");
        }
    }
}
