//! What a restored store takes over from the store that it replaces, whatever the records are: each crate gives the rules of its own.
//!
//! What was deleted is told by the record of its deletion (`Deleted`) in either store, never by its absence: a store that was itself
//! restored from too old a backup lacks what nobody deleted. "Since" is else told by the numbers of the latest commits. Where the backup
//! is the younger of the two, nothing is replaced, and what can be joined is joined.

use jwtis_store::{CommitError, Name, ReadError, Record, RecordKey, Store, Stored, Transaction, Version};

use super::deleted::Deleted;
use crate::env::Timestamp;

/// Records read at a time, and changed in one commit at most.
const PAGE: usize = 256;

/// Why a record of the backup is in the new store, though the replaced store does not have it.
const COMES_BACK: &str = "comes back: the replaced store did not have it, and no deletion of it is recorded";

/// One line of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Of which kind.
    pub kind: &'static str,
    /// Which; empty where names are kept as hashes and only a number is known.
    pub name: String,
    /// What was taken over, or not.
    pub what: String,
}

/// What a restore took over, and what it could not.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TakeOver {
    /// What the new store has from the one that it replaces.
    pub taken: Vec<Item>,
    /// What is only in the backup.
    pub back: Vec<Item>,
    /// What is only in the store that was replaced.
    pub left: Vec<Item>,
    /// Why the new store is marked as restored; `None` if it is not.
    pub marked: Option<String>,
}

/// A record of which two copies know more together than each alone.
pub trait Joins: Record + PartialEq {
    /// Of which kind, in the list.
    const KIND: &'static str;
    /// Whether the list names each record.
    const LISTED: bool = true;

    /// What both know.
    #[must_use]
    fn join(&self, other: &Self) -> Self;

    /// The name of the record, where the record itself tells.
    fn name(&self) -> String {
        String::new()
    }

    /// What it says now.
    fn what(&self) -> String;
}

impl Joins for Deleted {
    const KIND: &'static str = "deletion";
    /// What it deletes here is named, and nothing else.
    const LISTED: bool = false;

    fn join(&self, other: &Self) -> Self {
        Self::join(self, other)
    }

    fn what(&self) -> String {
        "stays deleted".to_owned()
    }
}

/// Creates, replaces or deletes the record `name`, which is at version `there`.
pub fn put<'s, T: Record>(
    transaction: Transaction<'s>,
    name: Name<'_>,
    there: Option<Version>,
    record: Option<&T>,
) -> Transaction<'s> {
    match (there, record) {
        (None, None) => transaction,
        (None, Some(record)) => transaction.create(name, record),
        (Some(version), Some(record)) => transaction.replace(name, version, record),
        (Some(version), None) => transaction.delete::<T>(name, version),
    }
}

/// Two copies of a store, of which the new one learns what the old one knows.
#[derive(Debug)]
pub struct Merge<'a> {
    /// The store that is replaced.
    pub old: &'a Store,
    /// The restored store.
    pub new: &'a Store,
    /// Whether the backup is younger than the store that is replaced.
    pub backup_is_younger: bool,
    /// The present time.
    pub now: Timestamp,
    /// The list.
    pub outcome: &'a mut TakeOver,
    /// Records of the old store that cannot be read.
    pub unreadable: Vec<String>,
}

impl Merge<'_> {
    /// Joins every record of a type that the old store has.
    ///
    /// # Errors
    /// When one of the two stores cannot be read, or the new one not be written.
    pub async fn join_all<T: Joins>(&mut self) -> Result<(), CommitError> {
        let mut after = None;
        loop {
            let page = self.old.scan_each::<T>(after.as_ref(), PAGE).await?;
            let mut transaction = self.new.transaction();
            for (key, old) in &page {
                let Some(old) = self.readable(old) else { continue };
                let known = self.new.get_key::<T>(key).await?;
                let joined = known.as_ref().map(|known| known.value.join(&old.value));
                let joined = joined.as_ref().unwrap_or(&old.value);
                match &known {
                    Some(known) if known.value == *joined => continue,
                    Some(known) => transaction = transaction.replace_at(key, known.version, joined),
                    None => transaction = transaction.create_at(key, joined),
                }
                if T::LISTED {
                    self.took(T::KIND, joined.name(), joined.what());
                }
            }
            self.new.commit(transaction).await?;
            match page.last() {
                Some((key, _)) if page.len() == PAGE => after = Some(*key),
                _ => return Ok(()),
            }
        }
    }

    /// Shows every record of a type that can be read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn each<T: Record>(
        &mut self,
        store: &Store,
        mut show: impl FnMut(&RecordKey, &Stored<T>),
    ) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let page = store.scan_each::<T>(after.as_ref(), PAGE).await?;
            for (key, record) in &page {
                if let Some(stored) = self.readable(record) {
                    show(key, stored);
                }
            }
            match page.last() {
                Some((key, _)) if page.len() == PAGE => after = Some(*key),
                _ => return Ok(()),
            }
        }
    }

    /// The record, if it can be read; else it is noted.
    pub fn readable<'r, T>(&mut self, record: &'r Result<Stored<T>, ReadError>) -> Option<&'r Stored<T>> {
        match record {
            Ok(stored) => Some(stored),
            Err(error) => {
                self.unreadable.push(error.to_string());
                None
            }
        }
    }

    /// Lists what the new store has from the old one.
    pub fn took(&mut self, kind: &'static str, name: String, what: String) {
        self.outcome.taken.push(Item { kind, name, what });
    }

    /// Lists what is only in the backup. Of a younger backup that is no news.
    pub fn comes_back(&mut self, kind: &'static str, name: String) {
        if !self.backup_is_younger {
            self.outcome.back.push(Item { kind, name, what: COMES_BACK.to_owned() });
        }
    }

    /// Lists what is only in the old store.
    pub fn leaves(&mut self, kind: &'static str, name: String, what: &'static str) {
        self.outcome.left.push(Item { kind, name, what: what.to_owned() });
    }
}
