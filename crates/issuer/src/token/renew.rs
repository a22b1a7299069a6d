//! Renewing: a refresh token for a new access token and, where the strategy says so, a new refresh token.

use std::sync::Arc;

use jwtis_base::audit::{Audited, Event};
use jwtis_base::env::Timestamp;
use jwtis_base::inactive::Inactive;
use jwtis_store::{NotWritten, OutcomeUnknown, ReadError, settled};

use super::claims::{CustomClaims, LIFETIMES, Lifetimes, OWNED_CLAIMS};
use super::mint::{Mint, MintError, RefreshToken, TokenSet};
use super::open::{self, OpenedToken};
use crate::access::ClientAccess;
use crate::issuer::{Issuer, MAX_TRIES};
use crate::key::KeySet;
use crate::policy::RefreshStrategy;
use crate::session::rule::{self, Renewal, RenewalGrace};

/// What to renew.
#[derive(Copy, Clone)]
pub struct RenewToken<'a> {
    /// The refresh token.
    pub refresh_token: &'a str,
    /// A stricter strategy than the client's, for this call. A weaker one changes nothing.
    pub strategy: Option<RefreshStrategy>,
}

/// Why nothing was renewed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum RenewError {
    /// Not a token, another client's, changed, or made with retired keys. The answer does not tell which.
    #[error("the refresh token is not a valid one of this client")]
    InvalidToken,
    #[error("the token presented is not a refresh token")]
    NotARefreshToken,
    #[error("the refresh token has expired")]
    Expired,
    #[error("the refresh token is not valid yet; compare the clocks of the servers")]
    NotYetValid,
    #[error("the session of this refresh token has been revoked")]
    Revoked,
    #[error("the refresh token has been used before, so two parties hold it; the session has been revoked")]
    Reused,
    /// Its generation is newer than the store's.
    #[error(
        "the session of this refresh token is newer than the store, which was restored from a backup; sign in again"
    )]
    SessionUnknown,
    #[error("the client is disabled")]
    Disabled,
    #[error("the keys of this client have expired; renew them")]
    KeysExpired,
    #[error("the keys of this client are RSA1_5, which is switched off; renew them")]
    AlgorithmOff,
    #[error("the session was changed by other requests at the same moment")]
    Conflict,
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error("the session could not be stored")]
    Store(#[from] NotWritten),
    /// The session may have a new generation, of which nobody has tokens.
    #[error("it is not known whether the session was stored")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

impl Issuer {
    /// Exchanges a refresh token for a new token set. The session's new generation is durable before any token is returned.
    ///
    /// # Errors
    /// A retry with the same token can help after [`RenewError::Store`], [`RenewError::Read`] and [`RenewError::Conflict`]. So it can after
    /// [`RenewError::OutcomeUnknown`], within the grace: it rotates the session, or returns tokens of the generation that was stored.
    pub async fn renew(
        &self,
        access: &ClientAccess,
        command: RenewToken<'_>,
    ) -> Result<TokenSet, RenewError> {
        let (client, now) = (access.client(), self.env().now());
        let open = move |client: &_, token: &_| open::refresh_token(client, token, now);
        let token = self.open_with(client, command.refresh_token, open).await?;
        open::check_times(&token, now, self.latest())?;
        let keys = client.keys().active();
        if keys.has_expired(now) {
            return Err(RenewError::KeysExpired);
        }
        if self.settings().defaults.forbids(keys.encryption.algorithm()) {
            return Err(RenewError::AlgorithmOff);
        }
        let strategy = rule::effective(keys.policy.refresh_strategy, command.strategy);
        let refresh = match self.step(access, &token, strategy, now).await? {
            Granted::Access => {
                RefreshToken::Kept(command.refresh_token.to_owned(), token.presented.expires_at)
            }
            Granted::Pair(generation) => RefreshToken::New(generation),
        };
        if !keys.signs_slowly() {
            return self.renewed(keys, token, now, refresh);
        }
        let (issuer, keys) = (self.clone(), Arc::clone(keys));
        self.apart(move || issuer.renewed(&keys, token, now, refresh)).await
    }

    /// How long the server still answers the refresh token before the newest one.
    pub(super) fn grace(&self) -> RenewalGrace {
        RenewalGrace { length: self.settings().renew_grace, outage: self.outage() }
    }

    /// Applies the rule to the session, and makes its outcome durable.
    async fn step(
        &self,
        access: &ClientAccess,
        token: &OpenedToken,
        strategy: RefreshStrategy,
        now: Timestamp,
    ) -> Result<Granted, RenewError> {
        for _ in 0..MAX_TRIES {
            let client = self.reload(access.client()).await?.ok_or(RenewError::InvalidToken)?;
            if client.is_disabled() {
                return Err(RenewError::Disabled);
            }
            let mut session = self.session(&client, token.session).await?;
            session.state.revoked = session.state.revoked || self.is_marked(&client, token).await?;
            let grace = self.grace();
            let (state, granted) = match rule::renew(&session.state, token.presented, strategy, now, grace) {
                Renewal::Keep => return Ok(Granted::Access),
                Renewal::Revoked => return Err(RenewError::Revoked),
                Renewal::Unknown => return Err(RenewError::SessionUnknown),
                Renewal::Repeat(generation) if session.outlives(&client, self.latest(), grace.length) => {
                    return Ok(Granted::Pair(generation));
                }
                Renewal::Repeat(generation) => (session.state.clone(), Ok(Granted::Pair(generation))),
                Renewal::KeepAndConfirm(state) => (state, Ok(Granted::Access)),
                Renewal::Rotate(state) => {
                    let generation = state.generation;
                    (state, Ok(Granted::Pair(generation)))
                }
                Renewal::Reuse(state) => (state, Err(RenewError::Reused)),
            };
            let reuse = granted.is_err().then(|| {
                let event = Event::ReuseDetected(client.id(), token.session, token.presented.generation);
                event.by(access.actor(), now)
            });
            let stored = self.store_session(&client, token.session, &session, state, 0, reuse.as_ref()).await;
            if settled::<RenewError>(stored)? {
                reuse.iter().for_each(Audited::log);
                return granted;
            }
        }
        Err(RenewError::Conflict)
    }

    /// New tokens with the client's own claims of `token`.
    fn renewed(
        &self,
        keys: &KeySet,
        token: OpenedToken,
        now: Timestamp,
        refresh: RefreshToken,
    ) -> Result<TokenSet, RenewError> {
        let OpenedToken { mut claims, session, .. } = token;
        let lifetimes = Lifetimes::from_claim(claims.get(LIFETIMES));
        for name in OWNED_CLAIMS.into_iter().chain(["iss", "exp"]) {
            claims.remove(name);
        }
        let claims = CustomClaims { json: claims.to_json() };
        let policy = &self.settings().defaults.maxima.limit(&keys.policy);
        let mint = Mint { keys, policy, session, claims: &claims, lifetimes, now, env: self.env() };
        Ok(mint.tokens(refresh)?)
    }
}

/// What the rule granted; it is durable.
enum Granted {
    Access,
    Pair(u64),
}

impl From<Inactive> for RenewError {
    fn from(reason: Inactive) -> Self {
        match reason {
            Inactive::WrongType => Self::NotARefreshToken,
            Inactive::Malformed
            | Inactive::UnknownKey
            | Inactive::BadSignature
            | Inactive::WrongIssuer
            | Inactive::InvalidClaims => Self::InvalidToken,
            Inactive::Expired => Self::Expired,
            Inactive::NotYetValid => Self::NotYetValid,
            Inactive::Revoked => Self::Revoked,
            Inactive::ClientDisabled => Self::Disabled,
        }
    }
}
