//! Members of request bodies: types that read themselves and describe themselves.
//!
//! The schema (JSON Schema 2020-12) accepts exactly what the reader accepts. JSON Schema cannot express rules between members, and between
//! a member and the state of the server.

mod claims;
mod numbers;

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use jwtis_base::ClientId;
use jwtis_issuer::RefreshStrategy;
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

use super::problem::{Code, Problem};
use super::shapes::{KID, anything, text, text_or_null};
pub(super) use claims::{Claims, OptionalAudience};
pub(super) use numbers::{OptionalBits, OptionalTtl};

/// A text with a meaning. Null and the empty text count as left out.
pub(super) struct Optional<T>(pub(super) Option<T>);

/// A text that must be there, and not be empty.
pub(super) struct Required<T>(pub(super) T);

/// A token in a request: it cannot be printed, and is wiped when dropped.
pub(super) struct TokenText(Zeroizing<String>);

pub(super) type OptionalText = Optional<String>;
pub(super) type OptionalToken = Optional<TokenText>;
pub(super) type OptionalSignatureAlgorithm = Optional<SignatureAlgorithm>;
pub(super) type OptionalKeyManagementAlgorithm = Optional<KeyManagementAlgorithm>;
pub(super) type OptionalContentEncryption = Optional<ContentEncryption>;
pub(super) type OptionalRefreshStrategy = Optional<RefreshStrategy>;
pub(super) type RequiredToken = Required<TokenText>;
pub(super) type KidMember = Required<ClientId>;

impl TokenText {
    /// The token.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl OptionalToken {
    /// The token, if there is one.
    pub(super) fn reveal(&self) -> Option<&str> {
        self.0.as_ref().map(TokenText::reveal)
    }
}

impl FromStr for TokenText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

/// How a text with a meaning is called and described.
pub(super) trait TextMember: FromStr<Err: fmt::Display> {
    const NAME: &'static str;

    fn schema() -> Object;
}

macro_rules! out_of_a_table {
    ($($type:ty = $name:literal;)*) => { $(
        impl TextMember for $type {
            const NAME: &'static str = $name;

            fn schema() -> Object {
                let names = <$type>::ALL.iter().map(|row| Value::from(row.name()));
                anything().enum_values(Some(names.chain(["".into(), Value::Null]))).build()
            }
        }
    )* };
}

out_of_a_table! {
    SignatureAlgorithm = "OptionalSignatureAlgorithm";
    KeyManagementAlgorithm = "OptionalKeyManagementAlgorithm";
    ContentEncryption = "OptionalContentEncryption";
    RefreshStrategy = "OptionalRefreshStrategy";
}

impl TextMember for String {
    const NAME: &'static str = "OptionalText";

    fn schema() -> Object {
        text_or_null().build()
    }
}

impl TextMember for TokenText {
    const NAME: &'static str = String::NAME;

    fn schema() -> Object {
        <String as TextMember>::schema()
    }
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Optional<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);

        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
            type Value = Option<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
                Ok(None)
            }

            /// It may be a secret.
            fn visit_string<E: Error>(self, text: String) -> Result<Option<T>, E> {
                self.visit_str(&Zeroizing::new(text))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
                if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(E::custom) }
            }
        }
        deserializer.deserialize_any(Text(PhantomData)).map(Self)
    }
}

impl<T: TextMember> PartialSchema for Optional<T> {
    fn schema() -> RefOr<Schema> {
        T::schema().into()
    }
}

impl<T: TextMember> ToSchema for Optional<T> {
    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Required<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The reader of the body knows the name of the missing member.
        Optional::deserialize(deserializer)?.0.map(Self).ok_or_else(|| D::Error::missing_field(""))
    }
}

impl PartialSchema for RequiredToken {
    fn schema() -> RefOr<Schema> {
        text().min_length(Some(1)).into()
    }
}

impl ToSchema for RequiredToken {
    fn name() -> Cow<'static, str> {
        "RequiredText".into()
    }
}

impl PartialSchema for KidMember {
    fn schema() -> RefOr<Schema> {
        text().pattern(Some(KID)).into()
    }
}

impl ToSchema for KidMember {
    fn name() -> Cow<'static, str> {
        "Kid".into()
    }
}

/// A yes or no; null means no.
#[derive(Copy, Clone, Default)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Yes;

        impl Visitor<'_> for Yes {
            type Value = bool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_unit<E: Error>(self) -> Result<bool, E> {
                Ok(false)
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<bool, E> {
                Ok(flag)
            }
        }
        deserializer.deserialize_any(Yes).map(Self)
    }
}

impl PartialSchema for Flag {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Boolean, Type::Null])).into()
    }
}

impl ToSchema for Flag {
    fn name() -> Cow<'static, str> {
        "OptionalFlag".into()
    }
}

/// One value under any of two names.
pub(super) fn agreed<T: PartialEq>(
    names: [&str; 2],
    one: Option<T>,
    other: Option<T>,
) -> Result<Option<T>, Problem> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            let detail =
                format!("{} are names of the same thing and have different values", names.join(", "));
            Err(Problem::with_detail(Code::ConflictingMembers, detail))
        }
        (one, other) => Ok(one.or(other)),
    }
}
