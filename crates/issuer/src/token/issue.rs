//! Issuing: the first two tokens of a session. It neither reads nor writes the store.

use jwtis_base::session_id::SessionId;
use jwtis_base::ttl::Ttl;
use jwtis_jose::ClaimsSet;

use super::claims::{ClaimsRefusal, accept};
use super::mint::{Mint, MintError, RefreshToken, TokenSet};
use crate::access::ClientAccess;
use crate::issuer::Issuer;

/// What to issue.
#[derive(Clone, Debug)]
pub struct IssueToken {
    /// The client's own claims.
    pub claims: ClaimsSet,
    /// Life of the access token. It only shortens the client's `auth_ttl`.
    pub access_valid_time: Option<Ttl>,
    /// Life of the refresh token. It only shortens the client's `refresh_ttl`.
    pub refresh_valid_time: Option<Ttl>,
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum IssueError {
    #[error("the client is disabled")]
    Disabled,
    #[error("the keys of this client have expired; renew them")]
    KeysExpired,
    #[error("the keys of this client are RSA1_5, which is switched off; renew them")]
    AlgorithmOff,
    #[error(transparent)]
    Claims(#[from] ClaimsRefusal),
    #[error(transparent)]
    Mint(#[from] MintError),
}

impl Issuer {
    /// As [`Self::issue`], on a thread of its own where the client signs with RSA.
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
    /// The caller can mend [`IssueError::KeysExpired`], [`IssueError::AlgorithmOff`] and [`IssueError::Claims`].
    pub fn issue(&self, access: &ClientAccess, command: IssueToken) -> Result<TokenSet, IssueError> {
        let client = access.client();
        if client.is_disabled() {
            return Err(IssueError::Disabled);
        }
        let (keys, now) = (client.keys().active(), self.env().now());
        if keys.has_expired(now) {
            return Err(IssueError::KeysExpired);
        }
        let defaults = &self.settings().defaults;
        if defaults.forbids(keys.encryption.algorithm()) {
            return Err(IssueError::AlgorithmOff);
        }
        let policy = &defaults.maxima.limit(&keys.policy);
        let asked = (command.access_valid_time, command.refresh_valid_time);
        let (claims, lifetimes) = accept(command.claims, policy, asked, keys.expires_at, now)?;
        let random = self.env().random().map_err(MintError::from)?;
        let session = SessionId::new(self.session_time(client), &random);
        let mint = Mint { keys, policy, session, claims: &claims, lifetimes, now, env: self.env() };
        Ok(mint.tokens(RefreshToken::New(0))?)
    }
}
