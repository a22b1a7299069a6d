//! `POST /renew_token`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jwtis_issuer::{RenewError, RenewToken};
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::IssuerApi;
use super::auth::TokenHolder;
use super::json::StrictJson;
use super::members::{KidMember, OptionalRefreshStrategy, RequiredToken};
use super::problem::Problem;
use super::promised::Problems;
use super::tokens::Tokens;

/// What to renew.
#[derive(Deserialize, ToSchema)]
pub(super) struct RenewRequest {
    /// The client.
    kid: KidMember,
    /// The newest refresh token of the session.
    refresh_token: RequiredToken,
    /// A stricter one than the client's.
    #[serde(default)]
    refresh_strategy: OptionalRefreshStrategy,
}

/// Exchange a refresh token for new tokens
#[utoipa::path(
    post,
    path = "/renew_token",
    operation_id = "renewToken",
    request_body = RenewRequest,
    responses(
        (status = CREATED, description = "the tokens", body = Tokens),
        Problems<(TokenHolder, StrictJson<RenewRequest>, RenewError)>,
    ),
)]
pub(super) async fn renew(
    State(api): State<Arc<IssuerApi>>,
    caller: TokenHolder,
    request: Result<StrictJson<RenewRequest>, Problem>,
) -> Result<(StatusCode, Json<Tokens>), Problem> {
    let renewed = async {
        let request = request?;
        let access = caller.client(&api, &request.kid.0).await?;
        let (refresh_token, strategy) = (request.refresh_token.0.reveal(), request.refresh_strategy.0);
        api.issuer.store().in_place().await?;
        Ok::<_, Problem>(api.issuer.renew(&access, RenewToken { refresh_token, strategy }).await?)
    };
    let tokens = api.counted("renew", renewed.await)?;
    api.metrics.token_renewed();
    Ok((StatusCode::CREATED, Json(tokens.into())))
}
