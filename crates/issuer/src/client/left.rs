//! Clients that a restore left behind. Their records are kept, so that no later restore brings one back as it was before it was disabled,
//! its sessions were revoked, or its keys were renewed.

use jwtis_base::client_id::ClientId;
use jwtis_base::env::Timestamp;
use jwtis_base::registration_id::RegistrationId;
use jwtis_base::rollback::deleted::Deleted;
use jwtis_store::{DecodeError, ReadError, Record, Store, Table, Transaction};
use zeroize::Zeroizing;

use super::record::{ClientRecord, client_name};

/// A client that only the replaced store had. Nobody can use it. No name has both this record and a client.
pub(crate) struct LeftClient(pub(crate) ClientRecord);

impl LeftClient {
    /// Adds to the registration of a client that the one left behind under its name is deleted for good.
    pub(crate) async fn supersede<'s>(
        store: &Store,
        id: &ClientId,
        now: Timestamp,
        transaction: Transaction<'s>,
    ) -> Result<Transaction<'s>, ReadError> {
        let name = client_name(id);
        match store.get::<Self>(name).await {
            Ok(None) => Ok(transaction),
            Ok(Some(left)) => {
                let deleted = Deleted::client(id, left.value.0.registration, now);
                deleted.bury(store, transaction.delete::<Self>(name, left.version)).await
            }
            // It stays, and marks the store of the next restore.
            Err(ReadError::Damaged { record }) => {
                tracing::warn!(
                    record,
                    "the record of a client that a restore left behind is damaged and stays"
                );
                Ok(transaction)
            }
            Err(error) => Err(error),
        }
    }
}

impl Record for LeftClient {
    const TABLE: Table = Table { id: 17, name: "left-clients", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        self.0.encode()
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        ClientRecord::decode(bytes).map(Self)
    }
}

/// The client of one name, joined from two stores.
pub(crate) struct JoinedClient {
    pub(crate) client: Option<ClientRecord>,
    /// The facts that the backup did not know.
    pub(crate) facts: Vec<&'static str>,
    /// The other registration of the name, whose client is gone for good.
    pub(crate) superseded: Option<RegistrationId>,
}

impl JoinedClient {
    /// Joins one registration by [`ClientRecord::join`]. Of two registrations the later one counts: the replaced store's, unless the backup
    /// is the younger copy. Then the copies may have gone separate ways, and the clock tells.
    pub(crate) fn of(
        replaced: Option<ClientRecord>,
        backup: Option<ClientRecord>,
        backup_is_younger: bool,
    ) -> Self {
        let (replaced, backup) = match (replaced, backup) {
            (Some(replaced), Some(backup)) => (replaced, backup),
            (one, other) => return Self { client: one.or(other), facts: Vec::new(), superseded: None },
        };
        let same = replaced.registration == backup.registration;
        let backup_is_newer = backup_is_younger && (same || backup.created_at >= replaced.created_at);
        let (newer, older) = if backup_is_newer { (backup, replaced) } else { (replaced, backup) };
        let superseded = (!same).then_some(older.registration);
        let (client, facts) = ClientRecord::join(newer, older);
        // A younger backup knows them itself.
        let facts = if backup_is_newer { Vec::new() } else { facts };
        Self { client: Some(client), facts, superseded }
    }
}
