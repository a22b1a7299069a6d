//! The switches of the keys, as requests and the admin meet them.

use jwtis_base::BearerSecret;
use jwtis_base::audit::Actor;
use jwtis_store::{BoxError, ReadError};
use jwtis_tezos::PublicKeyHash;

use crate::command::SignError;
use crate::signer::Signer;
use crate::switch::{KeySwitches, SwitchError, Switcher};

/// Why the caller is not let in as the admin.
#[derive(Debug, thiserror::Error)]
pub enum NotTheAdmin {
    /// The caller does not hold the admin token, or there is no store whose admin it could be.
    #[error("the admin token is missing or wrong")]
    Denied,
    /// The store cannot be read.
    #[error("the admin token cannot be checked")]
    Unchecked(#[source] BoxError),
}

impl Signer {
    /// Lets the admin of the store in; nobody where there is no store.
    ///
    /// # Errors
    /// [`NotTheAdmin`].
    pub async fn admin(&self, token: Option<&BearerSecret>) -> Result<Switcher, NotTheAdmin> {
        let (Some(issuer), Some(token)) = (&self.0.issuer, token) else { return Err(NotTheAdmin::Denied) };
        match issuer.is_admin(token).await {
            Ok(true) => Ok(Switcher(Actor::Admin)),
            Ok(false) => Err(NotTheAdmin::Denied),
            Err(error) => Err(NotTheAdmin::Unchecked(error)),
        }
    }

    /// The switches of the keys.
    ///
    /// # Errors
    /// [`SwitchError::NoStore`].
    pub fn switches(&self) -> Result<&KeySwitches, SwitchError> {
        self.0.switches.as_ref().ok_or(SwitchError::NoStore)
    }

    /// Reads the switches of all listed keys, before the first request.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read_switches(&self) -> Result<(), ReadError> {
        let Some(switches) = &self.0.switches else { return Ok(()) };
        for key in self.rules().keys.keys() {
            switches.disabled_since(key).await?;
        }
        Ok(())
    }

    /// That the key may be used now.
    pub(super) async fn not_disabled(&self, key: &PublicKeyHash) -> Result<(), SignError> {
        let Some(switches) = &self.0.switches else { return Ok(()) };
        match switches.disabled_since(key).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(SignError::Disabled(*key)),
            Err(error) => Err(SignError::Switch(error.into())),
        }
    }
}
