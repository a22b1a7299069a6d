//! The switches of the keys, as requests and the admin meet them.

use jwtis_base::BearerSecret;
use jwtis_base::audit::Actor;
use jwtis_store::ReadError;
use jwtis_tezos::PublicKeyHash;

use crate::command::SignError;
use crate::signer::Signer;
use crate::switch::{KeySwitches, SwitchError, Switcher};

/// The caller does not hold the admin token, or there is no store whose admin it could be.
#[derive(Copy, Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the admin token is missing or wrong")]
pub struct NotTheAdmin;

impl Signer {
    /// Lets the admin of the store in; nobody where there is no store.
    ///
    /// # Errors
    /// [`NotTheAdmin`].
    pub fn admin(&self, token: Option<&BearerSecret>) -> Result<Switcher, NotTheAdmin> {
        match (&self.0.issuer, token) {
            (Some(issuer), Some(token)) if issuer.is_admin(token) => Ok(Switcher(Actor::Admin)),
            _ => Err(NotTheAdmin),
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
