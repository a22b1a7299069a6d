//! `POST /issue_token`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jwtis_issuer::{IssueError, IssueToken};
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::IssuerApi;
use super::auth::TokenHolder;
use super::json::StrictJson;
use super::members::{Claims, KidMember, OptionalTtl, agreed};
use super::problem::Problem;
use super::promised::Problems;
use super::tokens::Tokens;

/// What to issue. The second spelling of each member is OAuth's or the dictionary's.
#[derive(Deserialize, ToSchema)]
pub(super) struct IssueRequest {
    /// The client.
    kid: KidMember,
    /// Claims of the tokens, beside the server's own.
    #[serde(default)]
    claims: Claims,
    /// Life of the access token, cut to the client's `auth_ttl`.
    #[serde(default)]
    auth_token_valid_time: OptionalTtl,
    /// The same as `auth_token_valid_time`.
    #[serde(default)]
    access_token_valid_time: OptionalTtl,
    /// Life of the refresh token, cut to the client's `refresh_ttl`. The misspelling is the Go program's, kept for its clients.
    #[serde(default)]
    resresh_token_valid_time: OptionalTtl,
    /// The same as `resresh_token_valid_time`.
    #[serde(default)]
    refresh_token_valid_time: OptionalTtl,
}

/// Open a session and issue its first tokens
#[utoipa::path(
    post,
    path = "/issue_token",
    operation_id = "issueToken",
    request_body = IssueRequest,
    responses(
        (status = CREATED, description = "the tokens", body = Tokens),
        Problems<(TokenHolder, StrictJson<IssueRequest>, IssueError)>,
    ),
)]
pub(super) async fn issue(
    State(api): State<Arc<IssuerApi>>,
    caller: TokenHolder,
    request: Result<StrictJson<IssueRequest>, Problem>,
) -> Result<(StatusCode, Json<Tokens>), Problem> {
    let issued = async {
        let (request, _charge) = request?.into_parts();
        let access = caller.client(&api, &request.kid.0).await?;
        let access_names = ["auth_token_valid_time", "access_token_valid_time"];
        let refresh_names = ["resresh_token_valid_time", "refresh_token_valid_time"];
        let (auth, other_auth) = (request.auth_token_valid_time.0, request.access_token_valid_time.0);
        let (refresh, other_refresh) =
            (request.resresh_token_valid_time.0, request.refresh_token_valid_time.0);
        let command = IssueToken {
            claims: request.claims.0?,
            access_valid_time: agreed(access_names, auth, other_auth)?,
            refresh_valid_time: agreed(refresh_names, refresh, other_refresh)?,
        };
        // Issuing writes nothing, so nothing else would notice that the store file is another process's by now.
        api.issuer.store().in_place().await?;
        Ok::<_, Problem>(api.issuer.issue_apart(access, command).await?)
    };
    let tokens = api.counted("issue", issued.await)?;
    api.metrics.token_issued();
    Ok((StatusCode::CREATED, Json(tokens.into())))
}
