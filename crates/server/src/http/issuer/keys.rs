//! Public keys: what anybody may ask.

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

use super::Api;
use super::auth::Kid;
use super::problem::{Code, Problem};

/// `Content-Type` of a key set (RFC 7517 §8.5.2).
const JWK_SET_JSON: &str = "application/jwk-set+json";

/// How long verifiers may keep a key set without asking. New keys are used from their first second on, so a verifier that meets an
/// unknown `kid` asks again at once; this bounds how long it goes on trusting keys of a client that was deleted.
pub(super) const CACHE_CONTROL: &str = "public, max-age=300";

/// `GET /keys/{kid}`: both shapes of the Go program in one.
pub(super) async fn public(State(api): State<Arc<Api>>, Kid(kid): Kid) -> Result<Response, Problem> {
    let client = find(&api, &kid).await?;
    let keys = client.keys().active();
    let active = ActiveKeys::of(&client, api.issuer.env().now());
    let (sig, enc) = (keys.public_signing_key(), keys.public_encryption_key());
    Ok(Json(PublicKeys { active, sig, enc }).into_response())
}

/// `GET /keys/{kid}/jwks.json`: every signing key that a verifier may still meet (RFC 7517 §5).
pub(super) async fn jwks(
    State(api): State<Arc<Api>>,
    Kid(kid): Kid,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let client = find(&api, &kid).await?;
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

async fn find(api: &Api, kid: &ClientId) -> Result<Arc<Client>, Problem> {
    api.issuer.public_client(kid).await?.ok_or(Problem::new(Code::UnknownKid))
}

/// Whether `If-None-Match` names `tag`, by the weak comparison (RFC 9110 §13.1.2).
fn knows(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // Our tags hold no comma, so cutting at each does not cut one of them.
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

/// The active key set of a client, as registration, renewal and `GET /keys/{kid}` tell it.
#[derive(Serialize)]
pub(super) struct ActiveKeys<'a> {
    kid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_token: Option<&'a str>,
    pub_sig_key: &'a Jwk,
    pub_enc_key: &'a Jwk,
    /// Unix seconds.
    expiry: u64,
    valid: bool,
    refresh_strategy: &'static str,
    /// What the strategy gives up: said at a registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
}

impl<'a> ActiveKeys<'a> {
    pub(super) fn of(client: &'a Client, now: Timestamp) -> Self {
        let keys = client.keys().active();
        Self {
            kid: client.id().as_str(),
            client_token: None,
            pub_sig_key: keys.public_signing_key(),
            pub_enc_key: keys.public_encryption_key(),
            expiry: keys.expires_at().seconds(),
            valid: now < keys.expires_at(),
            refresh_strategy: keys.policy().refresh_strategy.name(),
            notice: None,
        }
    }

    /// With what only the answer to a registration holds: the token, and what the strategy gives up.
    pub(super) fn of_registration(client: &'a Client, now: Timestamp, token: &'a str) -> Self {
        let notice = client.keys().active().policy().refresh_strategy.notice();
        Self { client_token: Some(token), notice, ..Self::of(client, now) }
    }
}

#[derive(Serialize)]
struct PublicKeys<'a> {
    #[serde(flatten)]
    active: ActiveKeys<'a>,
    sig: &'a Jwk,
    enc: &'a Jwk,
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
