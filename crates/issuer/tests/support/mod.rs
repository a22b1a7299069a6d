//! A world for tests: an issuer in memory, a clock set by hand, and short words for what tests do often.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod interleave;

use std::sync::Arc;

use jwtis_base::env::testing::{ManualClock, env};
use jwtis_base::{BearerSecret, ClientId, SecretKind, Timestamp};
use jwtis_issuer::{
    ClientAccess, Credentials, IssueToken, Issuer, IssuerSettings, KeyOptions, RenewError, RenewToken,
    TokenSet, Verification,
};
use jwtis_jose::{ClaimsSet, SignatureAlgorithm, VerifyingKey, jws};
use jwtis_store::{Store, open_memory};

pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub struct World {
    pub issuer: Issuer,
    pub clock: Arc<ManualClock>,
    pub admin: Credentials,
}

impl World {
    pub async fn new() -> Self {
        Self::with(open_memory(), IssuerSettings::default()).await
    }

    pub async fn with(store: Store, settings: IssuerSettings) -> Self {
        Self::at(START, store, settings).await
    }

    /// A server over `store` whose clock stands at `now`.
    pub async fn at(now: Timestamp, store: Store, settings: IssuerSettings) -> Self {
        let clock = ManualClock::at(now);
        let issuer = Issuer::open(store, env(&clock), settings).await.unwrap();
        let secret = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
        issuer.set_admin_token(&secret).await.unwrap();
        Self { issuer, clock, admin: Credentials { secret, user: None } }
    }

    /// Registers a client and returns its access.
    pub async fn client(&self, kid: &str, options: KeyOptions) -> ClientAccess {
        let access = self.issuer.registration(Some(&self.admin)).await.unwrap();
        self.issuer.register(&access, id(kid), options).await.unwrap();
        self.access(kid).await
    }

    /// Access to a client as it is now.
    pub async fn access(&self, kid: &str) -> ClientAccess {
        self.issuer.client_access(Some(&self.admin), &id(kid)).await.unwrap()
    }

    /// Access to a client, if it is there.
    pub async fn issuer_access(&self, kid: &str) -> Option<ClientAccess> {
        self.issuer.client_access(Some(&self.admin), &id(kid)).await.ok()
    }

    pub fn seconds_pass(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    pub async fn verify(&self, access: &ClientAccess, token: &str) -> Verification {
        self.issuer.verify(access, token, None).await.unwrap()
    }

    /// `active`, or the reason why not.
    pub async fn status(&self, access: &ClientAccess, token: &str) -> &'static str {
        match self.verify(access, token).await {
            Verification::Active { .. } => "active",
            Verification::Inactive(reason) => reason.as_str(),
        }
    }

    pub async fn renew(&self, access: &ClientAccess, refresh_token: &str) -> Result<TokenSet, RenewError> {
        self.issuer.renew(access, RenewToken { refresh_token, strategy: None }).await
    }

    pub fn issue(&self, access: &ClientAccess, claims: &str) -> TokenSet {
        self.issuer.issue(access, issue(claims)).unwrap()
    }
}

pub fn id(kid: &str) -> ClientId {
    kid.parse().unwrap()
}

pub fn issue(claims: &str) -> IssueToken {
    IssueToken {
        claims: ClaimsSet::parse(claims.as_bytes()).unwrap(),
        access_valid_time: None,
        refresh_valid_time: None,
    }
}

/// The claims of an access token, verified with nothing but the client's JWKS, as another service would.
pub fn verified_by_jwks(jwks: &str, token: &str) -> Option<ClaimsSet> {
    let set = jwtis_jose::JwkSet::parse(jwks.as_bytes()).unwrap();
    let token = jws::Unverified::parse(token).unwrap();
    let key = VerifyingKey::from_jwk(set.find(token.header().kid().unwrap())?).unwrap();
    let verified = key.verify(&token).ok()?;
    Some(ClaimsSet::parse(verified.payload()).unwrap())
}

/// The client's JWKS as its verifiers fetch it.
pub fn jwks(access: &ClientAccess, now: Timestamp) -> String {
    serde_json::to_string(&access.client().keys().jwks(now)).unwrap()
}

/// A claim as text.
pub fn text<'a>(claims: &'a ClaimsSet, name: &str) -> &'a str {
    claims.get(name).and_then(|value| value.as_str()).unwrap()
}

pub fn with_alg(alg: SignatureAlgorithm) -> KeyOptions {
    KeyOptions { sig_alg: Some(alg), ..KeyOptions::default() }
}

/// What `RenewError` came out, by variant.
pub fn kind<T>(outcome: &Result<T, RenewError>) -> &'static str {
    match outcome {
        Ok(_) => "renewed",
        Err(RenewError::InvalidToken) => "invalid",
        Err(RenewError::NotARefreshToken) => "not_a_refresh_token",
        Err(RenewError::Expired) => "expired",
        Err(RenewError::NotYetValid) => "not_yet_valid",
        Err(RenewError::Revoked) => "revoked",
        Err(RenewError::Reused) => "reused",
        Err(RenewError::SessionUnknown) => "session_unknown",
        Err(RenewError::KeysExpired) => "keys_expired",
        Err(RenewError::Conflict) => "conflict",
        Err(_) => "failed",
    }
}
