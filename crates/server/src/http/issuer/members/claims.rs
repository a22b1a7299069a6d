//! Members about what a token says: its claims, and whom it is for.

use std::borrow::Cow;
use std::fmt;

use jwtis_issuer::key::plan::{MAX_AUDIENCES, MAX_NAME_BYTES};
use jwtis_issuer::token::claims::OWNED_CLAIMS;
use jwtis_jose::{ClaimsError, ClaimsSet};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::http::issuer::shapes::{text, text_or_null};

/// `aud`: one text or a list of texts. An empty list is a value: none.
#[derive(Default)]
pub(in crate::http::issuer) struct OptionalAudience(pub(in crate::http::issuer) Option<Vec<String>>);

impl<'de> Deserialize<'de> for OptionalAudience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = Option<Vec<String>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok((!text.is_empty()).then(|| vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                let of_texts = |_| A::Error::custom("must be a string or an array of strings");
                while let Some(text) = items.next_element().map_err(of_texts)? {
                    texts.push(text);
                }
                Ok(Some(texts))
            }
        }
        deserializer.deserialize_any(Texts).map(Self)
    }
}

impl PartialSchema for OptionalAudience {
    fn schema() -> RefOr<Schema> {
        let one = text().min_length(Some(1)).max_length(Some(MAX_NAME_BYTES));
        AnyOfBuilder::new()
            .item(text_or_null().max_length(Some(MAX_NAME_BYTES)))
            .item(ArrayBuilder::new().max_items(Some(MAX_AUDIENCES)).items(one))
            .into()
    }
}

impl ToSchema for OptionalAudience {
    fn name() -> Cow<'static, str> {
        "Audience".into()
    }
}

/// The claims of an issue call, or why they are none. They have an error of their own.
pub(in crate::http::issuer) struct Claims(pub(in crate::http::issuer) Result<ClaimsSet, ClaimsError>);

impl Default for Claims {
    fn default() -> Self {
        Self(Ok(ClaimsSet::new()))
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ClaimsSet::read(deserializer).map(Self)
    }
}

impl PartialSchema for Claims {
    fn schema() -> RefOr<Schema> {
        let seconds = ObjectBuilder::new().schema_type(Type::Number).description(Some("seconds since 1970"));
        let audience = AnyOfBuilder::new().item(text()).item(ArrayBuilder::new().items(text()));
        let not_ours = format!("^(?!({})$)", OWNED_CLAIMS.join("|"));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("iss", text().description(Some("the client's issuer")))
            .property("sub", text())
            .property("aud", audience)
            .property("exp", seconds)
            .property_names(Some(text().pattern(Some(not_ours)).build()))
            .into()
    }
}

impl ToSchema for Claims {}
