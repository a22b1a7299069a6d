//! JSON bodies become types, strictly and once.
//!
//! The text goes through the strict reader of `jose` first: no name twice, no nesting over the limit, no number that readers round. Then
//! `serde` makes the type. Members that the type does not have are ignored, as Go programs ignore them, unless one looks like a known
//! member mistyped: `auth_tll` would otherwise give tokens a longer life than was asked for, in silence. The known names are those that
//! `serde` derives.

use std::fmt;

use jwtis_jose::JsonError;
use jwtis_jose::json::{self, JsonLimits};
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// Longest part of a caller's text that an answer repeats, in characters.
const MAX_QUOTED_CHARS: usize = 64;

/// Reads a `T` that fills `bytes`, nested at most `max_depth` deep.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], max_depth: usize) -> Result<T, JsonFault> {
    let value = json::parse_with(bytes, JsonLimits { max_depth, max_safe_numbers: false })?;
    T::deserialize(Strict(value))
}

/// Why a body is not the type that was asked for.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub(super) enum JsonFault {
    /// It is not JSON that means one thing.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// The type is an object, and the body is JSON of another kind.
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    /// A member must be there.
    #[error("{0}")]
    Missing(&'static str),
    /// An unknown member that looks like a known one.
    #[error("{name}: did you mean {meant}?")]
    Mistyped {
        /// As sent, cut.
        name: String,
        /// The known one.
        meant: &'static str,
    },
    /// A member, or the body where there is no name, has another JSON type.
    #[error("{}must be {expected}", member(name))]
    Type {
        /// The member.
        name: &'static str,
        /// What it must be.
        expected: String,
    },
    /// A member, or the body where there is no name, has a value that is not possible.
    #[error("{}{why}", member(name))]
    Value {
        /// The member.
        name: &'static str,
        /// What is wrong with the value.
        why: String,
    },
}

/// The member in front of what is wrong with it; nothing where it is the body.
fn member(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{name}: ") }
}

impl JsonFault {
    /// Says which member it is about.
    fn of(self, name: &'static str) -> Self {
        match self {
            Self::Missing(_) => Self::Missing(name),
            Self::Type { expected, .. } => Self::Type { name, expected },
            Self::Value { why, .. } => Self::Value { name, why },
            Self::Json(_) | Self::NotAnObject | Self::Mistyped { .. } => self,
        }
    }
}

impl de::Error for JsonFault {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::Value { name: "", why: why.to_string() }
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::Type { name: "", expected: expected.to_string() }
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::Value { name: "", why: format!("must be {expected}") }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }
}

/// A value that has passed the strict reader.
struct Strict(Value);

impl<'de> Deserializer<'de> for Strict {
    type Error = JsonFault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonFault> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (None, Some(number), _) => visitor.visit_i64(number),
                (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Strict))),
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| (name, Strict(value)));
                visitor.visit_map(MapDeserializer::new(members))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, JsonFault> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonFault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonFault> {
        let Value::Object(members) = self.0 else { return Err(JsonFault::NotAnObject) };
        check_names(&members, known)?;
        visitor.visit_map(Members { rest: members.into_iter(), known, value: Value::Null, name: "" })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, JsonFault> for Strict {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The known members of an object, one after the other.
struct Members {
    rest: serde_json::map::IntoIter,
    known: &'static [&'static str],
    name: &'static str,
    value: Value,
}

impl<'de> MapAccess<'de> for Members {
    type Error = JsonFault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, JsonFault> {
        for (name, value) in self.rest.by_ref() {
            let Some(known) = self.known.iter().find(|known| **known == name) else { continue };
            (self.name, self.value) = (known, value);
            return seed.deserialize((*known).into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, JsonFault> {
        seed.deserialize(Strict(self.value.take())).map_err(|fault| fault.of(self.name))
    }
}

/// Refuses members that are unknown and look like a known one that is missing.
fn check_names(members: &Map<String, Value>, known: &[&'static str]) -> Result<(), JsonFault> {
    for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
        let missing = known.iter().filter(|known| !members.contains_key(**known));
        if let Some(meant) = missing.copied().find(|known| looks_like(name, known)) {
            return Err(JsonFault::Mistyped { name: name.chars().take(MAX_QUOTED_CHARS).collect(), meant });
        }
    }
    Ok(())
}

/// The same but for case and separators, or up to two edits apart; for short names one or none, since many short words are two edits
/// apart.
fn looks_like(name: &str, known: &str) -> bool {
    let (name, known) = (plain(name), plain(known));
    let allowed = (known.len() / 3).min(2);
    name.len().abs_diff(known.len()) <= allowed && strsim::osa_distance(&name, &known) <= allowed
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, PartialEq, Debug)]
    struct Order {
        kid: String,
        #[serde(default)]
        auth_ttl: Option<u64>,
        #[serde(default)]
        sig_alg: Option<String>,
    }

    fn order(json: &str) -> Result<Order, JsonFault> {
        read(json.as_bytes(), 4)
    }

    #[test]
    fn refuses_a_likely_typo_and_ignores_a_stranger() {
        for typo in ["auth_tll", "auth_tt", "authTTL", "sigAlg", "kidd", "sig-alg"] {
            let refused = order(&format!(r#"{{"{typo}":1}}"#));
            assert!(matches!(refused, Err(JsonFault::Mistyped { .. })), "{typo}: {refused:?}");
        }
        for stranger in ["comment", "key", "client_name"] {
            assert!(order(&format!(r#"{{"kid":"shop","{stranger}":{{}}}}"#)).is_ok(), "{stranger}");
        }
        // Where the known one is there too, the other is not a typo of it.
        assert_eq!(order(r#"{"kid":"shop","auth_ttl":1,"auth_tll":2}"#).unwrap().auth_ttl, Some(1));
    }

    #[test]
    fn a_fault_names_the_member_and_what_is_wrong() {
        for (json, text) in [
            ("[]", "the body is JSON, but not an object"),
            ("{}", "kid"),
            (r#"{"kid":7}"#, "kid: must be a string"),
            (r#"{"kid":"a","auth_ttl":-1}"#, "auth_ttl: must be u64"),
            (r#"{"kid":"a","authttl":1}"#, "authttl: did you mean auth_ttl?"),
            (r#"{"kid":"a","kid":"b"}"#, "the member \"kid\" occurs twice: keep one"),
            (r#"{"kid":"a","x":[[[[1]]]]}"#, "nested deeper than 4 levels"),
        ] {
            assert_eq!(order(json).unwrap_err().to_string(), text, "{json}");
        }
    }

    #[test]
    fn reads_a_body_that_is_no_object() {
        assert_eq!(read::<String>(br#" "00ff" "#, 1), Ok("00ff".to_owned()));
        assert!(matches!(read::<String>(b"7", 1), Err(JsonFault::Type { .. })));
        assert!(matches!(read::<String>(br#""a" 1"#, 1), Err(JsonFault::Json(JsonError::TrailingData))));
    }

    #[test]
    fn repeats_little_of_a_long_name() {
        let long = format!(r#"{{"{}":1}}"#, "-".repeat(1000) + "kid");
        let Err(JsonFault::Mistyped { name, meant }) = order(&long) else { panic!("not mistyped") };
        assert_eq!((name.len(), meant), (MAX_QUOTED_CHARS, "kid"));
    }
}
