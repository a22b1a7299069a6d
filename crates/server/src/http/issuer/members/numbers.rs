//! Members that count: durations and key sizes.

use std::borrow::Cow;
use std::fmt;

use jwtis_base::{Ttl, TtlError};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::issuer::shapes::{anything, text};

/// A Go duration without a sign (`ttl.rs`), or nothing.
const DURATION: &str = r"^(\+?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+))?$";

/// A duration: integer nanoseconds or a Go duration string. Zero and the empty text count as left out.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::http::issuer) struct OptionalTtl(pub(in crate::http::issuer) Option<Ttl>);

impl<'de> Deserialize<'de> for OptionalTtl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Duration;

        impl Visitor<'_> for Duration {
            type Value = Result<Ttl, TtlError>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration string like \"72h\", or integer nanoseconds")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(if text.is_empty() { Err(TtlError::Zero) } else { text.parse() })
            }

            fn visit_u64<E: Error>(self, nanos: u64) -> Result<Self::Value, E> {
                Ok(Ttl::from_nanos(nanos))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Err(TtlError::Negative))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                if number < 0.0 {
                    return Ok(Err(TtlError::Negative));
                }
                Err(E::custom("a number counts nanoseconds, and must be a whole one"))
            }
        }
        match deserializer.deserialize_any(Duration)? {
            Ok(ttl) => Ok(Self(Some(ttl))),
            Err(TtlError::Zero) => Ok(Self(None)),
            Err(error) => Err(D::Error::custom(error)),
        }
    }
}

impl PartialSchema for OptionalTtl {
    fn schema() -> RefOr<Schema> {
        let nanos = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_000_000_000));
        AnyOfBuilder::new()
            .item(text().pattern(Some(DURATION)))
            .item(anything().enum_values(Some([0])))
            .item(nanos.maximum(isize::try_from(i64::MAX).ok()))
            .examples([Value::from("72h"), "1h30m".into(), 60_000_000_000_u64.into()])
            .into()
    }
}

impl ToSchema for OptionalTtl {
    fn name() -> Cow<'static, str> {
        "Duration".into()
    }
}

/// A number of bits; null and 0 count as left out.
#[derive(Copy, Clone, Debug, Default)]
pub(in crate::http::issuer) struct OptionalBits(pub(in crate::http::issuer) Option<u32>);

impl<'de> Deserialize<'de> for OptionalBits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bits;
        const WHOLE: &str = "must be a whole number of bits, like 256 or 2048";

        impl Visitor<'_> for Bits {
            type Value = Option<u32>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_unit<E: Error>(self) -> Result<Option<u32>, E> {
                Ok(None)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Option<u32>, E> {
                let bits = u32::try_from(number).map_err(|_| E::custom(WHOLE))?;
                Ok(Some(bits).filter(|bits| *bits != 0))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Option<u32>, E> {
                Err(E::custom(WHOLE))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Option<u32>, E> {
                Err(E::custom(WHOLE))
            }
        }
        deserializer.deserialize_any(Bits).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::json::{self, JsonFault};

    fn ttl(json: &str) -> Result<Option<Ttl>, JsonFault> {
        json::read::<OptionalTtl>(json.as_bytes(), 4).map(|OptionalTtl(ttl)| ttl)
    }

    #[test]
    fn durations_zero_and_empty_count_as_left_out() {
        for left_out in [r#""""#, "0", r#""0""#, r#""0s""#] {
            assert_eq!(ttl(left_out), Ok(None), "{left_out}");
        }
        assert_eq!(ttl("1000000000"), Ok(Some(Ttl::from_seconds(1))));
        for wrong in ["null", "true", "[]", "{}", "-1", "1.5", "-1.5", "1", r#""1""#, r#""-1h""#] {
            assert!(matches!(ttl(wrong), Err(JsonFault::Type { .. } | JsonFault::Value { .. })), "{wrong}");
        }
    }
}
