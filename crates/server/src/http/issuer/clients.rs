//! Clients, for their operator: list, show, switch off and on, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jwtis_base::{Timestamp, Ttl};
use jwtis_issuer::key::rotation::KeySetState;
use jwtis_issuer::{ClientChangeError, ClientSummary, KeySetSummary, ListError, MAX_PAGE};
use jwtis_store::RecordKey;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::{IntoParams, ToSchema};

use super::api::IssuerApi;
use super::auth::{Admin, Kid, TokenHolder};
use super::members::KidMember;
use super::problem::{Code, Problem};
use super::promised::Problems;
use super::server::Nothing;
use super::shapes;

/// The query of `GET /clients`.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ClientsPage {
    #[param(schema_with = limit, required = false)]
    limit: Option<usize>,
    #[param(schema_with = cursor, required = false)]
    after: Option<String>,
}

fn limit() -> Object {
    let limit = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(MAX_PAGE));
    limit.description(Some("most clients of a page")).build()
}

fn cursor() -> Object {
    let pattern = format!("^([0-9a-f]{{2}}){{1,{}}}$", RecordKey::MAX_BYTES);
    let cursor = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    cursor.description(Some("the `next` of the page before")).build()
}

/// A page of clients; for the admin
#[utoipa::path(
    get,
    path = "/clients",
    operation_id = "clients",
    params(ClientsPage),
    responses((status = OK, description = "the page", body = Clients<'static>), Problems<(Admin, ListError)>),
)]
pub(super) async fn list(
    State(api): State<Arc<IssuerApi>>,
    Admin(access): Admin,
    page: Result<Query<ClientsPage>, QueryRejection>,
) -> Result<Response, Problem> {
    let invalid = |why: String| Problem::with_detail(Code::InvalidQuery, why);
    let Query(ClientsPage { after, limit }) = page.map_err(|_| {
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
    let clients = page.clients.iter().map(|client| ShownClient::of(client, now)).collect();
    Ok(Json(Clients { clients, next: page.next.as_deref() }).into_response())
}

/// A client
#[utoipa::path(
    get,
    path = "/clients/{kid}",
    operation_id = "client",
    params(Kid),
    responses((status = OK, description = "the client", body = ShownClient<'static>), Problems<(TokenHolder, Kid)>),
)]
pub(super) async fn show(
    State(api): State<Arc<IssuerApi>>,
    caller: TokenHolder,
    Kid(client_id): Kid,
) -> Result<Response, Problem> {
    let access = caller.client(&api, &client_id).await?;
    let client =
        ClientSummary::of(access.client()).map_err(|error| Problem::caused_by(Code::Internal, error))?;
    Ok(Json(ShownClient::of(&client, api.issuer.env().now())).into_response())
}

/// End a client, its keys and all its tokens; for the admin
#[utoipa::path(
    delete,
    path = "/clients/{kid}",
    operation_id = "deleteClient",
    params(Kid),
    responses((status = NO_CONTENT, description = "deleted"), Problems<(Admin, Kid, ClientChangeError)>),
)]
pub(super) async fn delete(
    State(api): State<Arc<IssuerApi>>,
    Admin(access): Admin,
    Kid(client_id): Kid,
) -> Result<StatusCode, Problem> {
    api.issuer.delete_client(&access, &client_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Switch a client off, at once; for the admin
#[utoipa::path(
    post,
    path = "/clients/{kid}/disable",
    operation_id = "disableClient",
    params(Kid),
    responses((status = OK, description = "off", body = Nothing), Problems<(Admin, Kid, ClientChangeError)>),
)]
pub(super) async fn disable(
    State(api): State<Arc<IssuerApi>>,
    Admin(access): Admin,
    Kid(client_id): Kid,
) -> Result<Json<Nothing>, Problem> {
    api.issuer.switch_client(&access, &client_id, false).await?;
    Ok(Json(Nothing {}))
}

/// Switch a client on again; for the admin
#[utoipa::path(
    post,
    path = "/clients/{kid}/enable",
    operation_id = "enableClient",
    params(Kid),
    responses((status = OK, description = "on", body = Nothing), Problems<(Admin, Kid, ClientChangeError)>),
)]
pub(super) async fn enable(
    State(api): State<Arc<IssuerApi>>,
    Admin(access): Admin,
    Kid(client_id): Kid,
) -> Result<Json<Nothing>, Problem> {
    api.issuer.switch_client(&access, &client_id, true).await?;
    Ok(Json(Nothing {}))
}

/// A page.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Clients<'a> {
    clients: Vec<ShownClient<'a>>,
    /// Asks for the page after this one; null where this is the last.
    #[schema(required)]
    next: Option<&'a str>,
}

/// A client as its operator sees it: no secrets.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Client)]
struct ShownClient<'a> {
    #[schema(value_type = KidMember)]
    kid: &'a str,
    /// Tells it from another client of this name.
    #[schema(value_type = shapes::RegistrationUuid)]
    registration: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    created_at: u64,
    disabled: bool,
    /// Seconds since 1970-01-01T00:00:00Z.
    expiry: u64,
    valid: bool,
    #[schema(value_type = shapes::SignatureAlgorithmName)]
    sig_alg: &'static str,
    sig_bits: u32,
    #[schema(value_type = shapes::KeyManagementAlgorithmName)]
    enc_alg: &'static str,
    enc_bits: u32,
    #[schema(value_type = shapes::ContentEncryptionName)]
    cont_enc: &'static str,
    /// A Go duration.
    #[schema(value_type = String)]
    auth_ttl: Ttl,
    /// A Go duration.
    #[schema(value_type = String)]
    refresh_ttl: Ttl,
    #[schema(value_type = shapes::StrategyName)]
    refresh_strategy: &'static str,
    /// What the strategy gives up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notice: Option<&'static str>,
    issuer: &'a str,
    audience: &'a [String],
    #[schema(min_items = 1)]
    key_sets: Vec<ShownKeySet<'a>>,
}

#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeySet)]
struct ShownKeySet<'a> {
    sig_kid: &'a str,
    enc_kid: &'a str,
    #[schema(value_type = shapes::KeySetStateName)]
    state: &'static str,
    /// Seconds since 1970-01-01T00:00:00Z.
    expiry: u64,
    /// When a retiring set will have retired, in seconds since 1970-01-01T00:00:00Z.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    until: Option<u64>,
}

impl<'a> ShownClient<'a> {
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
