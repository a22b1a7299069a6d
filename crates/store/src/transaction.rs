//! One atomic change of typed records, built step by step and handed to [`Store::commit`].

use crate::{
    backend::{Append, Batch, Expect, RecordKey, Version, Write},
    seal,
    store::{Name, Record, Store, Table},
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

    fn put_at<T: Record>(&mut self, key: RecordKey, expect: Expect, version: Version, value: &T) {
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
