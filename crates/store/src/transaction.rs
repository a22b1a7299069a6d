//! One atomic change of typed records, built step by step and committed whole.

use crate::{
    batch::{Append, Batch, Expect, Write},
    commit::{CommitError, NotWritten},
    directory::{directory_entry, directory_key},
    record::{Name, Record, Table},
    seal,
    sealed::{RecordKey, Version},
    store::Store,
};

/// One atomic change. Every write states what it replaces; if any statement is wrong at the moment of the commit,
/// nothing is written.
///
/// Building cannot fail: what could go wrong (no randomness) is told by [`Store::commit`].
#[must_use = "a transaction does nothing until it is committed"]
pub struct Transaction<'s> {
    store: &'s Store,
    batch: Batch,
    tables: Vec<Table>,
    written: Option<Version>,
    failure: Option<seal::CryptoUnavailable>,
}

impl<'s> Transaction<'s> {
    /// A change of nothing in `store`.
    pub fn new(store: &'s Store) -> Self {
        Self { store, batch: Batch::new(), tables: Vec::new(), written: None, failure: None }
    }

    /// Makes a new record; there must be none of this name.
    pub fn create<T: Record>(mut self, name: Name<'_>, value: &T) -> Self {
        match seal::first_version() {
            Ok(version) => self.put(name, Expect::Absent, version, value),
            Err(failure) => self.failure = Some(failure),
        }
        self
    }

    /// Puts `value` in the place of the record, which must have version `previous`.
    pub fn replace<T: Record>(mut self, name: Name<'_>, previous: Version, value: &T) -> Self {
        self.put(name, Expect::Version(previous), previous.next(), value);
        self
    }

    /// As [`Self::create`], under the key of a record of another copy of the store: the names of both have one hash.
    pub fn create_at<T: Record>(mut self, key: &RecordKey, value: &T) -> Self {
        match seal::first_version() {
            Ok(version) => self.put_at(*key, Expect::Absent, version, value),
            Err(failure) => self.failure = Some(failure),
        }
        self
    }

    /// As [`Self::replace`], under a key.
    pub fn replace_at<T: Record>(mut self, key: &RecordKey, previous: Version, value: &T) -> Self {
        self.put_at(*key, Expect::Version(previous), previous.next(), value);
        self
    }

    /// As [`Self::delete`], under a key.
    pub fn delete_at(mut self, key: &RecordKey, previous: Version) -> Self {
        self.batch.write(*key, Expect::Version(previous), Write::Delete);
        self
    }

    /// Deletes the record, which must have version `previous`.
    pub fn delete<T: Record>(self, name: Name<'_>, previous: Version) -> Self {
        let key = self.store.key_of::<T>(name);
        self.delete_key(key, previous)
    }

    /// As [`Self::delete`], of the record under `key`, as met in a scan.
    pub fn delete_key(mut self, key: RecordKey, previous: Version) -> Self {
        self.batch.write(key, Expect::Version(previous), Write::Delete);
        self
    }

    /// Demands that the record has this version, without changing it.
    pub fn require<T: Record>(mut self, name: Name<'_>, version: Version) -> Self {
        self.batch.check(self.store.key_of::<T>(name), Expect::Version(version));
        self
    }

    /// Demands that there is no record of this name.
    pub fn require_absent<T: Record>(mut self, name: Name<'_>) -> Self {
        self.batch.check(self.store.key_of::<T>(name), Expect::Absent);
        self
    }

    pub(crate) fn require_key(mut self, key: RecordKey, version: Version) -> Self {
        self.batch.check(key, Expect::Version(version));
        self
    }

    pub(crate) fn append_to(&mut self, append: Append, table: Table) {
        self.batch.append(append);
        self.tables.push(table);
    }

    pub(crate) fn store(&self) -> &Store {
        self.store
    }

    /// The version that the latest [`Self::create`] or [`Self::replace`] gives its record, once committed.
    pub fn written_version(&self) -> Option<Version> {
        self.written
    }

    /// Whether nothing is to be changed or demanded.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    fn put<T: Record>(&mut self, name: Name<'_>, expect: Expect, version: Version, value: &T) {
        self.put_at(self.store.key_of::<T>(name), expect, version, value);
    }

    pub(crate) fn put_at<T: Record>(&mut self, key: RecordKey, expect: Expect, version: Version, value: &T) {
        let expires_at = value.expires_at().unwrap_or(u64::MAX);
        match self.store.keys().seal(T::TABLE.name, &key, version, expires_at, &value.encode()) {
            Ok(record) => {
                self.batch.write(key, expect, Write::Put(record));
                self.tables.push(T::TABLE);
                self.written = Some(version);
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// The batch, and the tables that it puts records in.
    pub(crate) fn into_batch(self) -> Result<(Batch, Vec<Table>), seal::CryptoUnavailable> {
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok((self.batch, self.tables)),
        }
    }
}

impl Store {
    /// A change of nothing, to be filled.
    pub fn transaction(&self) -> Transaction<'_> {
        Transaction::new(self)
    }

    /// Applies the change, all or nothing. `Ok` means durable, and that every observer has been told.
    ///
    /// Dropping the future does not take the change back: it lands or not, whole.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] if a statement of the transaction is wrong, [`CommitError::NotWritten`] if nothing could be written, and
    /// [`CommitError::Unknown`] if the engine cannot tell. Then the change may still land: only a new conditional commit on the same record
    /// decides.
    pub async fn commit(&self, transaction: Transaction<'_>) -> Result<(), CommitError> {
        let (batch, tables) = transaction.into_batch().map_err(|e| NotWritten::Unavailable(e.into()))?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut unlisted: Vec<Table> = Vec::new();
        for table in tables {
            if !self.listed().contains(&table.id) && !unlisted.contains(&table) {
                unlisted.push(table);
            }
        }
        if unlisted.is_empty() {
            return self.timed_commit(batch).await;
        }
        self.commit_listing(batch, unlisted).await
    }

    /// Commits `batch` together with an entry in the store's directory for each of `unlisted`, so that
    /// maintenance knows the name of every table there is.
    async fn commit_listing(&self, batch: Batch, mut unlisted: Vec<Table>) -> Result<(), CommitError> {
        loop {
            let mut listing = batch.clone();
            for table in &unlisted {
                listing.write(directory_key(table.id), Expect::Absent, Write::Put(directory_entry(table)));
            }
            let outcome = self.timed_commit(listing).await;
            match outcome {
                Err(CommitError::Conflict { key })
                    if unlisted.iter().any(|table| directory_key(table.id) == key) =>
                {
                    self.listed().extend(key.as_bytes().last());
                    unlisted.retain(|table| directory_key(table.id) != key);
                }
                Ok(()) => {
                    self.listed().extend(unlisted.iter().map(|table| table.id));
                    return Ok(());
                }
                Err(
                    error @ (CommitError::Conflict { .. }
                    | CommitError::NotWritten(_)
                    | CommitError::Unknown(_)),
                ) => return Err(error),
            }
        }
    }
}
