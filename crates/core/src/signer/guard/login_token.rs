//! Tokens of logins (§2.3, fixed as in §2.6): HS256 under the user's secret, with `exp` and the user's own name.

use jwtis_jose::jws::Unverified;
use jwtis_jose::{ClaimsSet, HmacKey};
use jwtis_tezos::policy::User;
use serde_json::Value;

use super::{TokenRefusal, library, warn_of_mismatch};
use crate::env::Timestamp;
use crate::signer::login::{SecretHash, TokenGuard};

/// Whose token it is, and of which secret. `parsed` is the token, or why it is none: that is said only once a user is known.
pub(super) fn check(
    guard: &TokenGuard,
    parsed: Result<Unverified<'_>, TokenRefusal>,
    username: Option<&str>,
    now: Timestamp,
) -> Result<(User, SecretHash), TokenRefusal> {
    let claimed = match (username, &parsed) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(token)) => claimed_user(token)?,
        (None, Err(malformed)) => return Err(malformed.clone()),
    };
    let user = guard.user(&claimed).ok_or(TokenRefusal::UnknownUser)?;
    let token = parsed?;

    let in_force = user.in_force(now);
    let (claims, pair) = match (verify(&token, &in_force.current.key, now), in_force.pending) {
        (Err(_), Some(pending)) => (verify(&token, &pending.key, now)?, pending),
        (claims, _) => (claims?, in_force.current),
    };
    let Some(Value::String(of_token)) = claims.get("user") else { return Err(TokenRefusal::Invalid) };
    if of_token != user.name() {
        warn_of_mismatch(user.name(), of_token);
        return Err(TokenRefusal::Invalid);
    }
    Ok((User::named(user.name()), pair.secret_hash))
}

/// Whom the token says that it is of. It selects the secret, nothing else: the claim is looked at again when it has been verified.
fn claimed_user(token: &Unverified<'_>) -> Result<String, TokenRefusal> {
    let claims =
        ClaimsSet::parse(token.danger_unverified_payload()).map_err(|error| library::bad_claims(&error))?;
    match claims.get("user") {
        Some(Value::String(user)) => Ok(user.clone()),
        Some(_) => Err(TokenRefusal::Invalid),
        None => Err(TokenRefusal::UnknownUser),
    }
}

/// The claims, if the key made the token and it is valid now. The signature is looked at first.
fn verify(token: &Unverified<'_>, key: &HmacKey, now: Timestamp) -> Result<ClaimsSet, TokenRefusal> {
    let verified = key.verify(token).map_err(|_| library::bad_signature(token.header().alg()))?;
    let claims = ClaimsSet::parse(verified.payload()).map_err(|error| library::bad_claims(&error))?;
    let invalid = |name| {
        library::refused(&format!("token has invalid claims: invalid type for claim: {name} is invalid"))
    };
    match claims.expiration_time() {
        Ok(Some(exp)) if now.seconds() < exp => {}
        Ok(Some(_)) => return Err(library::refused(library::EXPIRED)),
        Ok(None) => {
            return Err(library::refused(
                "token has invalid claims: token is missing required claim: exp claim is required",
            ));
        }
        Err(_) => return Err(invalid("exp")),
    }
    match claims.not_before() {
        Ok(Some(nbf)) if now.seconds() < nbf => Err(library::refused(library::NOT_YET)),
        Ok(_) => Ok(claims),
        Err(_) => Err(invalid("nbf")),
    }
}
