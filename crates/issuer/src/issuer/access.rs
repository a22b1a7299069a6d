//! Who is calling: checks of bearer secrets, which leave proofs ([`crate::access`]).

use std::sync::Arc;

use jwtis_base::audit::Actor;
use jwtis_base::bearer::{BearerSecret, SecretKind};
use jwtis_base::client_id::ClientId;
use jwtis_store::ReadError;

use super::Issuer;
use crate::access::{AccessError, AdminAccess, ClientAccess, Credentials, Recognised, RegistrationAccess};
use crate::client::{Client, ClientToken, TokenName};

impl Issuer {
    /// Lets the admin in.
    ///
    /// # Errors
    /// [`AccessError::Denied`] without the admin token.
    pub async fn admin(&self, credentials: Option<&Credentials>) -> Result<AdminAccess, AccessError> {
        match credentials {
            Some(credentials) if self.is_admin(&credentials.secret).await? => Ok(AdminAccess::granted()),
            Some(_) | None => Err(AccessError::Denied),
        }
    }

    /// Lets in whoever may register clients.
    ///
    /// # Errors
    /// [`AccessError::Denied`] without the admin token, unless registration is open.
    pub async fn registration(
        &self,
        credentials: Option<&Credentials>,
    ) -> Result<RegistrationAccess, AccessError> {
        match self.admin(credentials).await {
            Ok(_) => Ok(RegistrationAccess::granted(Actor::Admin)),
            Err(AccessError::Denied) if self.0.settings.open_registration => {
                Ok(RegistrationAccess::granted(Actor::Anybody))
            }
            Err(error) => Err(error),
        }
    }

    /// Refuses strangers before anything else of the request is read. Only the admin and clients have tokens. A client that also gives a
    /// name must give its own.
    ///
    /// # Errors
    /// [`AccessError::Denied`] for a token that nobody has. [`AccessError::Store`] where the token cannot be looked up.
    pub async fn recognise(&self, credentials: Credentials) -> Result<Recognised, AccessError> {
        let Credentials { secret, user } = &credentials;
        let known = match secret.kind() {
            SecretKind::Admin => self.is_admin(secret).await?,
            SecretKind::Client => match self.client_of(secret).await? {
                Some(client) => user.as_ref().is_none_or(|user| user == client.record.id.as_str()),
                None => !self.0.tokens_indexed,
            },
        };
        if known { Ok(Recognised::found(credentials)) } else { Err(AccessError::Denied) }
    }

    /// Lets in whoever may act for the client `client_id`: the client itself and the admin.
    ///
    /// # Errors
    /// [`AccessError::UnknownClient`] for the admin only, [`AccessError::Disabled`] for the client only. Everybody else gets
    /// [`AccessError::Denied`], whatever exists.
    pub async fn client_access(
        &self,
        credentials: Option<&Credentials>,
        client_id: &ClientId,
    ) -> Result<ClientAccess, AccessError> {
        let Credentials { secret, user } = credentials.ok_or(AccessError::Denied)?;
        let admin = self.is_admin(secret).await?;
        let client = self.load(client_id).await?;
        if admin {
            return client
                .map(|client| ClientAccess::granted(client, true))
                .ok_or(AccessError::UnknownClient);
        }
        let for_this_client = user.as_ref().is_none_or(|user| user == client_id.as_str());
        match client {
            Some(client) if for_this_client && client.record.token_hash.matches(secret) => {
                if client.record.disabled {
                    return Err(AccessError::Disabled);
                }
                Ok(ClientAccess::granted(client, false))
            }
            Some(_) | None => Err(AccessError::Denied),
        }
    }

    /// The client that has this token, from the caches or the store. A token that nobody has is not cached: strangers would fill the memory.
    async fn client_of(&self, secret: &BearerSecret) -> Result<Option<Arc<Client>>, ReadError> {
        let hash = secret.hash();
        let id = match self.0.tokens.find(hash.as_bytes()) {
            Ok(id) => id,
            Err(missed) => {
                let name = TokenName::of(&hash);
                let Some(entry) = self.0.store.get::<ClientToken>(name.name()).await? else {
                    return Ok(None);
                };
                let id = Arc::new(entry.value.client);
                let record = self.0.store.key_of::<ClientToken>(name.name());
                self.0.tokens.keep(missed, *hash.as_bytes(), record, &id);
                id
            }
        };
        Ok(self.load(&id).await?.filter(|client| client.record.token_hash.matches(secret)))
    }
}
