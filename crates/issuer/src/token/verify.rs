//! Verifying on the server. Unlike a check with the JWKS, it knows of revocations, and whether a refresh token belongs to the access token.

use std::sync::Arc;

use jwtis_base::client_id::ClientId;
use jwtis_base::inactive::Inactive;
use jwtis_base::registration_id::RegistrationId;
use jwtis_jose::ClaimsSet;
use jwtis_store::ReadError;

use super::open;
use crate::access::ClientAccess;
use crate::client::Client;
use crate::issuer::Issuer;
use crate::session::rule;

/// The outcome of a verification.
#[derive(Debug)]
pub enum Verification {
    /// The token is valid now.
    Active {
        /// All claims of the access token.
        claims: ClaimsSet,
        /// Whether the refresh token is of the same session and could be renewed now. `None` where none was given.
        matches: Option<bool>,
    },
    /// The token is not valid now.
    Inactive(Inactive),
}

/// The store could not be read, so nothing is known of the token.
#[derive(Debug, thiserror::Error)]
#[error("the store could not be read")]
pub struct VerificationError(#[from] pub ReadError);

impl Issuer {
    /// Verifies an access token and, where given, the refresh token beside it.
    ///
    /// # Errors
    /// When the store cannot be read, because an answer could miss a revocation.
    pub async fn verify(
        &self,
        access: &ClientAccess,
        access_token: &str,
        refresh_token: Option<&str>,
    ) -> Result<Verification, VerificationError> {
        self.verify_of(access.client(), access_token, refresh_token).await
    }

    /// Verifies an access token of `client` for the signer, which trusts the client's tokens. `None` where there is no such client, or it
    /// is not the trusted `registration`.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn verify_as(
        &self,
        client: &ClientId,
        registration: Option<RegistrationId>,
        access_token: &str,
    ) -> Result<Option<Verification>, VerificationError> {
        let is_trusted = |client: &Arc<Client>| registration.is_none_or(|id| client.registration() == id);
        let Some(client) = self.load(client).await?.filter(is_trusted) else { return Ok(None) };
        self.verify_of(&client, access_token, None).await.map(Some)
    }

    async fn verify_of(
        &self,
        client: &Arc<Client>,
        access_token: &str,
        refresh_token: Option<&str>,
    ) -> Result<Verification, VerificationError> {
        let now = self.env().now();
        let token = match open::access_token(client, access_token, now) {
            Ok(token) => token,
            Err(reason) => return Ok(Verification::Inactive(reason)),
        };
        if let Err(reason) = open::check_times(&token, now, self.latest()) {
            return Ok(Verification::Inactive(reason));
        }
        if client.is_disabled() {
            return Ok(Verification::Inactive(Inactive::ClientDisabled));
        }
        let session = self.session(client, token.session).await?;
        if session.state.revoked || self.is_marked(client, &token).await? {
            return Ok(Verification::Inactive(Inactive::Revoked));
        }
        let matches = match refresh_token {
            None => None,
            Some(refresh) => {
                let open = move |client: &_, token: &_| open::refresh_token(client, token, now);
                let opened = self.open_with(client, refresh, open).await;
                Some(opened.is_ok_and(|refresh| {
                    refresh.session == token.session
                        && open::check_times(&refresh, now, self.latest()).is_ok()
                        && rule::is_renewable(&session.state, refresh.presented, now, self.grace())
                }))
            }
        };
        Ok(Verification::Active { claims: token.claims, matches })
    }
}
