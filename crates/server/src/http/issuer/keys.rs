//! Public keys: what anybody may ask.

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::digest;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jwtis_base::{ClientId, Timestamp};
use jwtis_issuer::Client;
use jwtis_jose::{Jwk, base64url};
use serde::Serialize;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::api::IssuerApi;
use super::auth::Kid;
use super::members::KidMember;
use super::problem::{Code, Problem};
use super::promised::{IssuerRefuses, Problems};
use super::shapes::{PublicJwk, StrategyName};

/// `Content-Type` of a key set (RFC 7517 §8.5.2).
const JWK_SET_JSON: &str = "application/jwk-set+json";

/// How long verifiers may keep a key set without asking. New keys are used from their first second on, so a verifier that meets an
/// unknown `kid` asks again at once; this bounds how long it goes on trusting keys of a client that was deleted.
pub(super) const CACHE_CONTROL: &str = "public, max-age=300";

/// The active public keys of a client
#[utoipa::path(
    get,
    path = "/keys/{kid}",
    operation_id = "publicKeys",
    params(Kid),
    responses(
        (status = OK, description = "the keys", body = PublicKeys<'static>),
        Problems<(Kid, PublicError)>,
    ),
)]
pub(super) async fn public(
    State(api): State<Arc<IssuerApi>>,
    Kid(client_id): Kid,
) -> Result<Response, Problem> {
    let client = find(&api, &client_id).await?;
    Ok(Json(PublicKeys::of(&client, api.issuer.env().now())).into_response())
}

/// Every signing key that a verifier may still meet (RFC 7517)
#[utoipa::path(
    get,
    path = "/keys/{kid}/jwks.json",
    operation_id = "jwks",
    params(Kid, ("If-None-Match" = Option<String>, Header, nullable = false, description = "`ETag` of the copy that you have")),
    responses(
        (
            status = OK,
            description = "the keys",
            content_type = JWK_SET_JSON,
            body = JwkSetShape,
            headers(("ETag" = String)),
        ),
        (status = NOT_MODIFIED, description = "your copy is the newest", headers(("ETag" = String))),
        Problems<(Kid, PublicError)>,
    ),
)]
pub(super) async fn jwks(
    State(api): State<Arc<IssuerApi>>,
    Kid(client_id): Kid,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let client = find(&api, &client_id).await?;
    let set = client.keys().jwks(api.issuer.env().now());
    let body = serde_json::to_vec(&set).map_err(|error| Problem::caused_by(Code::Internal, error))?;

    let tag = format!("\"{}\"", base64url::encode(digest::digest(&digest::SHA256, &body).as_ref()));
    let about = [
        (
            header::ETAG,
            HeaderValue::try_from(tag.as_str()).map_err(|e| Problem::caused_by(Code::Internal, e))?,
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL)),
    ];
    if knows(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    Ok((about, [(header::CONTENT_TYPE, JWK_SET_JSON)], body).into_response())
}

/// Why public keys are not shown.
enum PublicError {}

impl IssuerRefuses for PublicError {
    const CODES: &'static [Code] = &[Code::UnknownKid, Code::StoreUnavailable];
}

async fn find(api: &IssuerApi, client_id: &ClientId) -> Result<Arc<Client>, Problem> {
    api.issuer.public_client(client_id).await?.ok_or(Problem::new(Code::UnknownKid))
}

/// Whether `If-None-Match` names `tag`, by the weak comparison (RFC 9110 §13.1.2).
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // Our tags hold no comma, so cutting at each does not cut one of them.
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

/// The active public keys of a client, in both shapes of the Go program.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicKeys<'a> {
    #[schema(value_type = KidMember)]
    kid: &'a str,
    #[schema(value_type = PublicJwk)]
    pub_sig_key: &'a Jwk,
    #[schema(value_type = PublicJwk)]
    pub_enc_key: &'a Jwk,
    /// Seconds since 1970-01-01T00:00:00Z.
    expiry: u64,
    valid: bool,
    #[schema(value_type = StrategyName)]
    refresh_strategy: &'static str,
    /// The same as `pub_sig_key`.
    #[schema(value_type = PublicJwk)]
    sig: &'a Jwk,
    /// The same as `pub_enc_key`.
    #[schema(value_type = PublicJwk)]
    enc: &'a Jwk,
}

impl<'a> PublicKeys<'a> {
    fn of(client: &'a Client, now: Timestamp) -> Self {
        let keys = client.keys().active();
        let (sig, enc) = (keys.public_signing_key(), keys.public_encryption_key());
        Self {
            kid: client.id().as_str(),
            pub_sig_key: sig,
            pub_enc_key: enc,
            expiry: keys.expires_at().seconds(),
            valid: now < keys.expires_at(),
            refresh_strategy: keys.policy().refresh_strategy.name(),
            sig,
            enc,
        }
    }
}

/// A key set (RFC 7517 §5), as the document describes it.
enum JwkSetShape {}

impl PartialSchema for JwkSetShape {
    fn schema() -> RefOr<Schema> {
        let keys = ArrayBuilder::new().items(Ref::from_schema_name(PublicJwk::name()));
        let set = ObjectBuilder::new().schema_type(Type::Object).property("keys", keys).required("keys");
        set.additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
    }
}

impl ToSchema for JwkSetShape {
    fn name() -> Cow<'static, str> {
        "JwkSet".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_by_name() {
        for (name, values, known) in [
            ("none", &[][..], false),
            ("same", &["\"a\""], true),
            ("weak_is_enough", &["W/\"a\""], true),
            ("in_a_list", &["\"b\", \"a\""], true),
            ("in_a_second_line", &["\"b\"", "\"a\""], true),
            ("any", &["*"], true),
            ("other", &["\"b\""], false),
            ("without_quotes", &["a"], false),
        ] {
            let headers =
                values.iter().map(|v| (header::IF_NONE_MATCH, HeaderValue::from_static(v))).collect();
            assert_eq!(knows(&headers, "\"a\""), known, "{name}");
        }
    }
}
