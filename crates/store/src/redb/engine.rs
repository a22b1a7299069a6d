//! One open redb database behind a stage: opening with proof of integrity, group commit, snapshots.

use std::{io, sync::Arc};

use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageBackend};

use super::{
    codec, commits,
    error::{Displaced, EngineError, database_error, guarded, redb},
    header::{FileHeader, HEADER_BYTES, HeaderSlot},
    records::{self, RECORDS, Records, each_record, read_one, readable},
    stage::{NotPublished, StagedFile},
};
use crate::{
    batch::{Batch, Write},
    directory::{directory_key, table_name},
    keyslot::Meta,
    open_error::OpenError,
    seal::Keys,
    sealed::RecordKey,
    summary::{MISSING, Summary},
};

/// Pages that redb keeps in memory, in bytes.
const CACHE_BYTES: usize = 128 << 20;

/// The same while it looks at every page of the file, one after the other: none of them is soon wanted again.
const CHECK_CACHE_BYTES: usize = 1 << 20;

/// Why a group was not committed.
#[derive(Debug)]
pub(super) struct CommitFailed {
    source: EngineError,
    /// Whether the file may hold it.
    pub(super) in_file: bool,
}

impl CommitFailed {
    /// Before the file was touched.
    pub(super) fn early(source: EngineError) -> Self {
        Self { source, in_file: false }
    }

    /// It is durable, in a file that is not in its place.
    pub(super) fn displaced(displaced: Displaced) -> Self {
        Self { source: displaced.into(), in_file: true }
    }

    pub(super) fn into_source(self) -> EngineError {
        self.source
    }
}

impl From<CommitFailed> for OpenError {
    fn from(failed: CommitFailed) -> Self {
        failed.into_source().into()
    }
}

/// What became of one batch of a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CommitVerdict {
    Applied,
    Conflict(RecordKey),
}

/// An open database.
///
/// Invariant: a transaction runs only when nothing waits on the stage, so that [`Self::last_published`] is the
/// latest commit that anybody was told of.
pub(super) struct Engine {
    file: Arc<dyn StorageBackend>,
    stage: StagedFile,
    database: Database,
    last_published: u64,
    /// Under which commits are numbered and records summed up; until there are keys, they are not.
    keys: Option<Arc<Keys>>,
    /// The number of the latest commit.
    commits: u64,
    /// What the records add up to since then.
    summary: Summary,
}

impl Engine {
    /// An empty database in the empty `file`.
    pub(super) fn create(file: Arc<dyn StorageBackend>) -> Result<Self, EngineError> {
        let stage = StagedFile::new(file.clone());
        let database = open_unchecked(stage.clone())?;
        let mut engine = Self {
            file,
            stage,
            database,
            last_published: 0,
            keys: None,
            commits: 0,
            summary: Summary::default(),
        };
        guarded(|| {
            let transaction = begin_write(&engine.database)?;
            transaction.open_table(RECORDS).map_err(redb)?;
            transaction.commit().map_err(redb)
        })?;
        engine.publish()?;
        Ok(engine)
    }

    /// Opens `file` after a look at every page of it. Changes nothing in it before [`Self::publish`].
    ///
    /// Which of the two commit slots is opened, and why, is told in `header.rs`.
    pub(super) fn open(file: Arc<dyn StorageBackend>) -> Result<Self, EngineError> {
        if file.len()? < HEADER_BYTES as u64 {
            return Err(EngineError::Damaged("the file is too short to be a store".into()));
        }
        let header = FileHeader::read(&*file)?;
        let (primary, secondary) = (header.primary(), header.secondary());
        if secondary.transaction > primary.transaction {
            // The primary's own slot must be sound, else the secondary may only look newer.
            probe(&file, primary)?;
            match Self::open_slot(&file, secondary) {
                Err(EngineError::Damaged(_)) => {}
                opened @ (Ok(_)
                | Err(EngineError::Io(_) | EngineError::Redb(_) | EngineError::Displaced(_))) => {
                    return opened;
                }
            }
        }
        Self::open_slot(&file, primary)
    }

    /// After a failed commit: opens the file again at the last commit that was acknowledged, even if the failed one
    /// reached the file, and takes that one back with the next [`Self::publish`].
    pub(super) fn reopened(&self) -> Result<Self, EngineError> {
        let header = FileHeader::read(&*self.file)?;
        let mut slots = [header.primary(), header.secondary()];
        slots.sort_by_key(|slot| std::cmp::Reverse(slot.transaction));
        let slot = slots.into_iter().find(|slot| slot.transaction <= self.last_published);
        let slot =
            slot.ok_or_else(|| EngineError::Damaged("the last commit is gone from the file".into()))?;
        let engine = Self::open_slot(&self.file, slot)?;
        // Else nothing would tell the disk to keep the choice of the slot, and a power cut could bring the failed commit back.
        engine.stage.sync_data()?;
        Ok(Self {
            last_published: self.last_published,
            keys: self.keys.clone(),
            commits: self.commits,
            summary: self.summary.clone(),
            ..engine
        })
    }

    fn open_slot(file: &Arc<dyn StorageBackend>, slot: HeaderSlot) -> Result<Self, EngineError> {
        let stage = StagedFile::new(file.clone());
        slot.select(&stage)?;
        let database = open_checked(&stage)?;
        Ok(Self {
            file: file.clone(),
            stage,
            database,
            last_published: slot.transaction,
            keys: None,
            commits: 0,
            summary: Summary::default(),
        })
    }

    /// Writes to the file what opening, repair and commits have staged; when it returns, they are durable.
    pub(super) fn publish(&mut self) -> Result<(), EngineError> {
        self.publish_commit().map_err(CommitFailed::into_source)
    }

    fn publish_commit(&mut self) -> Result<(), CommitFailed> {
        // Looked up before: once it is in the file, nothing may fail before this knows of it.
        let header = FileHeader::read(&self.stage).map_err(CommitFailed::early)?;
        self.stage.publish().map_err(|NotPublished { error, header }| CommitFailed {
            source: error.into(),
            in_file: header,
        })?;
        self.last_published = header.primary().transaction;
        Ok(())
    }

    /// As [`Self::publish`], if something waits on the stage.
    pub(super) fn publish_rest(&mut self) -> Result<(), EngineError> {
        if self.stage.is_published() { Ok(()) } else { self.publish() }
    }

    /// Numbers the commits from now on, after the number that the store has, and adds up all records, so that commits write a summary. The
    /// one that the last commit wrote must fit; `meta` says whether there must be one: a store of format 1 has none, nor has a new one.
    pub(super) fn number_commits(&mut self, keys: Arc<Keys>, meta: Option<&Meta>) -> Result<(), EngineError> {
        let records = self.records()?;
        let mut found = Summary::default();
        guarded(|| {
            each_record(&records, std::ops::Bound::Unbounded, |key, record| {
                found.add(&keys, &key, &readable(key, record)?);
                Ok(true)
            })
        })?;
        let record = read_one(&records, &commits::key())?;
        let missing = || EngineError::Damaged(MISSING.into());
        self.commits = match record {
            Some(record) => {
                let (number, committed) = commits::open(&keys, &record).ok_or_else(missing)?;
                let name = |table| match read_one(&records, &directory_key(table)) {
                    Ok(Some(entry)) => table_name(&entry),
                    Ok(None) | Err(_) => table.to_string(),
                };
                if let [first, ..] = &committed.differences(&found, name)[..] {
                    return Err(EngineError::Damaged(first.clone()));
                }
                number
            }
            None if meta.is_some_and(Meta::has_summary) => return Err(missing()),
            None => 0,
        };
        self.summary = found;
        self.keys = Some(keys);
        Ok(())
    }

    /// What the records add up to.
    pub(super) fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The number of the latest commit.
    pub(super) fn commits(&self) -> u64 {
        self.commits
    }

    /// Lets the next commit have a number above `number`.
    pub(super) fn number_above(&mut self, number: u64) {
        self.commits = self.commits.max(number);
    }

    /// The records as of now.
    pub(super) fn records(&self) -> Result<Records, EngineError> {
        guarded(|| self.database.begin_read().map_err(redb)?.open_table(RECORDS).map_err(redb))
    }

    /// Checks and applies each batch in turn, all in one transaction, and makes it durable. A batch whose
    /// preconditions do not hold is left out alone.
    ///
    /// After an error the engine must be [`Self::reopened`], which takes back what reached the file.
    pub(super) fn commit<'b>(
        &mut self,
        batches: impl Iterator<Item = &'b Batch>,
    ) -> Result<Vec<CommitVerdict>, CommitFailed> {
        let number = self.commits.saturating_add(1);
        // What fails is not summed up, either.
        let mut summary = self.summary.clone();
        let (verdicts, writes) = guarded(|| {
            let transaction = begin_write(&self.database)?;
            let mut writes = false;
            let mut verdicts = Vec::new();
            let mut table = transaction.open_table(RECORDS).map_err(redb)?;
            for batch in batches {
                let verdict = apply(&mut table, batch, self.keys.as_deref(), &mut summary)?;
                writes |= verdict == CommitVerdict::Applied && !batch.is_read_only();
                verdicts.push(verdict);
            }
            if let Some(keys) = self.keys.as_deref().filter(|_| writes) {
                let record = commits::record(keys, number, &summary).map_err(io::Error::other)?;
                table.insert(commits::key().as_bytes(), codec::encode(&record).as_slice()).map_err(redb)?;
            }
            drop(table);
            if writes {
                transaction.commit().map_err(redb)?;
            } else {
                transaction.abort().map_err(redb)?;
            }
            Ok((verdicts, writes))
        })
        .map_err(CommitFailed::early)?;
        if writes {
            self.publish_commit()?;
            if self.keys.is_some() {
                (self.commits, self.summary) = (number, summary);
            }
        }
        Ok(verdicts)
    }

    /// Leaves the file as after a clean shutdown. All snapshots must be gone.
    pub(super) fn close(self) -> Result<(), EngineError> {
        guarded(|| self.database.close().map_err(redb))?;
        Ok(self.stage.publish().map_err(|failed| failed.error)?)
    }
}

fn apply(
    table: &mut redb::Table<'_, &'static [u8], &'static [u8]>,
    batch: &Batch,
    keys: Option<&Keys>,
    summary: &mut Summary,
) -> Result<CommitVerdict, EngineError> {
    if let Some(key) = batch.written_twice() {
        return Ok(CommitVerdict::Conflict(key));
    }
    for (key, expect, _) in batch.entries() {
        let current = table.get(key.as_bytes()).map_err(redb)?;
        let version =
            match current {
                Some(value) => Some(codec::version(value.value()).ok_or_else(|| {
                    EngineError::Damaged(format!("the record with key {key} has no version"))
                })?),
                None => None,
            };
        if !expect.holds(version) {
            return Ok(CommitVerdict::Conflict(*key));
        }
    }
    for (key, _, write) in batch.entries() {
        let (before, now) = match write {
            Some(Write::Put(record)) => {
                (table.insert(key.as_bytes(), codec::encode(record).as_slice()).map_err(redb)?, Some(record))
            }
            Some(Write::Delete) => (table.remove(key.as_bytes()).map_err(redb)?, None),
            None => continue,
        };
        let Some(keys) = keys else { continue };
        if let Some(before) = before {
            summary.remove(keys, key, &readable(*key, codec::decode(before.value()))?);
        }
        if let Some(now) = now {
            summary.add(keys, key, now);
        }
    }
    for append in batch.appends() {
        let last = records::last(table, append.table())?;
        let (key, record) = append.after(last.as_ref()).map_err(io::Error::other)?;
        table.insert(key.as_bytes(), codec::encode(&record).as_slice()).map_err(redb)?;
        if let Some(keys) = keys {
            summary.add(keys, &key, &record);
        }
    }
    Ok(CommitVerdict::Applied)
}

pub(super) fn begin_write(database: &Database) -> Result<redb::WriteTransaction, EngineError> {
    let mut transaction = database.begin_write().map_err(redb)?;
    transaction.set_durability(Durability::Immediate).map_err(redb)?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

fn checking() -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CHECK_CACHE_BYTES).set_check_integrity_on_open(true);
    builder
}

/// Opens what has just been made, or looked at.
fn open_unchecked(stage: StagedFile) -> Result<Database, EngineError> {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    guarded(|| builder.create_with_backend(stage).map_err(database_error))
}

/// Opens after a look at every page, which leaves the stage as a clean shutdown leaves a file.
fn open_checked(stage: &StagedFile) -> Result<Database, EngineError> {
    guarded(|| {
        let database = checking().create_with_backend(stage.clone()).map_err(database_error)?;
        database.close().map_err(redb)
    })?;
    open_unchecked(stage.clone())
}

/// Whether `slot` itself is sound, without a look at the pages: redb reads the slots first and only then offers to
/// stop.
fn probe(file: &Arc<dyn StorageBackend>, slot: HeaderSlot) -> Result<(), EngineError> {
    let stage = StagedFile::new(file.clone());
    slot.select(&stage)?;
    let mut builder = checking();
    builder.set_repair_callback(redb::RepairSession::abort);
    guarded(|| match builder.create_with_backend(stage) {
        Err(DatabaseError::RepairAborted) => Ok(()),
        Err(error) => Err(database_error(error)),
        Ok(_) => Ok(()),
    })
}
