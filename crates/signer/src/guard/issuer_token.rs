//! Tokens of our own issuer: access tokens of clients that the rules trust, for our audience, not revoked.
//! `sub` is the user.

use std::sync::Arc;

use jwtis_base::inactive::Inactive;
use jwtis_jose::ClaimsSet;
use jwtis_tezos::policy::User;

use super::narrowing::narrowed;
use super::refusal::{ClaimFault, TokenRefusal, UnverifiedReason, warn_of_mismatch};
use crate::login::{TokenGuard, TrustedIssuer};
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
    narrowed(guard, claims, name)
}

fn inactive(reason: Inactive) -> TokenRefusal {
    match reason {
        Inactive::Malformed => UnverifiedReason::Malformed.into(),
        Inactive::UnknownKey => UnverifiedReason::NoKey.into(),
        Inactive::BadSignature => UnverifiedReason::Signature.into(),
        Inactive::WrongType | Inactive::InvalidClaims => TokenRefusal::Invalid,
        Inactive::WrongIssuer => TokenRefusal::Claims(ClaimFault::WrongIssuer),
        Inactive::Expired => TokenRefusal::Claims(ClaimFault::Expired),
        Inactive::NotYetValid => TokenRefusal::Claims(ClaimFault::NotYetValid),
        Inactive::Revoked | Inactive::ClientDisabled => TokenRefusal::Revoked,
    }
}
