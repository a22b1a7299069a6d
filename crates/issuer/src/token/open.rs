//! From a presented text to the verified claims of a token of one client.
//!
//! The kid in a header only selects among the client's own keys. The key decides the algorithm. Both layers of a refresh token must
//! belong to one key set.

use std::iter::once;
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::env::Timestamp;
use jwtis_base::inactive::Inactive;
use jwtis_base::session_id::SessionId;
use jwtis_jose::header::is_type;
use jwtis_jose::{ClaimsSet, jwe, jws};

use super::mint::{ACCESS_TYPE, REFRESH_TYPE};
use crate::client::Client;
use crate::issuer::Issuer;
use crate::key::KeySet;
use crate::session::rule::PresentedToken;

/// `nbf`, `iat` and the time of a session may lie this far ahead, because clocks of servers differ (RFC 7519 §4.1.5).
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A token whose signature and type have been verified. [`check_times`] verifies its times.
pub(super) struct OpenedToken {
    pub(super) claims: ClaimsSet,
    pub(super) session: SessionId,
    pub(super) subject: Option<String>,
    pub(super) presented: PresentedToken,
    not_before: u64,
}

impl Issuer {
    /// Opens a token of the client: here, or on a thread of its own where one of the client's keys is slow.
    pub(super) async fn open_with<T: Send + 'static>(
        &self,
        client: &Arc<Client>,
        token: &str,
        open: impl FnOnce(&Client, &str) -> T + Send + 'static,
    ) -> T {
        if !client.keys.decrypts_slowly() {
            return open(client, token);
        }
        let (client, token) = (Arc::clone(client), token.to_owned());
        self.apart(move || open(&client, &token)).await
    }
}

pub(super) fn access_token(client: &Client, token: &str, now: Timestamp) -> Result<OpenedToken, Inactive> {
    signed(client.keys.usable(now), token, Some(ACCESS_TYPE))
}

pub(super) fn refresh_token(client: &Client, token: &str, now: Timestamp) -> Result<OpenedToken, Inactive> {
    encrypted(client.keys.usable(now), token, Some(REFRESH_TYPE))
}

/// Opens a token of either kind, to end its session. Retired key sets count too: once a wrong clock is right again, their tokens may be
/// valid.
pub(super) fn any_token(client: &Client, token: &str) -> Result<OpenedToken, Inactive> {
    let sets = client.keys.entries().iter().map(|entry| &*entry.keys);
    match token.split('.').count() {
        3 => signed(sets, token, None),
        5 => encrypted(sets, token, None),
        _ => Err(Inactive::Malformed),
    }
}

/// Decrypts, and opens the token inside, which must be of the same key set. `typ` is the type that it must have, if any.
fn encrypted<'k>(
    mut sets: impl Iterator<Item = &'k KeySet>,
    token: &str,
    typ: Option<&str>,
) -> Result<OpenedToken, Inactive> {
    let token = jwe::Undecrypted::parse(token).map_err(|_| Inactive::Malformed)?;
    let kid = token.header().kid().ok_or(Inactive::UnknownKey)?;
    let keys = sets.find(|keys| keys.encryption.kid() == kid).ok_or(Inactive::UnknownKey)?;
    let nested = keys.encryption.decrypt(&token, &[keys.content]).map_err(|_| Inactive::BadSignature)?;
    if typ.is_some() && !is_type(nested.header().cty(), "JWT") {
        return Err(Inactive::WrongType);
    }
    let inner = std::str::from_utf8(nested.plaintext()).map_err(|_| Inactive::Malformed)?;
    signed(once(keys), inner, typ)
}

/// Verifies the signature and reads the claims. `typ` is the type that the token must have, if any.
fn signed<'k>(
    mut sets: impl Iterator<Item = &'k KeySet>,
    token: &str,
    typ: Option<&str>,
) -> Result<OpenedToken, Inactive> {
    let token = jws::Unverified::parse(token).map_err(|_| Inactive::Malformed)?;
    let kid = token.header().kid().ok_or(Inactive::UnknownKey)?;
    let keys = sets.find(|keys| keys.signing.kid() == kid).ok_or(Inactive::UnknownKey)?;
    let verified = keys.signing.verifying_key().verify(&token).map_err(|_| Inactive::BadSignature)?;
    if typ.is_some() && verified.header().typ() != typ {
        return Err(Inactive::WrongType);
    }
    let claims = ClaimsSet::parse(verified.payload()).map_err(|_| Inactive::InvalidClaims)?;
    let invalid = |_| Inactive::InvalidClaims;
    if claims.issuer().map_err(invalid)? != Some(keys.policy.issuer.as_str()) {
        return Err(Inactive::WrongIssuer);
    }
    let number = |found: Result<Option<u64>, _>| found.ok().flatten().ok_or(Inactive::InvalidClaims);
    let expires_at = number(claims.expiration_time())?;
    let issued_at = number(claims.issued_at())?;
    let not_before = number(claims.not_before())?;
    let session = claims.get("sid").and_then(|sid| sid.as_str()).ok_or(Inactive::InvalidClaims)?;
    let session = SessionId::parse(session).map_err(|_| Inactive::InvalidClaims)?;
    let generation = match claims.get("gen") {
        None if typ != Some(REFRESH_TYPE) => 0,
        generation => generation.and_then(|found| found.as_u64()).ok_or(Inactive::InvalidClaims)?,
    };
    let subject = claims.subject().map_err(invalid)?.map(str::to_owned);
    let presented = PresentedToken { generation, issued_at, expires_at };
    Ok(OpenedToken { claims, session, subject, presented, not_before })
}

/// Whether the token is valid at `now`. `latest` is the latest moment that this process has seen: after a clock has stepped back, earlier
/// tokens are not from the future.
pub(super) fn check_times(token: &OpenedToken, now: Timestamp, latest: Timestamp) -> Result<(), Inactive> {
    if token.presented.expires_at <= now.seconds() {
        return Err(Inactive::Expired);
    }
    let latest = latest.plus(CLOCK_SKEW).seconds();
    if token.not_before > latest || token.presented.issued_at > latest {
        return Err(Inactive::NotYetValid);
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

    fn open_with(change: impl FnOnce(&mut Value)) -> Result<OpenedToken, Inactive> {
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
        use ContentEncryption::{A128Gcm, A256Gcm};
        use Inactive::{BadSignature, WrongType};
        let client = client();
        let nested = ProtectedHeader::NESTED_JWT;
        for (name, typ, outer, enc, reason) in [
            ("inner_type_of_an_access_token", ACCESS_TYPE, nested, A256Gcm, WrongType),
            ("inner_type_in_other_letters", "REFRESH+JWT", nested, A256Gcm, WrongType),
            ("outer_header_without_cty", REFRESH_TYPE, ProtectedHeader::JWT, A256Gcm, WrongType),
            ("content_encryption_of_another_key", REFRESH_TYPE, nested, A128Gcm, BadSignature),
        ] {
            let token = refresh(&client, &claims(), typ, &outer, enc);
            assert_eq!(refresh_token(&client, &token, NOW).err(), Some(reason), "{name}");
        }
    }

    #[test]
    fn refuses_claims_that_we_never_make() {
        for (name, change) in [
            ("issuer_as_number", json!({"iss": 7})),
            ("no_exp", json!({"exp": null})),
            ("exp_as_text", json!({"exp": "1800000100"})),
            ("no_nbf", json!({"nbf": null})),
            ("no_iat", json!({"iat": null})),
            ("no_sid", json!({"sid": null})),
            ("sid_of_another_kind", json!({"sid": "9e107d9d-372b-4b6c-8f3e-5a1d2c3b4a59"})),
            ("no_gen", json!({"gen": null})),
            ("gen_as_text", json!({"gen": "0"})),
            ("negative_gen", json!({"gen": -1})),
            ("sub_as_number", json!({"sub": 7})),
        ] {
            let opened = open_with(|claims| {
                claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            });
            assert_eq!(opened.err(), Some(Inactive::InvalidClaims), "{name}");
        }
        let opened = open_with(|claims| claims["iss"] = json!("bank"));
        assert_eq!(opened.err(), Some(Inactive::WrongIssuer));
    }

    #[test]
    fn times_are_checked_with_a_minute_of_skew_for_the_future_only() {
        for (name, nbf, iat, now, wanted) in [
            ("now", 100, 100, 100, Ok(())),
            ("nbf_a_minute_ahead", 160, 100, 100, Ok(())),
            ("nbf_more_than_a_minute_ahead", 161, 100, 100, Err(Inactive::NotYetValid)),
            ("iat_more_than_a_minute_ahead", 100, 161, 100, Err(Inactive::NotYetValid)),
            ("the_last_second", 100, 100, 1999, Ok(())),
            ("at_exp", 100, 100, 2000, Err(Inactive::Expired)),
        ] {
            let opened = open_with(|claims| {
                claims["nbf"] = json!(nbf);
                claims["iat"] = json!(iat);
                claims["exp"] = json!(2000);
            });
            let now = Timestamp::from_seconds(now);
            assert_eq!(check_times(&opened.unwrap(), now, now), wanted, "{name}");
        }
    }
}
