//! The rules for a client's claims and for the lifetimes of tokens.

use jwtis_base::env::Timestamp;
use jwtis_base::ttl::Ttl;
use jwtis_jose::{ClaimsError, ClaimsSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::key::plan::{MAX_AUDIENCES, MAX_NAME_BYTES};
use crate::policy::TokenPolicy;

/// Largest claims of a client, in bytes of compact JSON.
pub const MAX_CLAIMS_BYTES: usize = 16 * 1024;

/// No access token is longer than this. It is [`MAX_CLAIMS_BYTES`], the names of issuer and audience and the server's claims in base64url,
/// with the header and an RSA-4096 signature. A listener with a smaller limit for heads could not take such a token.
pub const MAX_ACCESS_TOKEN_BYTES: usize = 36 * 1024;

/// The claim of a refresh token that keeps the lifetimes of the issue call, so that renewals do not lengthen them. It is an object with
/// `access` and `refresh` in seconds, each only where the call asked for it.
pub(crate) const LIFETIMES: &str = "jwtis_ttl";

/// Claims that the server sets. A client that sends one is refused.
pub const OWNED_CLAIMS: [&str; 6] = ["iat", "nbf", "jti", "sid", "gen", LIFETIMES];

/// Room for the names of the client's issuer and audience: quotation marks and a comma each, and the member's name.
const NAMES_BYTES: usize = (MAX_AUDIENCES + 1) * (MAX_NAME_BYTES + 3) + 16;

/// A client's claims, checked.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct CustomClaims {
    /// Compact JSON of an object without any claim of the server.
    pub(crate) json: Vec<u8>,
}

/// The lifetimes that an issue call asked for, in seconds. The policy of the keys limits them.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Lifetimes {
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<u64>,
}

/// Why claims were refused.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum ClaimsRefusal {
    #[error("the claim {0:?} is set by the server; leave it out")]
    Owned(String),
    #[error(
        "the claim \"iss\" is set by the server and differs from the one sent; leave it out, or register the client with this issuer"
    )]
    ForeignIssuer,
    #[error("the claims take {size} bytes; at most {MAX_CLAIMS_BYTES} are possible")]
    TooLarge { size: usize },
    #[error("{0}")]
    Invalid(ClaimsError),
    #[error("the claim \"exp\" lies in the past")]
    ExpiryInPast,
    #[error(
        "the claim \"exp\" lies beyond this client's limit, which is {limit} (Unix seconds) at the moment"
    )]
    ExpiryBeyondLimit { limit: u64 },
}

/// Checks the claims of an issue call, and decides the lifetimes of the session's tokens.
pub(crate) fn accept(
    mut claims: ClaimsSet,
    policy: &TokenPolicy,
    asked: (Option<Ttl>, Option<Ttl>),
    keys_expire_at: Timestamp,
    now: Timestamp,
) -> Result<(CustomClaims, Lifetimes), ClaimsRefusal> {
    if let Some(owned) = OWNED_CLAIMS.into_iter().find(|name| claims.contains(name)) {
        return Err(ClaimsRefusal::Owned(owned.to_owned()));
    }
    if let Some(issuer) = claims.remove("iss")
        && issuer != Value::String(policy.issuer.clone())
    {
        return Err(ClaimsRefusal::ForeignIssuer);
    }
    claims.subject().map_err(ClaimsRefusal::Invalid)?;
    claims.audience().map_err(ClaimsRefusal::Invalid)?;

    let mut lifetimes = Lifetimes { access: asked.0.map(Ttl::seconds), refresh: asked.1.map(Ttl::seconds) };
    if let Some(expiry) = claims.expiration_time().map_err(ClaimsRefusal::Invalid)? {
        claims.remove("exp");
        let limit = expiry_after(now, policy.auth_ttl.seconds(), keys_expire_at);
        if expiry <= now.seconds() {
            return Err(ClaimsRefusal::ExpiryInPast);
        }
        if expiry > limit {
            return Err(ClaimsRefusal::ExpiryBeyondLimit { limit });
        }
        let until_expiry = expiry.saturating_sub(now.seconds());
        lifetimes.access = Some(lifetimes.access.map_or(until_expiry, |asked| asked.min(until_expiry)));
    }
    let mut json = claims.to_json();
    if json.len() > MAX_CLAIMS_BYTES {
        return Err(ClaimsRefusal::TooLarge { size: json.len() });
    }
    if !policy.audience.is_empty() && !claims.contains("aud") {
        json.pop();
        let comma = if claims.is_empty() { "" } else { "," };
        json.extend_from_slice(
            format!(r#"{comma}"aud":{}}}"#, default_audience(&policy.audience)).as_bytes(),
        );
    }
    // There is room for the client's issuer and audience, but not for names that take several times their bytes as JSON.
    let issuer = Value::String(policy.issuer.clone()).to_string().len();
    if json.len().saturating_add(issuer) > MAX_CLAIMS_BYTES.saturating_add(NAMES_BYTES) {
        return Err(ClaimsRefusal::TooLarge { size: json.len() });
    }
    Ok((CustomClaims { json }, lifetimes))
}

/// One audience is a string, several are an array (RFC 7519 §4.1.3).
fn default_audience(audience: &[String]) -> Value {
    match audience {
        [one] => Value::String(one.clone()),
        several => several.iter().cloned().map(Value::String).collect(),
    }
}

impl Lifetimes {
    pub(crate) fn access(self, policy: &TokenPolicy) -> u64 {
        let most = policy.auth_ttl.seconds();
        self.access.map_or(most, |asked| asked.min(most))
    }

    pub(crate) fn refresh(self, policy: &TokenPolicy) -> u64 {
        let most = policy.refresh_ttl.seconds();
        self.refresh.map_or(most, |asked| asked.min(most))
    }

    /// The claim [`LIFETIMES`]; `None` if the call asked for nothing.
    pub(crate) fn to_claim(self) -> Option<Value> {
        if self == Self::default() { None } else { serde_json::to_value(self).ok() }
    }

    /// From the claim of a verified refresh token.
    pub(crate) fn from_claim(claim: Option<&Value>) -> Self {
        claim.and_then(|claim| Self::deserialize(claim).ok()).unwrap_or_default()
    }
}

/// `exp` of a token made now, in seconds since the epoch: after its lifetime, and no later than its keys expire.
pub(crate) fn expiry_after(now: Timestamp, lifetime: u64, keys_expire_at: Timestamp) -> u64 {
    now.seconds().saturating_add(lifetime).min(keys_expire_at.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::RefreshStrategy;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const FAR: Timestamp = Timestamp::from_seconds(9_000_000);

    fn policy(audience: &[&str]) -> TokenPolicy {
        TokenPolicy {
            auth_ttl: Ttl::from_seconds(1000),
            refresh_ttl: Ttl::from_seconds(5000),
            refresh_strategy: RefreshStrategy::NoRefresh,
            issuer: "shop".to_owned(),
            audience: audience.iter().map(|&audience| audience.to_owned()).collect(),
        }
    }

    fn check(audience: &[&str], json: &str) -> Result<String, ClaimsRefusal> {
        let claims = ClaimsSet::parse(json.as_bytes()).unwrap();
        let accepted = accept(claims, &policy(audience), (None, None), FAR, NOW)?;
        Ok(String::from_utf8(accepted.0.json).unwrap())
    }

    #[test]
    fn claims_by_name() {
        for (name, audience, claims, wanted) in [
            ("no_claims", &[][..], "{}", "{}"),
            (
                "own_claims_pass",
                &[],
                r#"{"role":"x","n":[1,{"a":null}]}"#,
                r#"{"role":"x","n":[1,{"a":null}]}"#,
            ),
            ("sub_passes", &[], r#"{"sub":"u1"}"#, r#"{"sub":"u1"}"#),
            ("aud_passes_as_text", &[], r#"{"aud":"api"}"#, r#"{"aud":"api"}"#),
            ("aud_passes_as_list", &[], r#"{"aud":["a","b"]}"#, r#"{"aud":["a","b"]}"#),
            ("the_client_s_own_iss_passes", &[], r#"{"iss":"shop","a":1}"#, r#"{"a":1}"#),
            ("exp_inside_the_limit_passes", &[], r#"{"exp":1001000}"#, "{}"),
            ("the_client_s_audience_fills_a_gap", &["api"], "{}", r#"{"aud":"api"}"#),
            ("after_other_claims", &["a", "b"], r#"{"n":1}"#, r#"{"n":1,"aud":["a","b"]}"#),
            ("and_replaces_none", &["api"], r#"{"aud":"other"}"#, r#"{"aud":"other"}"#),
        ] {
            assert_eq!(check(audience, claims).unwrap(), wanted, "{name}");
        }
    }

    #[test]
    fn refusals_by_name() {
        let refusal = |claims: &str| check(&[], claims).unwrap_err();
        for owned in OWNED_CLAIMS {
            assert_eq!(refusal(&format!(r#"{{"{owned}":1}}"#)), ClaimsRefusal::Owned(owned.to_owned()));
        }
        for (claims, wanted) in [
            (r#"{"iss":"bank"}"#, ClaimsRefusal::ForeignIssuer),
            (r#"{"iss":7}"#, ClaimsRefusal::ForeignIssuer),
            (r#"{"exp":1000000}"#, ClaimsRefusal::ExpiryInPast),
            (r#"{"exp":0}"#, ClaimsRefusal::ExpiryInPast),
            (r#"{"exp":1001001}"#, ClaimsRefusal::ExpiryBeyondLimit { limit: 1_001_000 }),
        ] {
            assert_eq!(refusal(claims), wanted, "{claims}");
        }
        for claims in
            [r#"{"exp":"1000500"}"#, r#"{"exp":-1}"#, r#"{"sub":7}"#, r#"{"aud":{}}"#, r#"{"aud":[1]}"#]
        {
            assert!(matches!(refusal(claims), ClaimsRefusal::Invalid(_)), "{claims}");
        }
    }

    #[test]
    fn claims_have_a_size_and_the_client_s_own_names_do_not_count() {
        let of_size = |size: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(size - 8));
        let name = "x".repeat(512);
        assert!(check(&[name.as_str(); 16], &of_size(MAX_CLAIMS_BYTES)).is_ok());
        let too_large = ClaimsRefusal::TooLarge { size: MAX_CLAIMS_BYTES + 1 };
        assert_eq!(check(&[], &of_size(MAX_CLAIMS_BYTES + 1)), Err(too_large));
        // Six bytes of JSON each.
        let name = "\u{1}".repeat(512);
        let refused = check(&[name.as_str(); 16], &of_size(MAX_CLAIMS_BYTES));
        assert!(matches!(refused, Err(ClaimsRefusal::TooLarge { .. })));
    }

    #[test]
    fn valid_times_only_shorten() {
        for (name, access, refresh, claims, wanted) in [
            ("nothing_asked", None, None, "{}", (1000, 5000)),
            ("shorter", Some(10), Some(20), "{}", (10, 20)),
            ("longer_is_cut", Some(9999), Some(9999), "{}", (1000, 5000)),
            ("exp_shortens", None, None, r#"{"exp":1000100}"#, (100, 5000)),
            ("the_shorter_of_exp_and_valid_time", Some(50), None, r#"{"exp":1000100}"#, (50, 5000)),
        ] {
            let asked = (access.map(Ttl::from_seconds), refresh.map(Ttl::from_seconds));
            let (claims, policy) = (ClaimsSet::parse(claims.as_bytes()).unwrap(), policy(&[]));
            let found = accept(claims, &policy, asked, FAR, NOW).unwrap().1;
            assert_eq!((found.access(&policy), found.refresh(&policy)), wanted, "{name}");
            assert_eq!(Lifetimes::from_claim(found.to_claim().as_ref()), found, "{name}");
        }
    }

    #[test]
    fn no_token_outlives_its_keys() {
        for (lifetime, keys_expire_at, wanted) in
            [(1000, 9_000_000, 1_001_000), (1000, 1_000_300, 1_000_300), (u64::MAX, 9_000_000, 9_000_000)]
        {
            let keys_expire_at = Timestamp::from_seconds(keys_expire_at);
            assert_eq!(expiry_after(NOW, lifetime, keys_expire_at), wanted);
        }
    }
}
