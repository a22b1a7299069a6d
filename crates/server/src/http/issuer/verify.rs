//! `POST /verify_token`.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jwtis_issuer::{Verification, VerificationError};
use jwtis_jose::ClaimsSet;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AllOfBuilder, AnyOfBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::api::IssuerApi;
use super::auth::TokenHolder;
use super::json::StrictJson;
use super::members::{KidMember, OptionalToken, agreed};
use super::problem::{Code, Problem};
use super::promised::Problems;
use super::shapes::{self, given};

/// What to look at.
#[derive(Deserialize, ToSchema)]
pub(super) struct VerifyRequest {
    /// The client.
    kid: KidMember,
    /// The access token.
    #[serde(default)]
    auth_token: OptionalToken,
    /// The same as `auth_token`.
    #[serde(default)]
    access_token: OptionalToken,
    /// The refresh token that is said to be of the same session.
    #[serde(default)]
    refresh_token: OptionalToken,
}

/// The access token stands under one of its names.
enum EitherName {}

impl PartialSchema for EitherName {
    fn schema() -> RefOr<Schema> {
        let token = AnyOfBuilder::new().item(given("auth_token")).item(given("access_token"));
        AllOfBuilder::new().item(VerifyRequest::schema()).item(token).into()
    }
}

impl ToSchema for EitherName {
    fn name() -> Cow<'static, str> {
        "VerifyRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        VerifyRequest::schemas(schemas);
    }
}

/// Answer to verify (after RFC 7662 §2.2).
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Verified)]
pub(super) enum VerifyAnswer {
    Active(ActiveToken),
    Inactive(InactiveToken),
}

/// The token is valid now.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActiveToken {
    #[schema(value_type = shapes::Yes)]
    active: bool,
    /// All claims of the access token.
    #[schema(value_type = Object)]
    claims: ClaimsSet,
    /// Whether the refresh token is of the same session and could be renewed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    matches: Option<bool>,
}

/// The token is not valid now.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InactiveToken {
    #[schema(value_type = shapes::No)]
    active: bool,
    #[schema(value_type = shapes::InactiveReason)]
    reason: &'static str,
}

/// Whether an access token is valid now (after RFC 7662)
#[utoipa::path(
    post,
    path = "/verify_token",
    operation_id = "verifyToken",
    request_body = EitherName,
    responses(
        (status = OK, description = "valid or not", body = VerifyAnswer),
        Problems<(TokenHolder, StrictJson<VerifyRequest>, VerificationError)>,
    ),
)]
pub(super) async fn verify(
    State(api): State<Arc<IssuerApi>>,
    caller: TokenHolder,
    request: Result<StrictJson<VerifyRequest>, Problem>,
) -> Result<Json<VerifyAnswer>, Problem> {
    let verified = async {
        let request = request?;
        let access = caller.client(&api, &request.kid.0).await?;
        let (auth, other) = (request.auth_token.reveal(), request.access_token.reveal());
        let token = agreed(["auth_token", "access_token"], auth, other)?;
        let token = token.ok_or(Problem::with_detail(Code::MissingMember, "auth_token"))?;
        Ok::<_, Problem>(api.issuer.verify(&access, token, request.refresh_token.reveal()).await?)
    };
    Ok(Json(api.counted("verify", verified.await)?.into()))
}

impl From<Verification> for VerifyAnswer {
    fn from(verification: Verification) -> Self {
        match verification {
            Verification::Active { claims, matches } => {
                Self::Active(ActiveToken { active: true, claims, matches })
            }
            Verification::Inactive(reason) => {
                Self::Inactive(InactiveToken { active: false, reason: reason.as_str() })
            }
        }
    }
}
