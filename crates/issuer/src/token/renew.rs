//! Renewing: a refresh token for a new access token and, where the strategy says so, a new refresh token.

use std::sync::Arc;

use jwtis_base::audit::{Audited, Event};
use jwtis_base::env::Timestamp;
use jwtis_store::{NotWritten, OutcomeUnknown, ReadError, settled};

use super::TokenSet;
use super::claims::{CustomClaims, LIFETIMES, Lifetimes, OWNED_CLAIMS};
use super::mint::{Mint, MintError, Minted};
use super::open::{self, NotNow, NotOpened, OpenedToken};
use crate::access::ClientAccess;
use crate::client::Client;
use crate::issuer::Issuer;
use crate::policy::RefreshStrategy;
use crate::session::rule::{self, Grace, Renewal};
use crate::tries::MAX_TRIES;

/// What to renew.
#[derive(Copy, Clone)]
pub struct RenewToken<'a> {
    /// The refresh token.
    pub refresh_token: &'a str,
    /// A stricter strategy than the client's, for this call; a weaker one changes nothing.
    pub strategy: Option<RefreshStrategy>,
}

/// Why nothing was renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// Garbage, another client's, edited, or made with keys that have retired: which of them is not told.
    #[error("the refresh token is not a valid one of this client")]
    InvalidToken,
    /// A token of this client that is no refresh token, such as an access token that somebody encrypted.
    #[error("the token presented is not a refresh token")]
    NotARefreshToken,
    /// Past its `exp`.
    #[error("the refresh token has expired")]
    Expired,
    /// Before its `nbf`: some clock is wrong.
    #[error("the refresh token is not valid yet; compare the clocks of the servers")]
    NotYetValid,
    /// Its session was revoked.
    #[error("the session of this refresh token has been revoked")]
    Revoked,
    /// It was used before: the session has been revoked now.
    #[error("the refresh token has been used before, so two parties hold it; the session has been revoked")]
    Reused,
    /// The store knows less of the session than the token does.
    #[error(
        "the session of this refresh token is newer than the store, which was restored from a backup; sign in again"
    )]
    SessionUnknown,
    /// The client is disabled.
    #[error("the client is disabled")]
    Disabled,
    /// The client's active key set has expired; `/renew_keys` helps.
    #[error("the keys of this client have expired; renew them")]
    KeysExpired,
    /// Other renewals of the session kept winning; try again.
    #[error("the session was changed by other requests at the same moment")]
    Conflict,
    /// The tokens could not be made.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// The store could not be written.
    #[error("the session could not be stored")]
    Store(#[from] NotWritten),
    /// The session may have its new generation, of which nobody has tokens.
    #[error("it is not known whether the session was stored")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

impl Issuer {
    /// Exchanges a refresh token for a new token set. The session's new generation is durable before any token is returned.
    ///
    /// # Errors
    /// [`RenewError::Store`], [`RenewError::Read`] and [`RenewError::Conflict`] are worth a retry with the same token. So is
    /// [`RenewError::OutcomeUnknown`], within the grace: the retry rotates the session, or gets tokens of the generation that it has by then.
    /// The others are not worth one.
    pub async fn renew(
        &self,
        access: &ClientAccess,
        command: RenewToken<'_>,
    ) -> Result<TokenSet, RenewError> {
        let client = access.client();
        let now = self.env().now();
        let token = command.refresh_token;
        let token =
            self.open_with(client, token, move |client, token| open::refresh_token(client, token, now));
        let token = token.await?;
        open::check_times(&token, now, self.latest())?;
        if Mint::keys_expired(client.keys().active(), now) {
            return Err(RenewError::KeysExpired);
        }
        let strategy = rule::effective(client.keys().active().policy.refresh_strategy, command.strategy);
        let refresh = match self.step(access, &token, strategy, now).await? {
            Granted::Access => Refresh::Keep(command.refresh_token.to_owned()),
            Granted::Pair(generation) => Refresh::New(generation),
        };
        if !client.keys().active().signs_slowly() {
            return self.grant(client, token, now, refresh);
        }
        let (issuer, client) = (self.clone(), Arc::clone(client));
        self.apart(move || issuer.grant(&client, token, now, refresh)).await
    }

    /// How long the refresh token before the newest is answered.
    pub(super) fn grace(&self) -> Grace {
        Grace { length: self.settings().renew_grace, outage: self.outage() }
    }

    /// Applies the rule to the session as stored and makes its outcome durable.
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
            let session = self.session(&client, token).await?;
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

    fn grant(
        &self,
        client: &Client,
        token: OpenedToken,
        now: Timestamp,
        refresh: Refresh,
    ) -> Result<TokenSet, RenewError> {
        let keys = client.keys().active();
        let lifetimes = Lifetimes::from_claim(token.claims.get(LIFETIMES));
        let (session, old_expiry) = (token.session, token.presented.expires_at);
        let claims = custom_claims(token);
        let mint = Mint { keys, session, claims: &claims, lifetimes, now, env: self.env() };
        let access = mint.access_token()?;
        let refresh = match refresh {
            Refresh::Keep(presented) => Minted { token: presented, expires_at: old_expiry },
            Refresh::New(generation) => mint.refresh_token(generation)?,
        };
        Ok(TokenSet::of(session, access, refresh, now))
    }
}

/// What the rule granted, durable.
enum Granted {
    Access,
    Pair(u64),
}

enum Refresh {
    Keep(String),
    New(u64),
}

/// The client's own claims out of a refresh token.
fn custom_claims(token: OpenedToken) -> CustomClaims {
    let mut claims = token.claims;
    for name in OWNED_CLAIMS.into_iter().chain(["iss", "exp"]) {
        claims.remove(name);
    }
    CustomClaims { json: claims.to_json() }
}

impl From<NotOpened> for RenewError {
    fn from(reason: NotOpened) -> Self {
        match reason {
            NotOpened::WrongType => Self::NotARefreshToken,
            NotOpened::Malformed
            | NotOpened::UnknownKey
            | NotOpened::BadSignature
            | NotOpened::WrongIssuer
            | NotOpened::InvalidClaims => Self::InvalidToken,
        }
    }
}

impl From<NotNow> for RenewError {
    fn from(reason: NotNow) -> Self {
        match reason {
            NotNow::Expired => Self::Expired,
            NotNow::NotYet => Self::NotYetValid,
        }
    }
}
