//! From a text that somebody presents to the verified claims of a token of one client.
//!
//! The kid in a header only selects among the client's own usable keys; the key decides the algorithm. A refresh token's two layers
//! must belong to one key set.

use std::time::Duration;

use jwtis_jose::header::is_type;
use jwtis_jose::{ClaimsSet, jwe, jws};

use super::{ACCESS_TYPE, REFRESH_TYPE};
use crate::client::Client;
use crate::env::Timestamp;
use crate::key::KeySet;
use crate::session::SessionId;
use crate::session::rule::Presented;

/// `nbf`, `iat` and the time of a session may lie this far ahead: clocks of several servers differ (RFC 7519 §4.1.5).
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A token whose signature and type have been verified. Its times have not: see [`check_times`].
pub(super) struct Opened {
    pub(super) claims: ClaimsSet,
    pub(super) session: SessionId,
    pub(super) subject: Option<String>,
    pub(super) presented: Presented,
    not_before: u64,
}

/// Why a token is none of this client's, or not of the kind asked for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum NotOpened {
    Malformed,
    UnknownKey,
    BadSignature,
    WrongType,
    WrongIssuer,
    InvalidClaims,
}

/// Why a verified token is not valid now.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum NotNow {
    Expired,
    NotYet,
}

/// Opens an access token.
pub(super) fn access_token(client: &Client, token: &str, now: Timestamp) -> Result<Opened, NotOpened> {
    let token = jws::Unverified::parse(token).map_err(|_| NotOpened::Malformed)?;
    let kid = token.header().kid().ok_or(NotOpened::UnknownKey)?;
    let keys = client.keys.by_signing_kid(kid, now).ok_or(NotOpened::UnknownKey)?;
    open_signed(keys, &token, ACCESS_TYPE)
}

/// Opens a refresh token.
pub(super) fn refresh_token(client: &Client, token: &str, now: Timestamp) -> Result<Opened, NotOpened> {
    let token = jwe::Undecrypted::parse(token).map_err(|_| NotOpened::Malformed)?;
    let kid = token.header().kid().ok_or(NotOpened::UnknownKey)?;
    let keys = client.keys.by_encryption_kid(kid, now).ok_or(NotOpened::UnknownKey)?;
    let nested = keys.encryption.decrypt(&token, &[keys.content]).map_err(|_| NotOpened::BadSignature)?;
    if !is_type(nested.header().cty(), "JWT") {
        return Err(NotOpened::WrongType);
    }
    let text = std::str::from_utf8(nested.plaintext()).map_err(|_| NotOpened::Malformed)?;
    let inner = jws::Unverified::parse(text).map_err(|_| NotOpened::Malformed)?;
    if inner.header().kid() != Some(keys.signing.kid()) {
        return Err(NotOpened::UnknownKey);
    }
    open_signed(keys, &inner, REFRESH_TYPE)
}

fn open_signed(keys: &KeySet, token: &jws::Unverified<'_>, typ: &str) -> Result<Opened, NotOpened> {
    let verified = keys.signing.verifying_key().verify(token).map_err(|_| NotOpened::BadSignature)?;
    if verified.header().typ() != Some(typ) {
        return Err(NotOpened::WrongType);
    }
    let claims = ClaimsSet::parse(verified.payload()).map_err(|_| NotOpened::InvalidClaims)?;
    let invalid = |_| NotOpened::InvalidClaims;
    if claims.issuer().map_err(invalid)? != Some(keys.policy.issuer.as_str()) {
        return Err(NotOpened::WrongIssuer);
    }
    let number = |found: Result<Option<u64>, _>| found.ok().flatten().ok_or(NotOpened::InvalidClaims);
    let expires_at = number(claims.expiration_time())?;
    let issued_at = number(claims.issued_at())?;
    let not_before = number(claims.not_before())?;
    let session = claims.get("sid").and_then(|sid| sid.as_str()).ok_or(NotOpened::InvalidClaims)?;
    let session = SessionId::parse(session).map_err(|_| NotOpened::InvalidClaims)?;
    let generation = match claims.get("gen") {
        None if typ == ACCESS_TYPE => 0,
        generation => generation.and_then(|found| found.as_u64()).ok_or(NotOpened::InvalidClaims)?,
    };
    let subject = claims.subject().map_err(invalid)?.map(str::to_owned);
    let presented = Presented { generation, issued_at, expires_at };
    Ok(Opened { claims, session, subject, presented, not_before })
}

/// Whether the token is valid at `now`: before its `exp` and not before its `nbf`.
pub(super) fn check_times(token: &Opened, now: Timestamp) -> Result<(), NotNow> {
    if token.presented.expires_at <= now.seconds() {
        return Err(NotNow::Expired);
    }
    let latest = now.plus(CLOCK_SKEW).seconds();
    if token.not_before > latest || token.presented.issued_at > latest {
        return Err(NotNow::NotYet);
    }
    Ok(())
}
