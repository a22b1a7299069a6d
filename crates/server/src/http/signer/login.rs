//! `POST /login`: name and password in headers, the bare token in the body.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use jwtis_signer::LoginError;
use jwtis_signer::rules::Guard;

use super::auth;
use super::error::SignerRefusal;
use super::promised::Refusals;
use super::request::SignerApi;
use crate::http::source::Source;

/// Headers that carry the password; there is one name only.
const PASSWORD: [&str; 2] = ["password", "password"];

/// A token for name and password; where users are configured
#[utoipa::path(
    post,
    path = "/login",
    operation_id = "login",
    params(
        ("username" = Option<String>, Header, description = "the user; or `x-signatory-user`"),
        ("password" = Option<String>, Header, description = "the user's password"),
    ),
    responses(
        (status = CREATED, description = "the token", content_type = "text/plain", body = String),
        Refusals<(LoginError,)>,
    ),
)]
pub(super) async fn login(
    State(api): State<Arc<SignerApi>>,
    Source(source): Source,
    headers: HeaderMap,
) -> Result<(StatusCode, String), SignerRefusal> {
    let (username, password) = (auth::first(&headers, auth::USER), auth::first(&headers, PASSWORD));
    match api.signer.login(username, password, source).await {
        Ok(token) => Ok((StatusCode::CREATED, token)),
        Err(error) => Err(SignerRefusal::from(error).counted(&api.metrics, "jwt", source)),
    }
}

/// Any other method: the route is known only where somebody can log in by the rules in force.
pub(super) async fn other_method(State(api): State<Arc<SignerApi>>) -> Result<StatusCode, SignerRefusal> {
    match api.signer.rules().guard {
        Guard::Tokens(_) => Ok(StatusCode::METHOD_NOT_ALLOWED),
        Guard::Open | Guard::Keys(_) => Err(SignerRefusal::no_page()),
    }
}
