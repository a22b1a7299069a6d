//! Tokens of our own issuer: access tokens of clients that the rules trust, for our audience, not revoked.
//!
//! `sub` is the user. `keys`, `roles` and `permissions` narrow what he may do. One that is not a list of texts is refused, since
//! whoever wrote it meant to narrow something.

use std::collections::BTreeSet;
use std::sync::Arc;

use jwtis_base::inactive::Inactive;
use jwtis_jose::ClaimsSet;
use jwtis_tezos::policy::{Permissions, User};
use serde_json::Value;

use super::refusal::{ClaimFault, TokenRefusal, UnverifiedReason, warn_of_mismatch};
use crate::login::{TokenGuard, TrustedIssuer};
use crate::text::shown;
use crate::trusted::TrustedTokens;

/// Whose token it is, and of which issuer.
pub(super) async fn check(
    guard: &TokenGuard,
    issuer: Option<&Arc<dyn TrustedTokens>>,
    token: &str,
    username: Option<&str>,
) -> Result<(User, TrustedIssuer), TokenRefusal> {
    let Some(issuer) = issuer else {
        tracing::error!("tokens of an issuer are trusted, and there is no issuer to ask");
        return Err(TokenRefusal::Unavailable);
    };
    let mut refusal = TokenRefusal::from(UnverifiedReason::NoKey);
    for trusted in guard.issuers() {
        let answer = issuer.claims(&trusted.client, trusted.registration, token);
        let answer = answer.await.map_err(|error| {
            tracing::error!(error = &*error as &dyn std::error::Error, "a token cannot be checked");
            TokenRefusal::Unavailable
        })?;
        match answer {
            // Deleted, registered anew, or not the one whose key the token names.
            None | Some(Err(Inactive::UnknownKey)) => {}
            Some(Err(reason)) => refusal = inactive(reason),
            Some(Ok(claims)) if is_for_us(&claims, trusted) => {
                return Ok((user_of(guard, &claims, username)?, trusted.clone()));
            }
            Some(Ok(_)) => refusal = TokenRefusal::Claims(ClaimFault::WrongAudience),
        }
    }
    Err(refusal)
}

fn is_for_us(claims: &ClaimsSet, trusted: &TrustedIssuer) -> bool {
    match (claims.audience(), &trusted.audience) {
        (Ok(audience), Some(ours)) => audience.contains(&ours.as_str()),
        (Ok(_), None) => !claims.contains("aud"),
        (Err(_), _) => false,
    }
}

fn user_of(guard: &TokenGuard, claims: &ClaimsSet, username: Option<&str>) -> Result<User, TokenRefusal> {
    let name =
        claims.subject().ok().flatten().filter(|name| !name.is_empty()).ok_or(TokenRefusal::Invalid)?;
    if let Some(requested) = username.filter(|requested| *requested != name) {
        warn_of_mismatch(requested, name);
        return Err(TokenRefusal::Invalid);
    }
    let permissions = texts(claims, "permissions")?.map(Permissions::from_names);
    for unknown in permissions.iter().flat_map(Permissions::unknown) {
        if guard.is_new_permission(unknown) {
            tracing::warn!(
                permission = shown(unknown),
                "a token has a permission that means nothing here, and permits nothing"
            );
        }
    }
    let set_of = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    Ok(User {
        name: name.to_owned(),
        keys: texts(claims, "keys")?.map(set_of),
        roles: texts(claims, "roles")?.map(set_of).unwrap_or_default(),
        permissions,
    })
}

/// The claim as a list of texts; `None` where it is absent.
fn texts<'a>(claims: &'a ClaimsSet, name: &str) -> Result<Option<Vec<&'a str>>, TokenRefusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Array(members)) => {
            members.iter().map(Value::as_str).collect::<Option<_>>().map(Some).ok_or(TokenRefusal::Invalid)
        }
        Some(_) => Err(TokenRefusal::Invalid),
    }
}

fn inactive(reason: Inactive) -> TokenRefusal {
    match reason {
        Inactive::Malformed => UnverifiedReason::Malformed.into(),
        Inactive::UnknownKey => UnverifiedReason::NoKey.into(),
        Inactive::BadSignature => UnverifiedReason::Signature.into(),
        Inactive::NotAnAccessToken | Inactive::InvalidClaims => TokenRefusal::Invalid,
        Inactive::WrongIssuer => TokenRefusal::Claims(ClaimFault::WrongIssuer),
        Inactive::Expired => TokenRefusal::Claims(ClaimFault::Expired),
        Inactive::NotYetValid => TokenRefusal::Claims(ClaimFault::NotYetValid),
        Inactive::Revoked | Inactive::ClientDisabled => TokenRefusal::Revoked,
    }
}
