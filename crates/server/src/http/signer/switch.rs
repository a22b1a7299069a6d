//! The kill switch of a key: `POST /keys/{pkh}/disable` and `/enable`, for whoever holds the admin token of the store.
//!
//! The routes are here and not at the issuer, which a signer alone does not serve. Without a store there is no admin.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use jwtis_base::BearerSecret;
use jwtis_signer::switch::Switcher;
use jwtis_tezos::PublicKeyHash;
use serde_json::{Value, json};

use super::Api;

use super::error::{Json, Refusal};
use super::keys::{Segment, parse};
use crate::http::source::Source;

/// `POST /keys/{pkh}/disable`
pub(super) async fn disable(
    State(api): State<Arc<Api>>,
    source: Source,
    segment: Segment,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let (key, by) = allowed(&api, &source, segment, &headers)?;
    api.signer.switches()?.disable(&key, &by).await?;
    Ok(answer(&key, true))
}

/// `POST /keys/{pkh}/enable`
pub(super) async fn enable(
    State(api): State<Arc<Api>>,
    source: Source,
    segment: Segment,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let (key, by) = allowed(&api, &source, segment, &headers)?;
    api.signer.switches()?.enable(&key, &by).await?;
    Ok(answer(&key, false))
}

/// The key, and the admin who may switch it. Nobody else learns what is wrong with the key's name.
fn allowed(
    api: &Api,
    source: &Source,
    segment: Segment,
    headers: &HeaderMap,
) -> Result<(PublicKeyHash, Switcher), Refusal> {
    let by = api.signer.admin(token(headers).as_ref()).map_err(|denied| {
        let refusal = Refusal::from(denied);
        refusal.count(api, "admin", source.0);
        refusal
    })?;
    Ok((parse(segment)?, by))
}

/// `Authorization: Bearer TOKEN` (RFC 6750 §2.1).
fn token(headers: &HeaderMap) -> Option<BearerSecret> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    let secret = BearerSecret::parse(token.trim_start_matches(' ')).ok()?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret)
}

fn answer(key: &PublicKeyHash, disabled: bool) -> Json<Value> {
    Json(json!({ "public_key_hash": key.to_string(), "disabled": disabled }))
}
