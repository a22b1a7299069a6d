//! JSON that means one thing, RFC 8259 §4 and RFC 7493 (I-JSON).
//!
//! Two readers of one text must see the same claims. This reader refuses texts that readers disagree about: a name that occurs twice in
//! an object, numbers beyond 2^53, nesting over a limit, and anything after the value.

mod error;
mod precision;

use std::{cell::RefCell, fmt};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

pub use self::error::JsonError;

/// 2^53: integers up to here are exact in every JSON reader.
pub const MAX_INTEGER: u64 = 1 << 53;

/// Reads one JSON value that fills `bytes`. An object or array at the top has depth 1.
///
/// # Errors
/// [`JsonError`] says which rule is broken and, for a syntax error, where.
pub fn parse(bytes: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    parse_with(bytes, JsonLimits { max_depth, max_safe_numbers: true })
}

/// The limits of [`parse_with`].
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct JsonLimits {
    /// Deepest nesting; an object or array at the top has depth 1.
    pub max_depth: usize,
    /// Whether numbers end at 2^53, as [`parse`] has it. Without it integers pass as far as 64 bits hold them exactly:
    /// for texts that only this program reads, such as durations in nanoseconds. A number that would be rounded is still refused.
    pub max_safe_numbers: bool,
}

/// As [`parse`], with a choice about numbers. Claims inside such a value want [`check`].
///
/// # Errors
/// As [`parse`].
pub fn parse_with(bytes: &[u8], limits: JsonLimits) -> Result<Value, JsonError> {
    let broken = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);

    match Strict::new(limits, &broken).deserialize(&mut reader) {
        Ok(value) if reader.end().is_ok() => precision::check(bytes).map(|()| value),
        Ok(_) => Err(JsonError::TrailingData),
        Err(error) => Err(broken.take().unwrap_or_else(|| JsonError::from_serde(&error))),
    }
}

/// Applies the same rules to a value that some other reader made. Duplicate names can no longer be seen in it.
///
/// # Errors
/// [`JsonError::TooDeep`] or [`JsonError::NumberOutOfRange`].
pub fn check(value: &Value, max_depth: usize) -> Result<(), JsonError> {
    check_below(value, max_depth, max_depth)
}

/// Reads a strict value out of any self-describing format, for `Deserialize` implementations. Inside: the rule that is broken.
pub(crate) fn deserialize_strict<'de, D: Deserializer<'de>>(
    deserializer: D,
    max_depth: usize,
) -> Result<Result<Value, JsonError>, D::Error> {
    let broken = RefCell::new(None);
    match Strict::new(JsonLimits { max_depth, max_safe_numbers: true }, &broken).deserialize(deserializer) {
        Ok(value) => Ok(Ok(value)),
        Err(error) => broken.take().map(Err).ok_or(error),
    }
}

/// Builds a [`Value`] and stops at the first broken rule, which it leaves in `broken` because serde's errors are text.
#[derive(Copy, Clone)]
struct Strict<'a> {
    depth_left: usize,
    limits: JsonLimits,
    broken: &'a RefCell<Option<JsonError>>,
}

impl<'a> Strict<'a> {
    const fn new(limits: JsonLimits, broken: &'a RefCell<Option<JsonError>>) -> Self {
        Self { depth_left: limits.max_depth, limits, broken }
    }

    fn refuse<E: de::Error>(&self, error: JsonError) -> E {
        let text = error.to_string();
        self.broken.replace(Some(error));
        E::custom(text)
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => Err(self.refuse(JsonError::TooDeep(self.limits.max_depth))),
        }
    }

    fn number<E: de::Error>(self, number: Number) -> Result<Value, E> {
        let exact_integer = number.is_u64() || number.is_i64();
        if self.limits.max_safe_numbers || !exact_integer {
            check_number(&number).map_err(|error| self.refuse(error))?;
        }
        Ok(Value::Number(number))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.number(value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.number(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => self.number(number),
            None => Err(self.refuse(JsonError::NumberOutOfRange(value.to_string()))),
        }
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.refuse(JsonError::duplicate(&name)));
            }
            let value = members.next_value_seed(inside)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

fn check_below(value: &Value, depth_left: usize, limit: usize) -> Result<(), JsonError> {
    let deeper = || depth_left.checked_sub(1).ok_or(JsonError::TooDeep(limit));
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => check_number(number),
        Value::Array(items) => {
            let depth_left = deeper()?;
            items.iter().try_for_each(|item| check_below(item, depth_left, limit))
        }
        Value::Object(members) => {
            let depth_left = deeper()?;
            members.values().try_for_each(|member| check_below(member, depth_left, limit))
        }
    }
}

/// An integer may be 2^53; a float may not, since 2^53 + 1 written as a float has already been rounded to it.
fn check_number(number: &Number) -> Result<(), JsonError> {
    let in_range = match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(integer), _, _) => integer <= MAX_INTEGER,
        (None, Some(integer), _) => integer.unsigned_abs() <= MAX_INTEGER,
        (None, None, Some(float)) => float.abs() < MAX_INTEGER as f64,
        (None, None, None) => false,
    };
    if in_range { Ok(()) } else { Err(JsonError::NumberOutOfRange(number.to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> JsonError {
        parse(text.as_bytes(), 16).unwrap_err()
    }

    #[test]
    fn refuses_duplicate_names_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"x":[{"a":1,"b":2,"a":3}]}"#,
            r#"{"x":{"y":{"a":1,"a":2}}}"#,
            r#"{"a":1,"\u0061":2}"#,
        ] {
            assert_eq!(refusal(text), JsonError::DuplicateName("a".into()), "{text}");
        }
        assert_eq!(refusal(r#"{"":1,"":2}"#), JsonError::DuplicateName(String::new()));
        // Names that only look alike are two names: é composed and decomposed, and other cases.
        assert!(parse("{\"\u{e9}\":{\"a\":1},\"e\u{301}\":2,\"a\":1,\"A\":2}".as_bytes(), 16).is_ok());
    }

    #[test]
    fn refuses_numbers_that_readers_round() {
        for text in [
            "9007199254740993",
            "-9007199254740993",
            "18446744073709551616",
            "9007199254740993.0",
            "1e16",
            "-1e16",
            "1e300",
            "1e400",
            "-1e400",
            "9007199254740992.5",
            "123456789012345678901234567890",
        ] {
            assert!(matches!(refusal(text), JsonError::NumberOutOfRange(_)), "{text}: {:?}", refusal(text));
        }
        for text in ["9007199254740992", "-9007199254740992", "0.1", "1e15", "-0", "1.7976931348623157"] {
            assert!(parse(text.as_bytes(), 16).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_fractions_that_readers_round() {
        for text in ["1e-400", "0.30000000000000000001", r#"{"a":[123456789.123456789]}"#] {
            assert!(matches!(refusal(text), JsonError::NumberTooPrecise(_)), "{text}");
        }
    }

    #[test]
    fn wider_numbers_pass_only_where_they_are_exact() {
        let wide = JsonLimits { max_depth: 1, max_safe_numbers: false };
        for text in ["9007199254740993", "-9007199254740993", "18446744073709551615", "-9223372036854775808"]
        {
            assert_eq!(parse_with(text.as_bytes(), wide).unwrap().to_string(), text);
        }
        for text in ["18446744073709551616", "-9223372036854775809", "9007199254740993.0", "1e16", "1e400"] {
            let refusal = parse_with(text.as_bytes(), wide).unwrap_err();
            assert!(matches!(refusal, JsonError::NumberOutOfRange(_)), "{text}: {refusal:?}");
        }
    }

    #[test]
    fn a_value_of_other_code_is_held_to_the_same() {
        for beyond in [Value::from(u64::MAX), Value::from(i64::MIN), Value::from(1e300)] {
            let value = serde_json::json!({"n": [beyond]});
            assert!(matches!(check(&value, 16), Err(JsonError::NumberOutOfRange(_))), "{value}");
        }
        assert_eq!(check(&serde_json::json!([null, true, "a", 1, 0.5, 1_u64 << 53]), 1), Ok(()));
    }

    #[test]
    fn floats_round_trip() {
        for text in ["0.1", "1.7976931348623157", "2.2250738585072014e-308", "123456.789"] {
            assert_eq!(parse(text.as_bytes(), 1).unwrap().to_string(), text);
        }
    }

    #[test]
    fn depth_is_counted_from_one() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(nested(16).as_bytes(), 16).is_ok());
        assert_eq!(parse(nested(17).as_bytes(), 16), Err(JsonError::TooDeep(16)));
        assert_eq!(parse(nested(100_000).as_bytes(), 16), Err(JsonError::TooDeep(16)));
        let objects = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
        assert!(parse(objects(16).as_bytes(), 16).is_ok());
        assert_eq!(parse(objects(17).as_bytes(), 16), Err(JsonError::TooDeep(16)));
        for text in [nested(3), objects(3)] {
            let value = parse(text.as_bytes(), 3).unwrap();
            assert_eq!((check(&value, 3), check(&value, 2)), (Ok(()), Err(JsonError::TooDeep(2))));
        }
        assert_eq!(parse(b"1", 0), Ok(Value::from(1)));
    }

    #[test]
    fn refuses_what_is_not_one_value() {
        for text in ["{} {}", "{}x", "{}]", "1 2", "{}\0", "0x10", "1_000"] {
            assert_eq!(refusal(text), JsonError::TrailingData, "{text:?}");
        }
        assert!(parse(b" {} \n", 1).is_ok());
        for text in [
            "",
            "{",
            "\u{feff}{}",
            "{'a':1}",
            "{a:1}",
            "{\"a\":1,}",
            "[1,]",
            "// x\n{}",
            "nul",
            "\"\\ud800\"",
            "\"\\x41\"",
            "\"a\nb\"",
            "01",
            "+1",
            ".5",
            "1.",
            "--1",
            "1e",
            "\u{661}",
            "NaN",
            "-Infinity",
        ] {
            assert!(matches!(refusal(text), JsonError::Syntax { .. }), "{text:?}: {:?}", refusal(text));
        }
        for bytes in [&b"\"\xff\""[..], b"\"\xc0\x80\"", b"\"\xed\xa0\x80\"", b"{\0}"] {
            assert!(matches!(parse(bytes, 1), Err(JsonError::Syntax { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn keeps_the_order_of_members() {
        let text = r#"{"b":1,"a":{"z":1,"y":2}}"#;
        assert_eq!(parse(text.as_bytes(), 16).unwrap().to_string(), text);
    }
}
