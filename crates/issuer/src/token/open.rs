//! From a text that somebody presents to the verified claims of a token of one client.
//!
//! The kid in a header only selects among the client's own usable keys; the key decides the algorithm. A refresh token's two layers
//! must belong to one key set.

use std::time::Duration;

use jwtis_base::env::Timestamp;
use jwtis_base::session_id::SessionId;
use jwtis_jose::header::is_type;
use jwtis_jose::{ClaimsSet, jwe, jws};

use super::{ACCESS_TYPE, REFRESH_TYPE};
use crate::client::Client;
use crate::key::KeySet;
use crate::session::rule::PresentedToken;

/// `nbf`, `iat` and the time of a session may lie this far ahead: clocks of several servers differ (RFC 7519 §4.1.5).
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A token whose signature and type have been verified. Its times have not: see [`check_times`].
pub(super) struct OpenedToken {
    pub(super) claims: ClaimsSet,
    pub(super) session: SessionId,
    pub(super) subject: Option<String>,
    pub(super) presented: PresentedToken,
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
pub(super) fn access_token(client: &Client, token: &str, now: Timestamp) -> Result<OpenedToken, NotOpened> {
    let token = jws::Unverified::parse(token).map_err(|_| NotOpened::Malformed)?;
    let kid = token.header().kid().ok_or(NotOpened::UnknownKey)?;
    let keys = client.keys.by_signing_kid(kid, now).ok_or(NotOpened::UnknownKey)?;
    open_signed(keys, &token, Some(ACCESS_TYPE))
}

/// Opens a refresh token.
pub(super) fn refresh_token(client: &Client, token: &str, now: Timestamp) -> Result<OpenedToken, NotOpened> {
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
    open_signed(keys, &inner, Some(REFRESH_TYPE))
}

/// Opens a token of either kind, to end its session. Key sets that have retired count too: by a clock that is right again, their tokens
/// may be valid.
pub(super) fn any_token(client: &Client, token: &str) -> Result<OpenedToken, NotOpened> {
    match token.split('.').count() {
        3 => {
            let token = jws::Unverified::parse(token).map_err(|_| NotOpened::Malformed)?;
            let kid = token.header().kid().ok_or(NotOpened::UnknownKey)?;
            let mut sets = client.keys.entries().iter().map(|entry| &*entry.keys);
            let keys = sets.find(|keys| keys.signing.kid() == kid).ok_or(NotOpened::UnknownKey)?;
            open_signed(keys, &token, None)
        }
        5 => {
            let token = jwe::Undecrypted::parse(token).map_err(|_| NotOpened::Malformed)?;
            let kid = token.header().kid().ok_or(NotOpened::UnknownKey)?;
            let mut sets = client.keys.entries().iter().map(|entry| &*entry.keys);
            let keys = sets.find(|keys| keys.encryption.kid() == kid).ok_or(NotOpened::UnknownKey)?;
            let nested =
                keys.encryption.decrypt(&token, &[keys.content]).map_err(|_| NotOpened::BadSignature)?;
            let text = std::str::from_utf8(nested.plaintext()).map_err(|_| NotOpened::Malformed)?;
            open_signed(keys, &jws::Unverified::parse(text).map_err(|_| NotOpened::Malformed)?, None)
        }
        _ => Err(NotOpened::Malformed),
    }
}

/// Verifies the signature and reads the claims; `typ` is the type that the token must have, if it must have one.
fn open_signed(
    keys: &KeySet,
    token: &jws::Unverified<'_>,
    typ: Option<&str>,
) -> Result<OpenedToken, NotOpened> {
    let verified = keys.signing.verifying_key().verify(token).map_err(|_| NotOpened::BadSignature)?;
    if typ.is_some() && verified.header().typ() != typ {
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
        None if typ != Some(REFRESH_TYPE) => 0,
        generation => generation.and_then(|found| found.as_u64()).ok_or(NotOpened::InvalidClaims)?,
    };
    let subject = claims.subject().map_err(invalid)?.map(str::to_owned);
    let presented = PresentedToken { generation, issued_at, expires_at };
    Ok(OpenedToken { claims, session, subject, presented, not_before })
}

/// Whether the token is valid at `now`: before its `exp` and not before its `nbf`. `latest` is the latest moment that this process has
/// seen: a clock that stepped back does not make what it issued before a token from the future.
pub(super) fn check_times(token: &OpenedToken, now: Timestamp, latest: Timestamp) -> Result<(), NotNow> {
    if token.presented.expires_at <= now.seconds() {
        return Err(NotNow::Expired);
    }
    let latest = latest.plus(CLOCK_SKEW).seconds();
    if token.not_before > latest || token.presented.issued_at > latest {
        return Err(NotNow::NotYet);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jwtis_jose::{ContentEncryption, ProtectedHeader};
    use jwtis_store::Version;
    use serde_json::{Value, json};

    use super::*;
    use crate::client::ClientRecord;
    use crate::key::plan::{KeyDefaults, KeyOptions, KeyPlan};
    use jwtis_base::bearer::SecretHash;
    use jwtis_base::env::Env;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn client() -> Client {
        let id: jwtis_base::ClientId = "shop".parse().unwrap();
        let plan = KeyPlan::for_registration(&id, &KeyOptions::default(), &KeyDefaults::default()).unwrap();
        let keys = plan.generate(&Env::system()).unwrap();
        ClientRecord::new(id, SecretHash::from_bytes([0; 32]), &keys).unwrap().load(Version(1)).unwrap()
    }

    fn claims() -> Value {
        let now = NOW.seconds();
        let sid = SessionId::new(NOW, &[7; 10]).uuid().to_string();
        json!({"iss": "shop", "exp": now + 100, "nbf": now, "iat": now, "jti": "x", "sid": sid, "gen": 0})
    }

    /// A refresh token made with the client's own keys, which differs from a right one in what the arguments say.
    fn refresh(
        client: &Client,
        claims: &Value,
        typ: &str,
        outer: &ProtectedHeader<'_>,
        enc: ContentEncryption,
    ) -> String {
        let keys = client.keys.active();
        let inner = ProtectedHeader { typ: Some(typ), cty: None };
        let inner = keys.signing.sign(&inner, claims.to_string().as_bytes()).unwrap();
        keys.encryption.encryption_key().encrypt(enc, outer, inner.as_bytes()).unwrap()
    }

    fn open_with(change: impl FnOnce(&mut Value)) -> Result<OpenedToken, NotOpened> {
        let (client, mut claims) = (client(), claims());
        change(&mut claims);
        let token =
            refresh(&client, &claims, REFRESH_TYPE, &ProtectedHeader::NESTED_JWT, ContentEncryption::A256Gcm);
        refresh_token(&client, &token, NOW)
    }

    #[test]
    fn a_right_refresh_token_opens() {
        let opened = open_with(|_| ()).unwrap();
        assert_eq!(check_times(&opened, NOW, NOW), Ok(()));
    }

    #[test]
    fn refuses_a_refresh_token_by_what_is_wrong_with_it() {
        let client = client();
        let nested = ProtectedHeader::NESTED_JWT;
        let no_cty = ProtectedHeader { typ: Some("JWT"), cty: None };
        for (name, typ, outer, enc, reason) in [
            (
                "inner_type_of_an_access_token",
                ACCESS_TYPE,
                nested,
                ContentEncryption::A256Gcm,
                NotOpened::WrongType,
            ),
            (
                "inner_type_in_other_letters",
                "REFRESH+JWT",
                nested,
                ContentEncryption::A256Gcm,
                NotOpened::WrongType,
            ),
            (
                "outer_header_without_cty",
                REFRESH_TYPE,
                no_cty,
                ContentEncryption::A256Gcm,
                NotOpened::WrongType,
            ),
            (
                "content_encryption_not_pinned_to_the_key",
                REFRESH_TYPE,
                nested,
                ContentEncryption::A128Gcm,
                NotOpened::BadSignature,
            ),
        ] {
            let token = refresh(&client, &claims(), typ, &outer, enc);
            assert_eq!(refresh_token(&client, &token, NOW).err(), Some(reason), "{name}");
        }
    }

    #[test]
    fn refuses_claims_that_we_never_make() {
        for (name, change, reason) in [
            ("another_issuer", json!({"iss": "bank"}), NotOpened::WrongIssuer),
            ("issuer_as_number", json!({"iss": 7}), NotOpened::InvalidClaims),
            ("no_exp", json!({"exp": null}), NotOpened::InvalidClaims),
            ("exp_as_text", json!({"exp": "1800000100"}), NotOpened::InvalidClaims),
            ("no_nbf", json!({"nbf": null}), NotOpened::InvalidClaims),
            ("no_iat", json!({"iat": null}), NotOpened::InvalidClaims),
            ("no_sid", json!({"sid": null}), NotOpened::InvalidClaims),
            (
                "sid_of_another_kind",
                json!({"sid": "9e107d9d-372b-4b6c-8f3e-5a1d2c3b4a59"}),
                NotOpened::InvalidClaims,
            ),
            ("no_gen", json!({"gen": null}), NotOpened::InvalidClaims),
            ("gen_as_text", json!({"gen": "0"}), NotOpened::InvalidClaims),
            ("negative_gen", json!({"gen": -1}), NotOpened::InvalidClaims),
            ("sub_as_number", json!({"sub": 7}), NotOpened::InvalidClaims),
        ] {
            let opened = open_with(|claims| {
                for (member, value) in change.as_object().unwrap() {
                    claims[member] = value.clone();
                }
            });
            assert_eq!(opened.err(), Some(reason), "{name}");
        }
    }

    #[test]
    fn times_are_checked_with_a_minute_of_skew_for_the_future_only() {
        let at = |seconds: u64| Timestamp::from_seconds(NOW.seconds() - 1000 + seconds);
        let outcome = |nbf: u64, iat: u64, now: Timestamp| {
            let base = NOW.seconds() - 1000;
            let opened = open_with(|claims| {
                claims["nbf"] = json!(base + nbf);
                claims["iat"] = json!(base + iat);
                claims["exp"] = json!(base + 2000);
            });
            check_times(&opened.unwrap(), now, now)
        };
        for (name, nbf, iat, now, wanted) in [
            ("now", 100, 100, 100, Ok(())),
            ("nbf_a_minute_ahead", 160, 100, 100, Ok(())),
            ("nbf_more_than_a_minute_ahead", 161, 100, 100, Err(NotNow::NotYet)),
            ("iat_more_than_a_minute_ahead", 100, 161, 100, Err(NotNow::NotYet)),
            ("the_last_second", 100, 100, 1999, Ok(())),
            ("at_exp", 100, 100, 2000, Err(NotNow::Expired)),
        ] {
            assert_eq!(outcome(nbf, iat, at(now)), wanted, "{name}");
        }
    }
}
