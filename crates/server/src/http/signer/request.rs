//! What several handlers share: what they work with, the key in the path, and the query.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use jwtis_signer::{About, NotSigned, Signer};
use jwtis_tezos::{PublicKeyHash, SigningVersion};
use serde::Serialize;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::error::SignerRefusal;
use super::promised::{AnswerShape, SignerRefuses};
use crate::http::limits::Limits;
use crate::metrics::Metrics;

/// What handlers work with.
pub(super) struct SignerApi {
    pub(super) signer: Signer,
    pub(super) metrics: Arc<Metrics>,
    pub(super) limits: Limits,
    pub(super) max_body_bytes: usize,
}

impl SignerApi {
    /// Counts a refusal, and makes an answer of it.
    pub(super) fn refused(&self, about: &About, error: NotSigned, source: IpAddr) -> SignerRefusal {
        self.metrics.signer().refused(about, &error, source);
        error.into()
    }
}

/// The key in a path.
pub(super) struct Key(pub(super) PublicKeyHash);

impl SignerRefuses for Key {
    const ANSWERS: &'static [(u16, AnswerShape)] = &[(400, AnswerShape::Array)];
}

impl FromRequestParts<Arc<SignerApi>> for Key {
    type Rejection = SignerRefusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<SignerApi>) -> Result<Self, SignerRefusal> {
        let path = Path::<String>::from_request_parts(parts, api).await;
        let Path(text) =
            path.map_err(|_| SignerRefusal::malformed("not base58: the key in the path is no UTF-8"))?;
        Ok(Self(text.parse()?))
    }
}

impl IntoParams for Key {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let pkh =
            ParameterBuilder::new().name("pkh").parameter_in(ParameterIn::Path).required(Required::True);
        vec![pkh.description(Some("hash of the key")).schema(Some(KeyHash::schema())).build()]
    }
}

/// The address of a key, as answers write it.
#[derive(Serialize)]
pub(super) struct KeyHash(String);

impl From<&PublicKeyHash> for KeyHash {
    fn from(key: &PublicKeyHash) -> Self {
        Self(key.to_string())
    }
}

impl PartialSchema for KeyHash {
    fn schema() -> RefOr<Schema> {
        let hash = ObjectBuilder::new().schema_type(Type::String);
        hash.pattern(Some("^tz[1-4][1-9A-HJ-NP-Za-km-z]{33}$")).into()
    }
}

impl ToSchema for KeyHash {
    fn name() -> Cow<'static, str> {
        "KeyHash".into()
    }
}

/// The query of a request for a signature or a proof. Of a name that is repeated the first value counts, and a query that is none
/// is empty.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SignQuery {
    /// Version of the signing protocol: `0`, `1`, or `2` for the latest, for which everything else is taken. A proof has none.
    #[param(value_type = Option<String>)]
    pub(super) version: SigningVersion,
    /// The client's signature of the request, where the guard asks for one.
    pub(super) authentication: Option<String>,
}

impl FromRequestParts<Arc<SignerApi>> for SignQuery {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<SignerApi>) -> Result<Self, Infallible> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let pairs = pairs.map(|Query(pairs)| pairs).unwrap_or_default();
        let (mut version, mut authentication) = (None, None);
        for (name, value) in pairs {
            match name.as_str() {
                "version" => _ = version.get_or_insert(value),
                "authentication" => _ = authentication.get_or_insert(value),
                _ => {}
            }
        }
        Ok(Self { version: SigningVersion::from_query(version.as_deref()), authentication })
    }
}
