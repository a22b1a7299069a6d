//! What a restored store takes over from the store that it replaces, by one rule for each type of record.
//!
//! | Record | Rule |
//! |---|---|
//! | watermark | the higher one, as when watermarks are joined elsewhere |
//! | spending of a key | in every window what either knows |
//! | session | revoked stays revoked; the higher generation; the later expiry |
//! | revoked subject | the later moment, the later expiry |
//! | client | one deleted since stays deleted; one that nobody deleted comes back; one registered again is the new registration; the later `not_before`; replaced tokens, retired key sets stay so. One registered since is *not* taken over |
//! | disabled client or signing key | stays disabled |
//! | signing key | one deleted since stays deleted; one that nobody deleted comes back. One made since is *not* taken over |
//! | deletion of a client or signing key | what either knows, the later moment |
//! | admin token | one replaced since stays replaced |
//! | sessions revoked by an earlier rollback | the later moment |
//! | the time that the clock has confirmed | that of the store that is replaced |
//!
//! What was deleted is told by the record of its deletion (`Deleted`) in either store, never by its absence: a store that was itself
//! restored from too old a backup lacks what nobody deleted. "Since" is else told by the numbers of the latest commits. Where the backup
//! is the younger of the two, nothing is replaced, and what can be joined is joined.

use std::collections::BTreeSet;

use jwtis_store::{
    CommitError, ReadError, Record, RecordKey, Replaced, Restoration, Rollback, RollbackCause, Store, Stored,
    Version,
};

use super::deleted::Deleted;
use super::{SessionFloor, floor_name, stored_mark};
use crate::client::ClientRecord;
use crate::clock::{KeptClock, kept_name};
use crate::env::Timestamp;
use crate::issuer::{AdminRecord, admin_name};
use crate::session::{SessionRecord, SubjectMark};
use crate::signer::switch::DisabledKey;
use crate::signer::usage::UsageRecord;
use crate::signer::vault::store::{AliasRecord, KeyRecord, StoredKey};
use crate::signer::watermark::store::MarkRecord;

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
pub struct Outcome {
    /// What the new store has from the one that it replaces.
    pub taken: Vec<Item>,
    /// What is only in the backup.
    pub back: Vec<Item>,
    /// What is only in the store that was replaced.
    pub left: Vec<Item>,
    /// Why the new store is marked as restored; `None` if it is not.
    pub marked: Option<String>,
}

/// Takes over into the restored store what must not go back. Where that cannot be done, or not in full, the new store is marked, and the
/// sessions opened before are revoked unless `keep_sessions`.
///
/// # Errors
/// When one of the two stores cannot be read, or the new one not be written. Nothing is in place then.
pub async fn take_over(
    restoration: &Restoration,
    now: Timestamp,
    keep_sessions: bool,
) -> Result<Outcome, CommitError> {
    let new = restoration.store();
    let mut outcome = Outcome::default();
    outcome.marked = match restoration.replaced() {
        Replaced::Nothing => Some("there was no store to take over from".to_owned()),
        Replaced::Another => Some("the store that was there is another one".to_owned()),
        Replaced::Unreadable(error) => Some(format!("the store that was there cannot be read ({error})")),
        Replaced::Same { store: old, behind_witness } => {
            let backup_is_younger = restoration.backup_commits() > old.commits();
            let mut merge =
                Merge { old, new, backup_is_younger, outcome: &mut outcome, unreadable: Vec::new() };
            merge.all().await?;
            let unreadable = merge.unreadable;
            let old_mark = super::mark(old).await?;
            if *behind_witness {
                Some("the store that was there was older than its witness".to_owned())
            } else if let [first, ..] = &unreadable[..] {
                Some(format!("records of the store that was there cannot be read: {first}"))
            } else if old_mark.is_some() {
                Some("the store that was there was marked itself".to_owned())
            } else if backup_is_younger && restoration.backup_was_marked() {
                Some("the backup is of a marked store".to_owned())
            } else {
                None
            }
        }
    };
    conclude(new, outcome.marked.is_some(), now, keep_sessions).await?;
    Ok(outcome)
}

/// Dates the mark that a restoration begins with, or takes it away.
async fn conclude(new: &Store, marked: bool, now: Timestamp, keep_sessions: bool) -> Result<(), CommitError> {
    let Some(Stored { version, .. }) = stored_mark(new).await? else { return Ok(()) };
    if !marked {
        return new.commit(new.transaction().delete_at(&Rollback::key(), version)).await;
    }
    let mark = Rollback { cause: RollbackCause::Restored, since_ms: Some(now.millis()) };
    let transaction = new.transaction().replace_at(&Rollback::key(), version, &mark);
    let transaction = match new.get::<SessionFloor>(floor_name()).await? {
        _ if keep_sessions => transaction,
        None => transaction.create(floor_name(), &SessionFloor::at(now)),
        Some(floor) => {
            let later = floor.value.join(SessionFloor::at(now));
            transaction.replace(floor_name(), floor.version, &later)
        }
    };
    new.commit(transaction).await
}

/// A record of which two copies know more together than each alone.
trait Joins: Record + PartialEq {
    const KIND: &'static str;
    /// Whether the list names each record.
    const LISTED: bool = true;

    fn join(&self, other: &Self) -> Self;

    /// The name of the record, where the record itself tells.
    fn name(&self) -> String {
        String::new()
    }

    /// What it says now.
    fn what(&self) -> String;
}

impl Joins for MarkRecord {
    const KIND: &'static str = "watermark";

    fn join(&self, other: &Self) -> Self {
        Self { place: self.place, mark: self.mark.join(other.mark) }
    }

    fn name(&self) -> String {
        format!("{} {} {}", self.place.chain, self.place.key, self.place.kind)
    }

    fn what(&self) -> String {
        self.mark.to_string()
    }
}

impl Joins for UsageRecord {
    const KIND: &'static str = "spending of a key";

    fn join(&self, other: &Self) -> Self {
        Self(self.0.join(&other.0))
    }

    fn what(&self) -> String {
        "counts towards its limit".to_owned()
    }
}

impl Joins for SessionRecord {
    const KIND: &'static str = "session";

    fn join(&self, other: &Self) -> Self {
        Self::join(self, other)
    }

    fn what(&self) -> String {
        if self.state.revoked { "stays revoked" } else { "keeps its generation" }.to_owned()
    }
}

impl Joins for SubjectMark {
    const KIND: &'static str = "subject";

    fn join(&self, other: &Self) -> Self {
        Self::join(self, other)
    }

    fn what(&self) -> String {
        "its sessions stay revoked".to_owned()
    }
}

impl Joins for DisabledKey {
    const KIND: &'static str = "disabled signing key";

    fn join(&self, other: &Self) -> Self {
        Self { since: self.since.min(other.since) }
    }

    fn what(&self) -> String {
        "stays disabled".to_owned()
    }
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

struct Merge<'a> {
    old: &'a Store,
    new: &'a Store,
    backup_is_younger: bool,
    outcome: &'a mut Outcome,
    unreadable: Vec<String>,
}

impl Merge<'_> {
    async fn all(&mut self) -> Result<(), CommitError> {
        self.join_all::<MarkRecord>().await?;
        self.join_all::<UsageRecord>().await?;
        self.join_all::<SessionRecord>().await?;
        self.join_all::<SubjectMark>().await?;
        self.join_all::<DisabledKey>().await?;
        self.join_all::<Deleted>().await?;
        self.clients().await?;
        self.signing_keys().await?;
        self.settings().await
    }

    /// Joins every record of a type that the old store has.
    async fn join_all<T: Joins>(&mut self) -> Result<(), CommitError> {
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

    /// Clients of the backup, and those that only the old store has.
    async fn clients(&mut self) -> Result<(), CommitError> {
        for (key, version) in self.keys_of::<ClientRecord>(self.new).await? {
            let Some(backup) = self.new.get_key::<ClientRecord>(&key).await? else { continue };
            let replaced = match self.old.get_key::<ClientRecord>(&key).await {
                Ok(replaced) => replaced,
                Err(ReadError::Damaged { record }) => {
                    self.unreadable.push(record);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let id = backup.value.id.to_string();
            let Some(replaced) = replaced else {
                let ClientRecord { id: client, registration, .. } = &backup.value;
                if Deleted::of_client(self.new, client, *registration).await?.is_some() {
                    self.new.commit(self.new.transaction().delete_at(&key, version)).await?;
                    self.took("client", id, "stays deleted".to_owned());
                } else {
                    self.comes_back("client", id);
                }
                continue;
            };
            let (newer, older) = if self.backup_is_younger {
                (backup.value, replaced.value)
            } else {
                (replaced.value, backup.value)
            };
            let (joined, facts) = ClientRecord::join(newer, older);
            self.new.commit(self.new.transaction().replace_at(&key, version, &joined)).await?;
            if !self.backup_is_younger {
                for fact in facts {
                    self.took("client", id.clone(), fact.words().to_owned());
                }
            }
        }
        for (key, _) in self.keys_of::<ClientRecord>(self.old).await? {
            if self.backup_is_younger || self.new.get_key::<ClientRecord>(&key).await?.is_some() {
                continue;
            }
            match self.old.get_key::<ClientRecord>(&key).await {
                Ok(Some(client)) => self.leaves("client", client.value.id.to_string(), "registered since"),
                Ok(None) => {}
                Err(ReadError::Damaged { record }) => self.unreadable.push(record),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Signing keys that were deleted since, and those that were made since.
    async fn signing_keys(&mut self) -> Result<(), CommitError> {
        let aliases = self.new.scan::<AliasRecord>(None, usize::MAX).await?;
        let old = self.old.scan_each::<KeyRecord>(None, usize::MAX).await?;
        let known: BTreeSet<RecordKey> = old.iter().map(|(key, _)| *key).collect();
        for (key, version) in self.keys_of::<KeyRecord>(self.new).await? {
            if known.contains(&key) {
                continue;
            }
            let Some(record) = self.new.get_key::<KeyRecord>(&key).await? else { continue };
            let StoredKey { public_key, created_at_ms, .. } = record.value.public();
            let hash = public_key.hash();
            if Deleted::of_signing_key(self.new, &hash, created_at_ms).await?.is_none() {
                self.comes_back("signing key", hash.to_string());
                continue;
            }
            let mut transaction = self.new.transaction().delete_at(&key, version);
            for (alias, stored) in aliases.iter().filter(|(_, stored)| stored.value.0 == hash) {
                transaction = transaction.delete_at(alias, stored.version);
            }
            self.new.commit(transaction).await?;
            self.took("signing key", hash.to_string(), "stays deleted".to_owned());
        }
        for (key, old) in old {
            let Some(old) = self.readable(&old) else { continue };
            if !self.backup_is_younger && self.new.get_key::<KeyRecord>(&key).await?.is_none() {
                let hash = old.value.public().public_key.hash();
                self.leaves("signing key", hash.to_string(), "made since");
            }
        }
        Ok(())
    }

    async fn settings(&mut self) -> Result<(), CommitError> {
        let mut transaction = self.new.transaction();
        let (old, new) = (
            self.old.get::<SessionFloor>(floor_name()).await?,
            self.new.get::<SessionFloor>(floor_name()).await?,
        );
        transaction = match (old, new) {
            (None, _) => transaction,
            (Some(old), None) => transaction.create(floor_name(), &old.value),
            (Some(old), Some(new)) => {
                transaction.replace(floor_name(), new.version, &new.value.join(old.value))
            }
        };
        let (old, new) =
            (self.old.get::<KeptClock>(kept_name()).await?, self.new.get::<KeptClock>(kept_name()).await?);
        transaction = match (old, new) {
            (None, _) => transaction,
            _ if self.backup_is_younger => transaction,
            (Some(old), None) => transaction.create(kept_name(), &old.value),
            (Some(old), Some(new)) => transaction.replace(kept_name(), new.version, &old.value),
        };
        let (old, new) = (
            self.old.get::<AdminRecord>(admin_name()).await?,
            self.new.get::<AdminRecord>(admin_name()).await?,
        );
        transaction = match (old, new) {
            _ if self.backup_is_younger => transaction,
            (Some(old), Some(new)) if old.value != new.value => {
                self.took("admin token", String::new(), "stays replaced".to_owned());
                transaction.replace(admin_name(), new.version, &old.value)
            }
            (Some(old), None) => transaction.create(admin_name(), &old.value),
            _ => transaction,
        };
        self.new.commit(transaction).await
    }

    /// Where the records of a type are, and their versions.
    async fn keys_of<T: Record>(&mut self, store: &Store) -> Result<Vec<(RecordKey, Version)>, ReadError> {
        let mut keys = Vec::new();
        let mut after = None;
        loop {
            let page = store.scan_each::<T>(after.as_ref(), PAGE).await?;
            for (key, record) in &page {
                if let Some(stored) = self.readable(record) {
                    keys.push((*key, stored.version));
                }
            }
            match page.last() {
                Some((key, _)) if page.len() == PAGE => after = Some(*key),
                _ => return Ok(keys),
            }
        }
    }

    fn readable<'r, T>(&mut self, record: &'r Result<Stored<T>, ReadError>) -> Option<&'r Stored<T>> {
        match record {
            Ok(stored) => Some(stored),
            Err(error) => {
                self.unreadable.push(error.to_string());
                None
            }
        }
    }

    fn took(&mut self, kind: &'static str, name: String, what: String) {
        self.outcome.taken.push(Item { kind, name, what });
    }

    /// Of a younger backup that is no news.
    fn comes_back(&mut self, kind: &'static str, name: String) {
        if !self.backup_is_younger {
            self.outcome.back.push(Item { kind, name, what: COMES_BACK.to_owned() });
        }
    }

    fn leaves(&mut self, kind: &'static str, name: String, what: &'static str) {
        self.outcome.left.push(Item { kind, name, what: what.to_owned() });
    }
}
