//! A world for tests: an issuer in memory, a clock set by hand, and short words for what tests do often.

pub mod interleave;

use std::sync::Arc;

use jwtis_base::{BearerSecret, ClientId, SecretKind, Timestamp, Ttl};
use jwtis_issuer::housekeeping::{HousekeepingCursor, HousekeepingReport};
use jwtis_issuer::{
    AdminAccess, ClientAccess, Credentials, IssueToken, Issuer, IssuerSettings, KeyOptions, RefreshStrategy,
    RenewError, RenewToken, RevokeError, RevokeTarget, TokenSet, UpkeepError, Verification,
};
use jwtis_jose::{ClaimsSet, SignatureAlgorithm, VerifyingKey, jws};
use jwtis_store::testing::{Faulty, store_over};
use jwtis_store::{MemoryBackend, Store, open_memory};

use crate::clock::{ManualClock, env};

pub const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// The ways to revoke a session, for [`World::revoke`].
pub const TARGETS: [&str; 5] = ["id", "refresh_token", "auth_token", "sub", "all"];

pub type StoreDouble = Arc<Faulty<MemoryBackend>>;

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

    /// Over a store that can be made to fail, with a client `shop` that rotates its refresh tokens, and a session of it.
    pub async fn faulty() -> (Self, StoreDouble, ClientAccess, TokenSet) {
        let backend = Faulty::new(MemoryBackend::new());
        let world = Self::with(store_over(backend.clone()), IssuerSettings::default()).await;
        let access = world.client("shop", rotating()).await;
        let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
        (world, backend, access, tokens)
    }

    /// The next run of the server over the same store, at this many seconds from the start.
    pub async fn restarted(&self, seconds: i64) -> Self {
        Self::at(after(seconds), self.issuer.store().clone(), IssuerSettings::default()).await
    }

    /// Registers a client and returns the admin's access to it.
    pub async fn client(&self, kid: &str, options: KeyOptions) -> ClientAccess {
        self.register(kid, options).await;
        self.access(kid).await
    }

    /// Registers a client and returns its token.
    pub async fn register(&self, kid: &str, options: KeyOptions) -> BearerSecret {
        let access = self.issuer.registration(Some(&self.admin)).await.unwrap();
        self.issuer.register(&access, id(kid), options).await.unwrap().client_token
    }

    /// The admin's access to a client as it is now.
    pub async fn access(&self, kid: &str) -> ClientAccess {
        self.issuer.client_access(Some(&self.admin), &id(kid)).await.unwrap()
    }

    /// The admin's access to a client, if it is there.
    pub async fn issuer_access(&self, kid: &str) -> Option<ClientAccess> {
        self.issuer.client_access(Some(&self.admin), &id(kid)).await.ok()
    }

    pub async fn admin(&self) -> AdminAccess {
        self.issuer.admin(Some(&self.admin)).await.unwrap()
    }

    /// Sets the clock to this many seconds from the start.
    pub fn set(&self, seconds: i64) {
        self.clock.set(after(seconds));
    }

    /// Revokes the session of `tokens`, whose subject is `u1`, in one of the [`TARGETS`].
    pub async fn revoke(
        &self,
        access: &ClientAccess,
        by: &str,
        tokens: &TokenSet,
    ) -> Result<(), RevokeError> {
        let id = tokens.session.uuid().to_string();
        let target = match by {
            "id" => RevokeTarget::Session(&id),
            "refresh_token" => RevokeTarget::Token(&tokens.refresh_token),
            "auth_token" => RevokeTarget::Token(&tokens.access_token),
            "sub" => RevokeTarget::Subject("u1"),
            "all" => RevokeTarget::All,
            other => panic!("no way to revoke: {other}"),
        };
        self.issuer.revoke(access, target).await
    }

    /// One pass of housekeeping: what all its steps did.
    pub async fn housekeeping(&self) -> Result<HousekeepingReport, UpkeepError> {
        let (mut cursor, mut whole) = (HousekeepingCursor::default(), HousekeepingReport::default());
        while whole.pass_complete.is_none() {
            let (next, step) = self.issuer.housekeeping_step(cursor).await?;
            whole.expired_records_deleted += step.expired_records_deleted;
            whole.retired_key_sets_dropped += step.retired_key_sets_dropped;
            whole.pass_complete = step.pass_complete;
            cursor = next;
        }
        Ok(whole)
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

/// This many seconds from the start.
pub fn after(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(START.seconds().checked_add_signed(seconds).unwrap())
}

pub fn rotating() -> KeyOptions {
    KeyOptions { refresh_strategy: Some(RefreshStrategy::RefreshBoth), ..KeyOptions::default() }
}

/// Lives of access and refresh tokens, in hours.
pub fn lives(auth: u64, refresh: u64) -> KeyOptions {
    KeyOptions {
        auth_ttl: Some(Ttl::from_hours(auth)),
        refresh_ttl: Some(Ttl::from_hours(refresh)),
        ..KeyOptions::default()
    }
}

/// The same secret, without a name beside it.
pub fn bearer(secret: &BearerSecret) -> Credentials {
    Credentials { secret: BearerSecret::parse(secret.reveal()).unwrap(), user: None }
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
