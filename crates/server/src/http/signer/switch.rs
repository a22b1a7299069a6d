//! The kill switch of a key: `POST /keys/{pkh}/disable` and `/enable`, for whoever holds the admin token of the store.
//!
//! The routes are here and not at the issuer, which a signer alone does not serve. Without a store there is no admin.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use jwtis_base::BearerSecret;
use jwtis_signer::switch::SwitchError;
use jwtis_signer::{NotTheAdmin, Switcher};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{Json, SignerRefusal};
use super::promised::{AnswerShape, Refusals, SignerRefuses};
use super::request::{Key, KeyHash, SignerApi};
use crate::http::bearer;
use crate::http::source::Source;

/// The admin, who may move switches. Nobody else learns what is wrong with the key's name.
pub(super) struct SwitchCaller(Switcher);

/// How the switch of a key stands.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchAnswer {
    public_key_hash: KeyHash,
    disabled: bool,
}

/// Switch a key off: it signs and proves nothing
#[utoipa::path(
    post,
    path = "/keys/{pkh}/disable",
    operation_id = "disableKey",
    params(Key),
    responses(
        (status = OK, description = "off", body = SwitchAnswer),
        Refusals<(SwitchCaller, Key, SwitchError)>,
    ),
    security(("admin" = [])),
)]
pub(super) async fn disable(
    State(api): State<Arc<SignerApi>>,
    SwitchCaller(by): SwitchCaller,
    Key(key): Key,
) -> Result<Json<SwitchAnswer>, SignerRefusal> {
    api.signer.switches()?.disable(&key, &by).await?;
    Ok(Json(SwitchAnswer { public_key_hash: KeyHash::from(&key), disabled: true }))
}

/// Switch a key on again
#[utoipa::path(
    post,
    path = "/keys/{pkh}/enable",
    operation_id = "enableKey",
    params(Key),
    responses(
        (status = OK, description = "on", body = SwitchAnswer),
        Refusals<(SwitchCaller, Key, SwitchError)>,
    ),
    security(("admin" = [])),
)]
pub(super) async fn enable(
    State(api): State<Arc<SignerApi>>,
    SwitchCaller(by): SwitchCaller,
    Key(key): Key,
) -> Result<Json<SwitchAnswer>, SignerRefusal> {
    api.signer.switches()?.enable(&key, &by).await?;
    Ok(Json(SwitchAnswer { public_key_hash: KeyHash::from(&key), disabled: false }))
}

impl SignerRefuses for SwitchCaller {
    const ANSWERS: &'static [(u16, AnswerShape)] = &[(401, AnswerShape::Text), (503, AnswerShape::Text)];
}

impl FromRequestParts<Arc<SignerApi>> for SwitchCaller {
    type Rejection = SignerRefusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<SignerApi>) -> Result<Self, SignerRefusal> {
        let Ok(Source(source)) = Source::from_request_parts(parts, api).await;
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| bearer::of(value, "Bearer"));
        let token = token.and_then(|token| BearerSecret::parse(std::str::from_utf8(token).ok()?).ok());
        let denied = |denied: NotTheAdmin| SignerRefusal::from(denied).counted(&api.metrics, "admin", source);
        api.signer.admin(token.as_ref()).await.map(Self).map_err(denied)
    }
}
