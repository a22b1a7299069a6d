//! Tokens of logins: HS256 under the user's secret, with `exp` and the user's own name. And access tokens of our own issuer:
//! of clients that the rules trust, for our audience, not revoked. `sub` is the user.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use jwtis_base::env::Timestamp;
use jwtis_base::inactive::Inactive;
use jwtis_jose::jws::{ParseError, Unverified};
use jwtis_jose::{ClaimsSet, HmacKey};
use jwtis_tezos::policy::{Permissions, User};
use serde_json::Value;

use super::refusal::{ClaimFault, TokenRefusal, UnverifiedReason};
use crate::login::{LoginSecretHash, TokenGuard};
use crate::text::shown;
use crate::trusted::{TrustedIssuer, TrustedTokens};

/// Stands for the secret of a name without a user, so that its token takes as long. What it verifies does not count.
static NOBODY: LazyLock<Option<HmacKey>> = LazyLock::new(|| HmacKey::from_bytes(&[0; 32]).ok());

/// Whose login made the token, and with which secret. `parsed` is the token, or why it is none.
///
/// Until a secret of a user has verified the token, every refusal is the same: it would tell who is a user.
pub(super) fn of_login(
    guard: &TokenGuard,
    parsed: Result<Unverified<'_>, ParseError>,
    username: Option<&str>,
    now: Timestamp,
) -> Result<(User, LoginSecretHash), TokenRefusal> {
    let token = parsed.map_err(|_| UnverifiedReason::Malformed)?;
    let claimed = match username {
        Some(name) => name.to_owned(),
        None => claimed_user(&token).ok_or(UnverifiedReason::NoUser)?,
    };
    let Some(user) = guard.user(&claimed) else {
        std::hint::black_box(NOBODY.as_ref().map(|key| key.verify(&token).is_ok()));
        return Err(UnverifiedReason::UnknownUser.into());
    };
    let in_force = user.in_force(now);
    let (claims, pair) = match (verify(&token, &in_force.current.key, now), in_force.pending) {
        (Err(TokenRefusal::Unverified(_)), Some(pending)) => (verify(&token, &pending.key, now)?, pending),
        (claims, _) => (claims?, in_force.current),
    };
    let Some(Value::String(of_token)) = claims.get("user") else { return Err(TokenRefusal::Invalid) };
    is_of(user.name(), of_token)?;
    // A role is what a key asks for, and nobody gave the login one: the holder of the secret cannot take it.
    let user = User { roles: BTreeSet::new(), ..narrowed(guard, &claims, user.name())? };
    Ok((user, pair.secret_hash))
}

/// Whom the token says that it is of. It selects the secret, nothing else: the claim is looked at again when it has been verified.
fn claimed_user(token: &Unverified<'_>) -> Option<String> {
    match ClaimsSet::parse(token.danger_unverified_payload()).ok()?.get("user") {
        Some(Value::String(user)) => Some(user.clone()),
        _ => None,
    }
}

/// The claims, if the key made the token and it is valid now. The signature is looked at first.
fn verify(token: &Unverified<'_>, key: &HmacKey, now: Timestamp) -> Result<ClaimsSet, TokenRefusal> {
    let verified = key.verify(token).map_err(|_| UnverifiedReason::Signature)?;
    let claims = ClaimsSet::parse(verified.payload()).map_err(|_| TokenRefusal::Invalid)?;
    match claims.expiration_time() {
        Ok(Some(exp)) if now.seconds() < exp => {}
        Ok(Some(_)) => return Err(ClaimFault::Expired.into()),
        Ok(None) => return Err(ClaimFault::NoExpiry.into()),
        Err(_) => return Err(ClaimFault::MalformedExpiry.into()),
    }
    match claims.not_before() {
        Ok(Some(nbf)) if now.seconds() < nbf => Err(ClaimFault::NotYetValid.into()),
        Ok(_) => Ok(claims),
        Err(_) => Err(ClaimFault::MalformedNotBefore.into()),
    }
}

/// Whose token of which issuer it is.
pub(super) async fn of_issuer(
    guard: &TokenGuard,
    issuer: Option<&Arc<dyn TrustedTokens>>,
    token: &str,
    username: Option<&str>,
) -> Result<(User, TrustedIssuer), TokenRefusal> {
    let mut refusal = TokenRefusal::from(UnverifiedReason::NoKey);
    for trusted in guard.issuers() {
        match claims_of(issuer, trusted, token).await? {
            // Deleted, registered anew, or not the one whose key the token names.
            None | Some(Err(Inactive::UnknownKey)) => {}
            Some(Err(reason)) => refusal = inactive(reason),
            Some(Ok(claims)) if is_for_us(&claims, trusted) => {
                let name = claims.subject().ok().flatten().filter(|name| !name.is_empty());
                let name = name.ok_or(TokenRefusal::Invalid)?;
                is_of(username.unwrap_or(name), name)?;
                return Ok((narrowed(guard, &claims, name)?, trusted.clone()));
            }
            Some(Ok(_)) => refusal = ClaimFault::WrongAudience.into(),
        }
    }
    Err(refusal)
}

/// That a token which was good for `trusted` is so still.
pub(super) async fn still_valid(
    issuer: Option<&Arc<dyn TrustedTokens>>,
    trusted: &TrustedIssuer,
    token: &str,
) -> Result<(), TokenRefusal> {
    match claims_of(issuer, trusted, token).await? {
        Some(Ok(_)) => Ok(()),
        Some(Err(reason)) => Err(inactive(reason)),
        // The client was deleted, or registered anew.
        None => Err(TokenRefusal::Revoked),
    }
}

async fn claims_of(
    issuer: Option<&Arc<dyn TrustedTokens>>,
    trusted: &TrustedIssuer,
    token: &str,
) -> Result<Option<Result<ClaimsSet, Inactive>>, TokenRefusal> {
    let Some(issuer) = issuer else {
        tracing::error!("tokens of an issuer are trusted, and there is no issuer to ask");
        return Err(TokenRefusal::Unavailable);
    };
    issuer.claims(&trusted.client, trusted.registration, token).await.map_err(|error| {
        tracing::error!(error = &*error as &dyn std::error::Error, "a token cannot be checked");
        TokenRefusal::Unavailable
    })
}

fn is_for_us(claims: &ClaimsSet, trusted: &TrustedIssuer) -> bool {
    match (claims.audience(), &trusted.audience) {
        (Ok(audience), Some(ours)) => audience.contains(&ours.as_str()),
        (Ok(_), None) => !claims.contains("aud"),
        (Err(_), _) => false,
    }
}

fn inactive(reason: Inactive) -> TokenRefusal {
    match reason {
        Inactive::Malformed => UnverifiedReason::Malformed.into(),
        Inactive::UnknownKey => UnverifiedReason::NoKey.into(),
        Inactive::BadSignature => UnverifiedReason::Signature.into(),
        Inactive::WrongType | Inactive::InvalidClaims => TokenRefusal::Invalid,
        Inactive::WrongIssuer => ClaimFault::WrongIssuer.into(),
        Inactive::Expired => ClaimFault::Expired.into(),
        Inactive::NotYetValid => ClaimFault::NotYetValid.into(),
        Inactive::Revoked | Inactive::ClientDisabled => TokenRefusal::Revoked,
    }
}

/// That a token which was made for one user is not presented as another's.
fn is_of(requested: &str, in_token: &str) -> Result<(), TokenRefusal> {
    if requested == in_token {
        return Ok(());
    }
    tracing::warn!(
        target: "jwtis::audit",
        event = "token_user_mismatch",
        request_user = shown(requested),
        token_user = shown(in_token),
        "JWT: Suspicious activity detected, token user does not match request user"
    );
    Err(TokenRefusal::Invalid)
}

/// The user of this name, as narrow as `keys`, `roles` and `permissions` of the verified token make them. A claim that is not a list of
/// texts is refused: its author meant to narrow something.
fn narrowed(guard: &TokenGuard, claims: &ClaimsSet, name: &str) -> Result<User, TokenRefusal> {
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
