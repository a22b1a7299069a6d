//! Tombstones: which clients and signing keys were deleted, so that a restore can tell a deletion from a record that a store never had.

use std::fmt::Display;

use jwtis_store::{DecodeError, Name, ReadError, Record, Store, Table, Transaction};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::client_id::ClientId;
use crate::env::Timestamp;
use crate::json::{decode_json, encode_json};
use crate::registration_id::RegistrationId;

/// A deletion. It is written in the commit that deletes, and stays for as long as there may be backups of before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Deleted {
    /// Milliseconds since the epoch.
    at_ms: u64,
    /// What was deleted; also the name of the record.
    what: String,
}

impl Deleted {
    /// That this registration of the client is deleted. A later one under the same name has another id.
    #[must_use]
    pub fn client(id: &ClientId, registration: RegistrationId, now: Timestamp) -> Self {
        Self { at_ms: now.millis(), what: client(id, registration) }
    }

    /// That the signing key is deleted.
    pub fn signing_key(key: impl Display, now: Timestamp) -> Self {
        Self { at_ms: now.millis(), what: signing_key(key) }
    }

    /// The tombstone of a registration.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of_client(
        store: &Store,
        id: &ClientId,
        registration: RegistrationId,
    ) -> Result<Option<Self>, ReadError> {
        let stored = store.get::<Self>(Name::plain(&client(id, registration))).await?;
        Ok(stored.map(|stored| stored.value))
    }

    /// The tombstone of a signing key that was made at `created_at_ms`, or brought in then. A key that was brought in again after its
    /// deletion has none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of_signing_key(
        store: &Store,
        key: impl Display,
        created_at_ms: u64,
    ) -> Result<Option<Self>, ReadError> {
        let stored = store.get::<Self>(Name::plain(&signing_key(key))).await?;
        Ok(stored.map(|stored| stored.value).filter(|deleted| deleted.at_ms >= created_at_ms))
    }

    /// Adds this tombstone to the transaction that deletes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn bury<'s>(
        &self,
        store: &Store,
        transaction: Transaction<'s>,
    ) -> Result<Transaction<'s>, ReadError> {
        let name = Name::plain(&self.what);
        Ok(match store.get::<Self>(name).await {
            Ok(None) => transaction.create(name, self),
            Ok(Some(earlier)) => transaction.replace(name, earlier.version, self),
            // It cannot be replaced, and the deletion goes through all the same.
            Err(ReadError::Damaged { record }) => {
                tracing::warn!(record, "the record of an earlier deletion is damaged and stays");
                transaction
            }
            Err(error) => return Err(error),
        })
    }

    /// Adds to the transaction that brings a signing key in that an earlier deletion of it counts no longer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unbury<'s>(
        store: &Store,
        key: impl Display,
        transaction: Transaction<'s>,
    ) -> Result<Transaction<'s>, ReadError> {
        let what = signing_key(key);
        let name = Name::plain(&what);
        Ok(match store.get::<Self>(name).await {
            Ok(None) => transaction,
            Ok(Some(earlier)) => transaction.delete::<Self>(name, earlier.version),
            Err(ReadError::Damaged { record }) => {
                tracing::warn!(record, "the record of an earlier deletion is damaged and stays");
                transaction
            }
            Err(error) => return Err(error),
        })
    }

    /// The later of two deletions of one thing.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self { at_ms: self.at_ms.max(other.at_ms), what: self.what.clone() }
    }
}

fn client(id: &ClientId, registration: RegistrationId) -> String {
    format!("client {} {registration}", id.as_str())
}

fn signing_key(key: impl Display) -> String {
    format!("signing key {key}")
}

impl Record for Deleted {
    const TABLE: Table = Table { id: 16, name: "deleted", time_ordered: false };

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes)
    }
}
