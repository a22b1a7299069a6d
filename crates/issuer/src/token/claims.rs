//! The rules for a client's claims and for the lifetimes of tokens.

use jwtis_base::env::Timestamp;
use jwtis_base::ttl::Ttl;
use jwtis_jose::{ClaimsError, ClaimsSet};
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
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Lifetimes {
    access: Option<u64>,
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
    /// Life of an access token under `policy`, in seconds.
    pub(crate) fn access(self, policy: &TokenPolicy) -> u64 {
        let most = policy.auth_ttl.seconds();
        self.access.map_or(most, |asked| asked.min(most))
    }

    /// Life of a refresh token under `policy`, in seconds.
    pub(crate) fn refresh(self, policy: &TokenPolicy) -> u64 {
        let most = policy.refresh_ttl.seconds();
        self.refresh.map_or(most, |asked| asked.min(most))
    }

    /// The `jwtis_ttl` claim; `None` where nothing was asked for.
    pub(crate) fn to_claim(self) -> Option<Value> {
        let mut object = serde_json::Map::new();
        for (name, asked) in [("access", self.access), ("refresh", self.refresh)] {
            if let Some(seconds) = asked {
                object.insert(name.to_owned(), seconds.into());
            }
        }
        (!object.is_empty()).then_some(Value::Object(object))
    }

    /// From the claim of a verified refresh token.
    pub(crate) fn from_claim(claim: Option<&Value>) -> Self {
        let seconds = |name: &str| claim.and_then(|claim| claim.get(name)).and_then(Value::as_u64);
        Self { access: seconds("access"), refresh: seconds("refresh") }
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

    fn policy() -> TokenPolicy {
        TokenPolicy {
            auth_ttl: Ttl::from_seconds(1000),
            refresh_ttl: Ttl::from_seconds(5000),
            refresh_strategy: RefreshStrategy::NoRefresh,
            issuer: "shop".to_owned(),
            audience: Vec::new(),
        }
    }

    fn check(json: &str) -> Result<(String, Lifetimes), ClaimsRefusal> {
        let claims = ClaimsSet::parse(json.as_bytes()).unwrap();
        accept(claims, &policy(), (None, None), FAR, NOW)
            .map(|(claims, lifetimes)| (String::from_utf8(claims.json).unwrap(), lifetimes))
    }

    #[test]
    fn claims_by_name() {
        for (name, claims, wanted) in [
            ("no_claims", "{}", "{}"),
            ("own_claims_pass", r#"{"role":"x","n":[1,{"a":null}]}"#, r#"{"role":"x","n":[1,{"a":null}]}"#),
            ("sub_passes", r#"{"sub":"u1"}"#, r#"{"sub":"u1"}"#),
            ("aud_passes_as_text", r#"{"aud":"api"}"#, r#"{"aud":"api"}"#),
            ("aud_passes_as_list", r#"{"aud":["a","b"]}"#, r#"{"aud":["a","b"]}"#),
            ("the_client_s_own_iss_passes", r#"{"iss":"shop","a":1}"#, r#"{"a":1}"#),
            ("exp_inside_the_limit_passes", r#"{"exp":1001000}"#, "{}"),
        ] {
            assert_eq!(check(claims).unwrap().0, wanted, "{name}");
        }
    }

    #[test]
    fn refusals_by_name() {
        for owned in OWNED_CLAIMS {
            assert_eq!(check(&format!(r#"{{"{owned}":1}}"#)), Err(ClaimsRefusal::Owned(owned.to_owned())));
        }
        assert_eq!(check(r#"{"iss":"bank"}"#), Err(ClaimsRefusal::ForeignIssuer));
        assert_eq!(check(r#"{"iss":7}"#), Err(ClaimsRefusal::ForeignIssuer));
        assert_eq!(check(r#"{"exp":1000000}"#), Err(ClaimsRefusal::ExpiryInPast));
        assert_eq!(check(r#"{"exp":0}"#), Err(ClaimsRefusal::ExpiryInPast));
        assert_eq!(check(r#"{"exp":1001001}"#), Err(ClaimsRefusal::ExpiryBeyondLimit { limit: 1_001_000 }));
        for (name, claims) in [
            ("exp_as_text", r#"{"exp":"1000500"}"#),
            ("negative_exp", r#"{"exp":-1}"#),
            ("sub_as_number", r#"{"sub":7}"#),
            ("aud_as_object", r#"{"aud":{}}"#),
            ("aud_of_numbers", r#"{"aud":[1]}"#),
        ] {
            assert!(matches!(check(claims), Err(ClaimsRefusal::Invalid(_))), "{name}");
        }
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_CLAIMS_BYTES));
        assert!(matches!(check(&large), Err(ClaimsRefusal::TooLarge { .. })));
    }

    #[test]
    fn the_client_s_own_audience_does_not_count_as_claims() {
        let policy = TokenPolicy { audience: vec!["x".repeat(512); 16], ..policy() };
        let claims =
            ClaimsSet::parse(format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_CLAIMS_BYTES - 100)).as_bytes())
                .unwrap();
        assert!(accept(claims, &policy, (None, None), FAR, NOW).is_ok());
    }

    #[test]
    fn the_client_s_audience_fills_a_missing_one() {
        let with = |audience: &[&str], claims: &str| {
            let policy =
                TokenPolicy { audience: audience.iter().map(|&a| a.to_owned()).collect(), ..policy() };
            let claims = ClaimsSet::parse(claims.as_bytes()).unwrap();
            String::from_utf8(accept(claims, &policy, (None, None), FAR, NOW).unwrap().0.json).unwrap()
        };
        assert_eq!(with(&["api"], "{}"), r#"{"aud":"api"}"#);
        assert_eq!(with(&["a", "b"], "{}"), r#"{"aud":["a","b"]}"#);
        assert_eq!(with(&["api"], r#"{"aud":"other"}"#), r#"{"aud":"other"}"#);
    }

    #[test]
    fn valid_times_only_shorten() {
        let lifetimes = |access: Option<u64>, refresh: Option<u64>, claims: &str| {
            let asked = (access.map(Ttl::from_seconds), refresh.map(Ttl::from_seconds));
            accept(ClaimsSet::parse(claims.as_bytes()).unwrap(), &policy(), asked, FAR, NOW).unwrap().1
        };
        for (name, found, access, refresh) in [
            ("nothing_asked", lifetimes(None, None, "{}"), 1000, 5000),
            ("shorter", lifetimes(Some(10), Some(20), "{}"), 10, 20),
            ("longer_is_cut", lifetimes(Some(9999), Some(9999), "{}"), 1000, 5000),
            ("exp_shortens", lifetimes(None, None, r#"{"exp":1000100}"#), 100, 5000),
            ("the_shorter_of_exp_and_valid_time", lifetimes(Some(50), None, r#"{"exp":1000100}"#), 50, 5000),
        ] {
            assert_eq!((found.access(&policy()), found.refresh(&policy())), (access, refresh), "{name}");
            assert_eq!(Lifetimes::from_claim(found.to_claim().as_ref()), found, "{name}");
        }
    }

    #[test]
    fn no_token_outlives_its_keys() {
        assert_eq!(expiry_after(NOW, 1000, FAR), 1_001_000);
        assert_eq!(expiry_after(NOW, 1000, Timestamp::from_seconds(1_000_300)), 1_000_300);
        assert_eq!(expiry_after(NOW, u64::MAX, FAR), 9_000_000);
    }
}
