//! Issuing: the first two tokens of a session. Nothing is read from or written to the store.

use jwtis_base::env::NoEntropy;
use jwtis_base::session_id::SessionId;
use jwtis_base::ttl::Ttl;
use jwtis_jose::ClaimsSet;

use super::TokenSet;
use super::claims::{ClaimsRefusal, accept};
use super::mint::{Mint, MintError};
use crate::access::ClientAccess;
use crate::issuer::Issuer;

/// What to issue.
#[derive(Clone, Debug)]
pub struct IssueToken {
    /// The client's own claims.
    pub claims: ClaimsSet,
    /// Life of the access token; only shortens what the client registered.
    pub access_valid_time: Option<Ttl>,
    /// Life of the refresh token; only shortens what the client registered.
    pub refresh_valid_time: Option<Ttl>,
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The client is disabled.
    #[error("the client is disabled")]
    Disabled,
    /// The key set has expired; `/renew_keys` helps.
    #[error("the keys of this client have expired; renew them")]
    KeysExpired,
    /// The claims cannot be.
    #[error(transparent)]
    Claims(#[from] ClaimsRefusal),
    /// The tokens could not be made.
    #[error(transparent)]
    Mint(#[from] MintError),
}

impl From<NoEntropy> for IssueError {
    fn from(error: NoEntropy) -> Self {
        Self::Mint(error.into())
    }
}

impl Issuer {
    /// As [`Self::issue`], apart from the async workers where the client signs with an RSA key.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub async fn issue_apart(
        &self,
        access: ClientAccess,
        command: IssueToken,
    ) -> Result<TokenSet, IssueError> {
        if !access.client().keys().active().signs_slowly() {
            return self.issue(&access, command);
        }
        let issuer = self.clone();
        self.apart(move || issuer.issue(&access, command)).await
    }

    /// Opens a session: an access token and a refresh token of generation 0.
    ///
    /// # Errors
    /// [`IssueError::KeysExpired`] and [`IssueError::Claims`] are the caller's to mend.
    pub fn issue(&self, access: &ClientAccess, command: IssueToken) -> Result<TokenSet, IssueError> {
        let client = access.client();
        if client.is_disabled() {
            return Err(IssueError::Disabled);
        }
        let keys = client.keys().active();
        let now = self.env().now();
        if Mint::keys_expired(keys, now) {
            return Err(IssueError::KeysExpired);
        }
        let asked = (command.access_valid_time, command.refresh_valid_time);
        let (claims, lifetimes) = accept(command.claims, &keys.policy, asked, keys.expires_at, now)?;
        let session = SessionId::new(self.session_time(client), &self.env().random()?);

        let mint = Mint { keys, session, claims: &claims, lifetimes, now, env: self.env() };
        let (access, refresh) = (mint.access_token()?, mint.refresh_token(0)?);
        Ok(TokenSet::of(session, access, refresh, now))
    }
}
