//! The kill switch of a client: a disabled client may do nothing, until it is enabled again.
//!
//! The switch is in the client's record, so it works at once through the change feed: the client's token opens nothing, nothing is issued
//! or renewed, and its access tokens are inactive. Its public keys stay: they are not what is switched off, and verifiers may hold copies.

use jwtis_base::audit::{Actor, Event};
use jwtis_base::client_id::ClientId;
use jwtis_store::{NotWritten, OutcomeUnknown, ReadError, Transaction, settled};

use super::Issuer;
use crate::access::AdminAccess;
use crate::client::{ClientRecord, client_name};
use crate::tries::MAX_TRIES;

/// Why a client was not switched.
#[derive(Debug, thiserror::Error)]
pub enum ClientSwitchError {
    /// No such client.
    #[error("no client is registered under this kid")]
    Unknown,
    /// Others kept changing the client.
    #[error("the client was changed by other requests at the same moment")]
    Conflict,
    /// The store could not be written.
    #[error("the client could not be stored")]
    Store(#[from] NotWritten),
    /// The switch may have been moved.
    #[error("it is not known whether the client was switched")]
    OutcomeUnknown(#[from] OutcomeUnknown),
    /// The store could not be read.
    #[error("the store could not be read")]
    Read(#[from] ReadError),
}

impl Issuer {
    /// Disables a client, or enables it again. Success means that it is durable and in force; a client that is so already stays so.
    ///
    /// # Errors
    /// [`ClientSwitchError::Unknown`] when there is no such client. After [`ClientSwitchError::OutcomeUnknown`] another call decides: it switches, or
    /// finds the client switched.
    pub async fn switch_client(
        &self,
        _access: &AdminAccess,
        client_id: &ClientId,
        enabled: bool,
    ) -> Result<(), ClientSwitchError> {
        let name = client_name(client_id);
        for _ in 0..MAX_TRIES {
            let stored = self.store().get::<ClientRecord>(name).await?.ok_or(ClientSwitchError::Unknown)?;
            let mut record = stored.value;
            if record.disabled != enabled {
                return Ok(());
            }
            record.disabled = !enabled;
            let event =
                if enabled { Event::ClientEnabled(client_id) } else { Event::ClientDisabled(client_id) };
            let event = event.by(Actor::Admin, self.env().now());
            let tx = Transaction::new(self.store()).replace(name, stored.version, &record);
            if settled::<ClientSwitchError>(self.store().commit(tx.append(event.record())).await)? {
                event.log();
                return Ok(());
            }
        }
        Err(ClientSwitchError::Conflict)
    }
}
