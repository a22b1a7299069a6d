//! The admin token.

use jwtis_base::audit::{Actor, Event};
use jwtis_base::bearer::{BearerSecret, SecretHash, SecretKind};
use jwtis_base::rollback::takeover::put;
use jwtis_store::{NotWritten, OutcomeUnknown, ReadError, Transaction, settled};

use super::Issuer;
use crate::access::{AdminRecord, admin_name};

/// Why the admin token was not set.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages explain")]
pub enum AdminTokenError {
    #[error("an admin token starts with jat_")]
    NotAnAdminToken,
    #[error("the store could not be read")]
    Read(#[from] ReadError),
    #[error("the admin token could not be stored")]
    Store(#[from] NotWritten),
    #[error("another process set an admin token at the same moment")]
    Conflict,
    /// Until one is set, nobody knows which token is valid.
    #[error("it is not known whether the admin token was stored")]
    OutcomeUnknown(#[from] OutcomeUnknown),
}

impl Issuer {
    /// Sets or replaces the admin token. The previous one stops working at once.
    ///
    /// # Errors
    /// After [`AdminTokenError::OutcomeUnknown`] only a token that was set since is sure to be valid. After the other errors the previous
    /// one stays.
    pub async fn set_admin_token(&self, secret: &BearerSecret) -> Result<(), AdminTokenError> {
        if secret.kind() != SecretKind::Admin {
            return Err(AdminTokenError::NotAnAdminToken);
        }
        let now = self.env().now();
        let record = AdminRecord { hash: *secret.hash().as_bytes(), since_ms: Some(now.millis()) };
        let previous = self.0.store.get::<AdminRecord>(admin_name()).await?.map(|stored| stored.version);
        let tx = put(Transaction::new(&self.0.store), admin_name(), previous, Some(&record));
        let event = Event::AdminTokenSet.by(Actor::Operator, now);
        if !settled::<AdminTokenError>(self.0.store.commit(tx.append(event.record())).await)? {
            return Err(AdminTokenError::Conflict);
        }
        event.log();
        Ok(())
    }

    /// Whether an admin token has been set.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn has_admin_token(&self) -> Result<bool, ReadError> {
        Ok(self.admin_hash().await?.is_some())
    }

    /// Whether `secret` is the admin token.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_admin(&self, secret: &BearerSecret) -> Result<bool, ReadError> {
        Ok(secret.kind() == SecretKind::Admin
            && self.admin_hash().await?.is_some_and(|hash| hash.matches(secret)))
    }

    async fn admin_hash(&self) -> Result<Option<SecretHash>, ReadError> {
        let missed = match self.0.admin.find(&()) {
            Ok(hash) => return Ok(hash),
            Err(missed) => missed,
        };
        let stored = self.0.store.get::<AdminRecord>(admin_name()).await?;
        let hash = stored.map(|stored| SecretHash::from_bytes(stored.value.hash));
        self.0.admin.keep(missed, (), self.0.store.key_of::<AdminRecord>(admin_name()), &hash);
        Ok(hash)
    }
}
