//! `POST /revoke_token`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jwtis_issuer::{RevokeError, RevokeTarget};
use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AllOfBuilder, AnyOfBuilder, OneOfBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::api::IssuerApi;
use super::auth::TokenHolder;
use super::json::StrictJson;
use super::members::{Flag, KidMember, OptionalText, OptionalToken, agreed};
use super::problem::{Code, Problem};
use super::promised::Problems;
use super::server::Nothing;
use super::shapes::{self, given, holds};

/// Whose sessions to end.
#[derive(Deserialize, ToSchema)]
pub(super) struct RevokeRequest {
    /// The client.
    kid: KidMember,
    /// Ends this session.
    #[serde(default)]
    #[schema(value_type = shapes::OptionalSession)]
    id: OptionalText,
    /// Ends the session of this token, of either kind.
    #[serde(default)]
    refresh_token: OptionalToken,
    /// Ends the session of this token, of either kind.
    #[serde(default)]
    auth_token: OptionalToken,
    /// The same as `auth_token`.
    #[serde(default)]
    access_token: OptionalToken,
    /// Ends all sessions with this claim `sub`. The empty one counts where nothing else is given.
    #[serde(default)]
    #[schema(value_type = OptionalText)]
    sub: Option<String>,
    /// Ends all sessions of the client.
    #[serde(default)]
    all: Flag,
}

/// Beside the client, exactly one thing to end.
enum OneTarget {}

impl PartialSchema for OneTarget {
    fn schema() -> RefOr<Schema> {
        let token = AnyOfBuilder::new().item(given("auth_token")).item(given("access_token"));
        let left_out = || shapes::one_of(["".into(), Value::Null]);
        let mut empty = shapes::anything().property("sub", shapes::one_of(["".into()])).required("sub");
        for name in ["id", "refresh_token", "auth_token", "access_token"] {
            empty = empty.property(name, left_out());
        }
        let target = OneOfBuilder::new()
            .item(given("id"))
            .item(given("refresh_token"))
            .item(token)
            .item(given("sub"))
            .item(empty.property("all", shapes::one_of([false.into(), Value::Null])))
            .item(holds("all", shapes::Yes::schema()));
        AllOfBuilder::new().item(RevokeRequest::schema()).item(target).into()
    }
}

impl ToSchema for OneTarget {
    fn name() -> std::borrow::Cow<'static, str> {
        "RevokeRequest".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        RevokeRequest::schemas(schemas);
    }
}

/// End sessions; an unknown or expired token is a success too (RFC 7009)
#[utoipa::path(
    post,
    path = "/revoke_token",
    operation_id = "revokeToken",
    request_body = OneTarget,
    responses(
        (status = OK, description = "ended, now or before", body = Nothing),
        Problems<(TokenHolder, StrictJson<RevokeRequest>, RevokeError)>,
    ),
)]
pub(super) async fn revoke(
    State(api): State<Arc<IssuerApi>>,
    caller: TokenHolder,
    request: Result<StrictJson<RevokeRequest>, Problem>,
) -> Result<Json<Nothing>, Problem> {
    let revoked = async {
        let request = request?;
        let access = caller.client(&api, &request.kid.0).await?;
        let (member, target) = request.target()?;
        api.issuer.revoke(&access, target).await.map_err(|error| match error {
            RevokeError::InvalidSession(_) => {
                Problem::with_detail(Code::InvalidMember, format!("{member}: {error}"))
            }
            RevokeError::NotAToken | RevokeError::DamagedToken => {
                Problem::with_detail(Code::NotAToken, format!("{member}: {error}"))
            }
            RevokeError::QuotaExceeded
            | RevokeError::SessionFromFuture
            | RevokeError::ClockBehind
            | RevokeError::Conflict
            | RevokeError::Store(_)
            | RevokeError::OutcomeUnknown(_)
            | RevokeError::Read(_) => error.into(),
        })
    };
    api.counted("revoke", revoked.await).map(|()| Json(Nothing {}))
}

impl RevokeRequest {
    /// The one thing to end, and the member that names it.
    fn target(&self) -> Result<(&'static str, RevokeTarget<'_>), Problem> {
        let token =
            agreed(["auth_token", "access_token"], self.auth_token.reveal(), self.access_token.reveal())?;
        let mut targets = [
            self.id.0.as_deref().map(|id| ("id", RevokeTarget::Session(id))),
            self.refresh_token.reveal().map(|token| ("refresh_token", RevokeTarget::Token(token))),
            token.map(|token| ("auth_token", RevokeTarget::Token(token))),
            self.sub.as_deref().filter(|sub| !sub.is_empty()).map(|sub| ("sub", RevokeTarget::Subject(sub))),
            self.all.0.then_some(("all", RevokeTarget::All)),
        ]
        .into_iter()
        .flatten();

        let choice = "one of id, refresh_token, auth_token, sub, all";
        // Tokens may have an empty subject.
        let empty = self.sub.as_deref().map(|sub| ("sub", RevokeTarget::Subject(sub)));
        let target = targets.next().or(empty).ok_or(Problem::with_detail(Code::MissingMember, choice))?;
        if targets.next().is_some() {
            return Err(Problem::with_detail(Code::ConflictingMembers, format!("give just {choice}")));
        }
        Ok(target)
    }
}
