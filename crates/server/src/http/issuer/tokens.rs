//! Tokens: issue, renew, revoke, verify.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jwtis_issuer::{IssueToken, RenewToken, RevokeError, RevokeTarget, TokenSet, Verification};
use jwtis_jose::ClaimsSet;
use serde::Serialize;
use serde_json::{Value, json};

use super::Api;
use super::auth::Caller;
use super::body::{Members, invalid, missing};
use super::problem::{Code, Problem};
use crate::http::openapi::schema::{Kind, Member};

/// Names of the access token: the README's, then OAuth's.
pub(super) const ACCESS_TOKEN: [&str; 2] = ["auth_token", "access_token"];
const ACCESS_VALID_TIME: [&str; 2] = ["auth_token_valid_time", "access_token_valid_time"];
/// The first one is the README's spelling.
const REFRESH_VALID_TIME: [&str; 2] = ["resresh_token_valid_time", "refresh_token_valid_time"];

/// Names the client, where the path does not.
pub(super) const KID: Member = Member("kid", Kind::Kid, "the client");
const SAME: &str = "the same, by another name";

/// The members of `/issue_token`.
pub(super) const ISSUE: &[Member] = &[
    KID,
    Member("claims", Kind::Claims, "claims of the tokens, beside the server's own"),
    Member(ACCESS_VALID_TIME[0], Kind::Duration, "life of the access token, cut to the client's `auth_ttl`"),
    Member(ACCESS_VALID_TIME[1], Kind::Duration, SAME),
    Member(
        REFRESH_VALID_TIME[0],
        Kind::Duration,
        "life of the refresh token, cut to the client's `refresh_ttl`",
    ),
    Member(REFRESH_VALID_TIME[1], Kind::Duration, SAME),
];

/// The members of `/renew_token`.
pub(super) const RENEW: &[Member] = &[
    KID,
    Member("refresh_token", Kind::RequiredText, "the newest refresh token of the session"),
    Member("refresh_strategy", Kind::RefreshStrategy, "a stricter one than the client's"),
];

/// The members of `/revoke_token`.
pub(super) const REVOKE: &[Member] = &[
    KID,
    Member("id", Kind::Session, "ends this session"),
    Member("refresh_token", Kind::Text, "ends the session of this token, of either kind"),
    Member(ACCESS_TOKEN[0], Kind::Text, "ends the session of this token, of either kind"),
    Member(ACCESS_TOKEN[1], Kind::Text, SAME),
    Member("sub", Kind::Text, "ends all sessions with this claim `sub`"),
    Member("all", Kind::Flag, "ends all sessions of the client"),
];

/// The members of `/verify_token`.
pub(super) const VERIFY: &[Member] = &[
    KID,
    Member(ACCESS_TOKEN[0], Kind::Text, "the access token"),
    Member(ACCESS_TOKEN[1], Kind::Text, SAME),
    Member("refresh_token", Kind::Text, "the refresh token that is said to be of the same session"),
];

/// `POST /issue_token`
pub(super) async fn issue(
    State(api): State<Arc<Api>>,
    caller: Caller,
    members: Members,
) -> Result<Response, Problem> {
    let outcome = issue_for(&api, &caller, members).await;
    api.count_refusal("issue", &outcome);
    let tokens = outcome?;
    api.metrics.token_issued();
    Ok(created(&tokens))
}

async fn issue_for(api: &Api, caller: &Caller, mut members: Members) -> Result<TokenSet, Problem> {
    members.check_names(ISSUE)?;
    let access = caller.client(api, &members.kid()?).await?;
    let command = IssueToken {
        claims: claims(members.value("claims"))?,
        access_valid_time: members.ttl_any(&ACCESS_VALID_TIME)?,
        refresh_valid_time: members.ttl_any(&REFRESH_VALID_TIME)?,
    };
    // Issuing writes nothing, so nothing else would notice that the store file is another process's by now.
    api.issuer.store().in_place().await?;
    Ok(api.issuer.issue_apart(access, command).await?)
}

/// Claims are an object; none at all are none.
fn claims(value: Option<Value>) -> Result<ClaimsSet, Problem> {
    match value {
        None => Ok(ClaimsSet::new()),
        Some(value @ Value::Object(_)) => Ok(ClaimsSet::from_value(value)?),
        Some(_) => Err(invalid("claims", "must be an object")),
    }
}

/// `POST /renew_token`
pub(super) async fn renew(
    State(api): State<Arc<Api>>,
    caller: Caller,
    members: Members,
) -> Result<Response, Problem> {
    let outcome = renew_for(&api, &caller, members).await;
    api.count_refusal("renew", &outcome);
    let tokens = outcome?;
    api.metrics.token_renewed();
    Ok(created(&tokens))
}

async fn renew_for(api: &Api, caller: &Caller, mut members: Members) -> Result<TokenSet, Problem> {
    members.check_names(RENEW)?;
    let access = caller.client(api, &members.kid()?).await?;
    let token = members.required_text("refresh_token")?;
    let command = RenewToken { refresh_token: &token, strategy: members.parsed("refresh_strategy")? };
    api.issuer.store().in_place().await?;
    Ok(api.issuer.renew(&access, command).await?)
}

/// `POST /revoke_token`: unknown and expired tokens too are answered with success (RFC 7009 §2.2), texts that are no tokens are not.
pub(super) async fn revoke(
    State(api): State<Arc<Api>>,
    caller: Caller,
    members: Members,
) -> Result<Response, Problem> {
    let outcome = revoke_for(&api, &caller, members).await;
    api.count_refusal("revoke", &outcome);
    outcome?;
    Ok(Json(json!({})).into_response())
}

async fn revoke_for(api: &Api, caller: &Caller, mut members: Members) -> Result<(), Problem> {
    members.check_names(REVOKE)?;
    let access = caller.client(api, &members.kid()?).await?;

    let session = members.text("id")?;
    let refresh = members.text("refresh_token")?;
    let token = members.text_any(&ACCESS_TOKEN)?;
    let subject = members.text("sub")?;
    let mut targets = [
        session.as_deref().map(|id| ("id", RevokeTarget::Session(id))),
        refresh.as_deref().map(|token| ("refresh_token", RevokeTarget::Token(token))),
        token.as_deref().map(|token| (ACCESS_TOKEN[0], RevokeTarget::Token(token))),
        subject.as_deref().map(|subject| ("sub", RevokeTarget::Subject(subject))),
        members.flag("all")?.then_some(("all", RevokeTarget::All)),
    ]
    .into_iter()
    .flatten();

    let choice = "one of id, refresh_token, auth_token, sub, all";
    let (member, target) = targets.next().ok_or_else(|| missing(choice))?;
    if targets.next().is_some() {
        return Err(Problem::with_detail(Code::ConflictingMembers, format!("give just {choice}")));
    }
    api.issuer.revoke(&access, target).await.map_err(|error| match error {
        RevokeError::InvalidSession(_) => invalid(member, error),
        RevokeError::NotAToken | RevokeError::DamagedToken => {
            Problem::with_detail(Code::NotAToken, format!("{member}: {error}"))
        }
        RevokeError::QuotaExceeded
        | RevokeError::SessionFromFuture
        | RevokeError::ClockBehind
        | RevokeError::Conflict
        | RevokeError::Store(_)
        | RevokeError::Read(_) => error.into(),
    })
}

/// `POST /verify_token`
pub(super) async fn verify(
    State(api): State<Arc<Api>>,
    caller: Caller,
    members: Members,
) -> Result<Response, Problem> {
    let outcome = verify_for(&api, &caller, members).await;
    api.count_refusal("verify", &outcome);
    Ok(Json(Verified::from(outcome?)).into_response())
}

async fn verify_for(api: &Api, caller: &Caller, mut members: Members) -> Result<Verification, Problem> {
    members.check_names(VERIFY)?;
    let access = caller.client(api, &members.kid()?).await?;
    let token = members.text_any(&ACCESS_TOKEN)?.ok_or_else(|| missing("auth_token"))?;
    let refresh = members.text("refresh_token")?;
    Ok(api.issuer.verify(&access, &token, refresh.as_deref()).await?)
}

impl Api {
    fn count_refusal<T>(&self, operation: &'static str, outcome: &Result<T, Problem>) {
        let Err(problem) = outcome else { return };
        self.metrics.token_refused(operation, problem.code().name());
        if problem.code() == Code::TokenReused {
            self.metrics.reuse_detected();
        }
    }
}

fn created(tokens: &TokenSet) -> Response {
    let answer = Tokens {
        id: tokens.session.uuid().to_string(),
        auth_token: &tokens.access_token,
        access_token: &tokens.access_token,
        refresh_token: &tokens.refresh_token,
        expiry: tokens.expires_at,
        refresh_expiry: tokens.refresh_expires_at,
        expires_in: tokens.expires_in,
        token_type: "Bearer",
    };
    (StatusCode::CREATED, Json(answer)).into_response()
}

/// Answer to issue and renew. `expiry` is the access token's `exp`.
#[derive(Serialize)]
struct Tokens<'a> {
    id: String,
    auth_token: &'a str,
    access_token: &'a str,
    refresh_token: &'a str,
    expiry: u64,
    refresh_expiry: u64,
    expires_in: u64,
    token_type: &'static str,
}

/// Answer to verify (after RFC 7662 §2.2).
#[derive(Serialize)]
struct Verified {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<ClaimsSet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<bool>,
}

impl From<Verification> for Verified {
    fn from(verification: Verification) -> Self {
        match verification {
            Verification::Active { claims, matches } => {
                Self { active: true, reason: None, claims: Some(claims), matches }
            }
            Verification::Inactive(reason) => {
                Self { active: false, reason: Some(reason.as_str()), claims: None, matches: None }
            }
        }
    }
}
