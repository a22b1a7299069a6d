//! Records that get their number from the engine: one chain for each table, without gaps.
//!
//! The engine gives the numbers while it commits, one batch after the other, and seals the record then. So no two commits compete for a
//! number, and a batch that is refused takes none. The newest record tells the next number, so it is never deleted. Where two copies of a
//! chain are joined, records keep the numbers that they have.

use std::sync::Arc;

use crate::{
    batch::{Append, Expect},
    read_error::ReadError,
    record::{Record, Stored},
    seal::Keys,
    sealed::{RecordKey, Version},
    store::Store,
    transaction::Transaction,
};

/// The version of every record of a chain: none is ever replaced.
const VERSION: Version = Version(1);

/// A record of a chain: its number, and what came of opening it.
pub type Numbered<T> = (u64, Result<Stored<T>, ReadError>);

/// The value of a record, under the keys of its store.
pub(crate) fn appended<T: Record>(keys: Arc<Keys>, value: &T) -> Append {
    const { assert!(T::TABLE.id != 0 && !T::TABLE.time_ordered, "a chain is ordered by number") };
    let (value, expires_at) = (value.encode(), value.expires_at().unwrap_or(u64::MAX));
    Append::new(T::TABLE.id, move |key| {
        keys.seal(T::TABLE.name, key, VERSION, expires_at, &value).map_err(Into::into)
    })
}

impl Transaction<'_> {
    /// Adds a record to the chain of its type. It gets the next number if the transaction is committed.
    pub fn append<T: Record>(mut self, value: &T) -> Self {
        let append = appended(self.store().shared_keys(), value);
        self.append_to(append, T::TABLE);
        self
    }

    /// Adds a record of another copy of the chain under the number that it has there, which must be free.
    pub fn keep_number<T: Record>(mut self, number: u64, value: &T) -> Self {
        self.put_at(RecordKey::numbered(T::TABLE.id, number), Expect::Absent, VERSION, value);
        self
    }

    /// Adds a record of this chain once more, under a number that is free, and frees `number`. For the join of two copies.
    pub fn move_numbered<T: Record>(self, number: u64, to: u64, value: &T) -> Self {
        let key = RecordKey::numbered(T::TABLE.id, number);
        self.keep_number(to, value).delete_key(key, VERSION)
    }

    /// Deletes record `number` of a chain, which must not be the newest.
    pub fn delete_numbered<T: Record>(self, number: u64) -> Self {
        let next = RecordKey::numbered(T::TABLE.id, number.saturating_add(1));
        self.require_key(next, VERSION).delete_key(RecordKey::numbered(T::TABLE.id, number), VERSION)
    }
}

impl Store {
    /// The number of the newest record of a chain; 0 where there is none.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] if the engine cannot read now.
    pub async fn last_number<T: Record>(&self) -> Result<u64, ReadError> {
        Ok(self.backend().last(T::TABLE.id).await?.and_then(|key| key.number()).unwrap_or(0))
    }

    /// At most `limit` records of a chain, those with numbers above `after`.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] if the engine cannot read now.
    pub async fn numbered<T: Record>(&self, after: u64, limit: usize) -> Result<Vec<Numbered<T>>, ReadError> {
        let after = RecordKey::numbered(T::TABLE.id, after);
        let records = self.scan_each(Some(&after), limit).await?;
        Ok(records.into_iter().filter_map(|(key, record)| Some((key.number()?, record))).collect())
    }

    /// The bytes that the records of a chain take, without what the engine needs to find them.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] if the engine cannot read now.
    pub async fn chain_bytes<T: Record>(&self) -> Result<u64, ReadError> {
        self.backend().bytes(T::TABLE.id).await
    }
}
