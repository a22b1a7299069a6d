//! Tokens of logins (§2.3, fixed as in §2.6): HS256 under the user's secret, with `exp` and the user's own name.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jwtis_base::env::Timestamp;
use jwtis_jose::jws::{ParseError, Unverified};
use jwtis_jose::{ClaimsSet, HmacKey};
use jwtis_tezos::policy::User;
use serde_json::Value;

use super::narrowing::narrowed;
use super::refusal::{ClaimFault, TokenRefusal, UnverifiedReason, warn_of_mismatch};
use crate::login::{LoginSecretHash, TokenGuard};

/// Stands for the secret of a name without a user, so that its token takes as long. What it verifies does not count.
static NOBODY: LazyLock<Option<HmacKey>> = LazyLock::new(|| HmacKey::from_bytes(&[0; 32]).ok());

/// Whose token it is, and of which secret. `parsed` is the token, or why it is none.
///
/// Until a secret of a user has verified the token, every refusal is the same: it would tell who is a user.
pub(super) fn check(
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
    if of_token != user.name() {
        warn_of_mismatch(user.name(), of_token);
        return Err(TokenRefusal::Invalid);
    }
    // A role is what a key asks for, and nobody gave the login one: who holds the secret cannot take it.
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
        Ok(Some(_)) => return Err(TokenRefusal::Claims(ClaimFault::Expired)),
        Ok(None) => return Err(TokenRefusal::Claims(ClaimFault::NoExpiry)),
        Err(_) => return Err(TokenRefusal::Claims(ClaimFault::MalformedExpiry)),
    }
    match claims.not_before() {
        Ok(Some(nbf)) if now.seconds() < nbf => Err(TokenRefusal::Claims(ClaimFault::NotYetValid)),
        Ok(_) => Ok(claims),
        Err(_) => Err(TokenRefusal::Claims(ClaimFault::MalformedNotBefore)),
    }
}
