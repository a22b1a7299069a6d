//! Clients and their keys: register, renew keys, list, show, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jwtis_base::{Timestamp, Ttl};
use jwtis_issuer::key::rotation::KeySetState;
use jwtis_issuer::{ClientSummary, KeyOptions, KeySetSummary, MAX_PAGE};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Api;
use super::auth::{Admin, Caller, Kid, Registrar};
use super::body::Members;
use super::keys::ActiveKeys;
use super::problem::{Code, Problem};
use crate::http::openapi::schema::{Kind, Member};

/// The options of `/register/{kid}` and `/renew_keys`; what is left out is the server's choice, or stays as it was.
pub(super) const OPTIONS: &[Member] = &[
    Member("expiry", Kind::Duration, "life of the keys; no token outlives them"),
    Member("sig_alg", Kind::SignatureAlgorithm, "signature algorithm"),
    Member("sig_bits", Kind::SignatureBits, "size of the signing key; follows `sig_alg`"),
    Member(
        "enc_alg",
        Kind::KeyManagementAlgorithm,
        "key management algorithm; RSA1_5 where the server allows it",
    ),
    Member("enc_bits", Kind::KeyManagementBits, "size of the encryption key; follows `enc_alg`"),
    Member("cont_enc", Kind::ContentEncryption, "content encryption"),
    Member("auth_ttl", Kind::Duration, "longest life of an access token; at most `refresh_ttl`"),
    Member("refresh_ttl", Kind::Duration, "longest life of a refresh token"),
    Member("refresh_strategy", Kind::RefreshStrategy, "when renewals make a new refresh token"),
    Member("issuer", Kind::Issuer, "`iss` of the tokens, at most 512 bytes; the `kid` unless given"),
    Member("audience", Kind::Audience, "`aud` of tokens whose claims name none; 1 to 512 bytes each"),
];

/// `POST /register/{kid}`
pub(super) async fn register(
    State(api): State<Arc<Api>>,
    Registrar(access): Registrar,
    Kid(kid): Kid,
    members: Members,
) -> Result<Response, Problem> {
    let options = key_options(members)?;
    let registered = api.issuer.register(&access, kid, options).await?;
    let (now, token) = (api.issuer.env().now(), registered.client_token.reveal());
    Ok((StatusCode::CREATED, Json(ActiveKeys::of_registration(&registered.client, now, token)))
        .into_response())
}

/// `POST /renew_keys`
pub(super) async fn renew_keys(
    State(api): State<Arc<Api>>,
    caller: Caller,
    mut members: Members,
) -> Result<Response, Problem> {
    let access = caller.client(&api, &members.kid()?).await?;
    let options = key_options(members)?;
    let client = api.issuer.renew_keys(&access, options).await?;
    Ok((StatusCode::CREATED, Json(ActiveKeys::of(&client, api.issuer.env().now()))).into_response())
}

fn key_options(mut members: Members) -> Result<KeyOptions, Problem> {
    members.check_names(OPTIONS)?;
    Ok(KeyOptions {
        expiry: members.ttl("expiry")?,
        sig_alg: members.parsed("sig_alg")?,
        sig_bits: members.bits("sig_bits")?,
        enc_alg: members.parsed("enc_alg")?,
        enc_bits: members.bits("enc_bits")?,
        cont_enc: members.parsed("cont_enc")?,
        auth_ttl: members.ttl("auth_ttl")?,
        refresh_ttl: members.ttl("refresh_ttl")?,
        refresh_strategy: members.parsed("refresh_strategy")?,
        issuer: members.text("issuer")?,
        audience: members.texts("audience")?,
    })
}

/// The query of `GET /clients`.
#[derive(Deserialize)]
pub(super) struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /clients`
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Admin(access): Admin,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let invalid = |why: String| Problem::with_detail(Code::InvalidQuery, why);
    let Query(Page { after, limit }) = page.map_err(|_| {
        invalid(format!(
            "give after and limit at most once each; limit is a whole number from 1 to {MAX_PAGE}"
        ))
    })?;
    let limit = limit.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(invalid(format!("limit: {limit} is not in 1 to {MAX_PAGE}")));
    }
    let page = api.issuer.clients(&access, after.as_deref(), limit).await?;
    let now = api.issuer.env().now();
    let clients = page.clients.iter().map(|client| Shown::of(client, now)).collect();
    Ok(Json(List { clients, next: page.next.as_deref() }).into_response())
}

/// `GET /clients/{kid}`
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Kid(kid): Kid,
) -> Result<Response, Problem> {
    let access = caller.client(&api, &kid).await?;
    let client =
        ClientSummary::of(access.client()).map_err(|error| Problem::caused_by(Code::Internal, error))?;
    Ok(Json(Shown::of(&client, api.issuer.env().now())).into_response())
}

/// `DELETE /clients/{kid}`
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    Admin(access): Admin,
    Kid(kid): Kid,
) -> Result<StatusCode, Problem> {
    api.issuer.delete_client(&access, &kid).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /clients/{kid}/disable`
pub(super) async fn disable(
    State(api): State<Arc<Api>>,
    Admin(access): Admin,
    Kid(kid): Kid,
) -> Result<Response, Problem> {
    api.issuer.switch_client(&access, &kid, false).await?;
    Ok(Json(json!({})).into_response())
}

/// `POST /clients/{kid}/enable`
pub(super) async fn enable(
    State(api): State<Arc<Api>>,
    Admin(access): Admin,
    Kid(kid): Kid,
) -> Result<Response, Problem> {
    api.issuer.switch_client(&access, &kid, true).await?;
    Ok(Json(json!({})).into_response())
}

#[derive(Serialize)]
struct List<'a> {
    clients: Vec<Shown<'a>>,
    next: Option<&'a str>,
}

/// A client as its operator sees it: no secrets.
#[derive(Serialize)]
struct Shown<'a> {
    kid: &'a str,
    /// Tells it from another client of this name.
    registration: String,
    created_at: u64,
    disabled: bool,
    expiry: u64,
    valid: bool,
    sig_alg: &'static str,
    sig_bits: u32,
    enc_alg: &'static str,
    enc_bits: u32,
    cont_enc: &'static str,
    auth_ttl: Ttl,
    refresh_ttl: Ttl,
    refresh_strategy: &'static str,
    /// What the strategy gives up.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
    issuer: &'a str,
    audience: &'a [String],
    key_sets: Vec<ShownKeySet<'a>>,
}

#[derive(Serialize)]
struct ShownKeySet<'a> {
    sig_kid: &'a str,
    enc_kid: &'a str,
    state: &'static str,
    expiry: u64,
    /// When a retiring set will have retired.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl<'a> Shown<'a> {
    fn of(client: &'a ClientSummary, now: Timestamp) -> Self {
        let keys = &client.active;
        let policy = &keys.policy;
        Self {
            kid: client.id.as_str(),
            registration: client.registration.to_string(),
            created_at: client.created_at.seconds(),
            disabled: client.disabled,
            expiry: keys.expires_at.seconds(),
            valid: now < keys.expires_at,
            sig_alg: keys.sig_alg.name(),
            sig_bits: keys.sig_bits,
            enc_alg: keys.enc_alg.name(),
            enc_bits: keys.enc_bits,
            cont_enc: keys.cont_enc.name(),
            auth_ttl: policy.auth_ttl,
            refresh_ttl: policy.refresh_ttl,
            refresh_strategy: policy.refresh_strategy.name(),
            notice: policy.refresh_strategy.notice(),
            issuer: &policy.issuer,
            audience: &policy.audience,
            key_sets: client.key_sets.iter().map(|set| ShownKeySet::of(set, now)).collect(),
        }
    }
}

impl<'a> ShownKeySet<'a> {
    fn of(set: &'a KeySetSummary, now: Timestamp) -> Self {
        let state = set.state.at(now);
        Self {
            sig_kid: &set.sig_kid,
            enc_kid: &set.enc_kid,
            state: state.name(),
            expiry: set.expires_at.seconds(),
            until: match state {
                KeySetState::Retiring(until) => Some(Timestamp::from_millis(until).seconds()),
                KeySetState::Pending | KeySetState::Active | KeySetState::Retired => None,
            },
        }
    }
}
