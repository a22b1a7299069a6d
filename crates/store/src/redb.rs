//! The engine on redb: one file, pure Rust, one writing thread, readers that never wait.
//!
//! * `file`: the locked file.
//! * `lock`: the lock file beside it, which stays when the store file is replaced.
//! * `place`: whether the open file still is the one at its path.
//! * `contents`: the open file, and whether another program has written into it.
//! * `new_file`: putting a whole file into its place.
//! * `header`: which of redb's two commits is opened, and why.
//! * `stage`: what redb writes stays in memory until it may reach the file.
//! * `error`: why the database could not do what it was asked.
//! * `engine`: opening with proof of integrity, group commit.
//! * `writer`: the thread.
//! * `maintain`: info, check, change of password, backup, restore.
//! * `codec`: a record as a value.
//! * `commits`: the number of the latest commit.
//! * `witness`: the small file beside the store that knows the highest commit.
//! * `restore`: a backup takes the place of a store.
//! * `read_only`: a store that is only read.

mod codec;
pub(crate) mod commits;
mod company;
mod contents;
mod engine;
mod error;
mod file;
mod header;
mod lock;
pub(crate) mod maintain;
mod new_file;
mod place;
mod read_only;
pub(crate) mod restore;
mod stage;
pub(crate) mod witness;
mod writer;

#[cfg(test)]
mod disk_tests;

use std::{
    ops::Bound,
    path::Path,
    sync::{Arc, atomic::Ordering, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use redb::ReadableTable;
use tokio::sync::oneshot;

use self::{
    engine::{CommitFailed, Engine, Records},
    error::{EngineError, guarded},
    file::{Access, LockedFile},
    lock::Lock,
    place::Place,
    read_only::ReadOnly,
    witness::Keeper,
    writer::{Message, Request, Shared, Writer},
};
use crate::{
    backend::{
        Backend, Batch, BoxFuture, Expect, Observer, ReadError, RecordKey, SealedRecord, Snapshot, Version,
        Write,
    },
    commit::{CommitError, NotWritten, OutcomeUnknown},
    keyslot::{FORMAT, KdfParams, Meta, SlotError},
    open::{OpenError, Secret},
    rollback::{Rollback, RollbackCause, Witnessed},
    seal::{self, Keys},
    store::{Record as _, Store, directory_entry, directory_key},
};

pub(crate) use self::new_file::NewFile;

/// Makes a new store that is not in its place yet; see [`crate::stage_redb`].
pub(crate) fn stage(
    path: &Path,
    secret: Secret<'_>,
    params: KdfParams,
) -> Result<(Store, NewFile), OpenError> {
    if file::exists(path)? {
        return Err(OpenError::AlreadyExists);
    }
    file::make_folder(path)?;
    let lock = Lock::take(path, Access::ReadWrite)?;
    if file::exists(path)? {
        return Err(OpenError::AlreadyExists);
    }
    new_file::remove_leftovers(path);
    let (meta, keys) = made(secret, params).map_err(|error| OpenError::from_slots(error, path))?;
    let version = seal::first_version().map_err(OpenError::other)?;
    let mut batch = Batch::new();
    batch.write(Meta::key(), Expect::Absent, Write::Put(meta_record(&meta, version)));

    let (new, file) = NewFile::beside_under(path, lock)?;
    let place = file.place();
    let keys = Arc::new(keys);
    let mut engine = Engine::create(Arc::new(file))?;
    engine.number_commits(keys.clone(), None)?;
    engine.commit(std::iter::once(&batch))?;
    // The locks are held, so nobody else opens the store from the moment it is in its place.
    Ok((started(engine, place, keys, meta.store_id)?, new))
}

/// Opens a store; see [`crate::open_redb_beside`].
pub(crate) fn open(path: &Path, witness: &Path, secret: Secret<'_>) -> Result<Store, OpenError> {
    let (mut engine, place, meta, keys) = unlocked(path, witness, secret)?;
    let seen = witness::read(witness, &keys, &meta.store_id)?;
    let commit = engine.commits();
    publish(&mut engine, secret, path)?;
    match seen {
        Some(seen) if seen > commit => {
            tracing::error!(
                path = %path.display(),
                commit,
                witness_commit = seen,
                "the store is older than its witness: an older copy was put into its place"
            );
            engine.number_above(seen);
            mark(&mut engine, &keys, RollbackCause::BehindWitness)?;
        }
        Some(_) => {}
        None => tracing::warn!(
            path = %witness.display(),
            "the store has no witness, so that an older copy in its place would not have been noticed; it is made now"
        ),
    }
    let store = started(engine, place, keys, meta.store_id)?;
    store.keep_witness(witness);
    Ok(store)
}

/// Opens a store whatever its witness says; see [`crate::open_redb_unwitnessed`].
pub(crate) fn open_unwitnessed(
    path: &Path,
    witness: &Path,
    secret: Secret<'_>,
) -> Result<(Store, Witnessed), OpenError> {
    let (mut engine, place, meta, keys) = unlocked(path, witness, secret)?;
    let said = match witness::read(witness, &keys, &meta.store_id) {
        Ok(None) => Witnessed::Nothing,
        Ok(Some(seen)) if seen > engine.commits() => {
            let commit = engine.commits();
            engine.number_above(seen);
            Witnessed::Behind { commit, witness: seen }
        }
        Ok(Some(_)) => Witnessed::UpToDate,
        Err(OpenError::WitnessOfAnother { .. }) => Witnessed::OfAnother,
        Err(OpenError::WitnessDamaged { .. }) => Witnessed::Damaged,
        Err(error) => return Err(error),
    };
    publish(&mut engine, secret, path)?;
    Ok((started(engine, place, keys, meta.store_id)?, said))
}

/// Opens a store to be read; see [`crate::read_unsealed`].
pub(crate) fn read(path: &Path, secret: Secret<'_>) -> Result<Store, OpenError> {
    let mut engine = Engine::open(Arc::new(LockedFile::open(path, Access::Read)?))?;
    let (_, meta) = read_meta(&engine)?;
    let keys = Arc::new(unlock(&meta, secret, path)?);
    engine.number_commits(keys.clone(), Some(&meta))?;
    Ok(Store::over(Arc::new(ReadOnly::over(engine)?), keys))
}

fn made(secret: Secret<'_>, params: KdfParams) -> Result<(Meta, Keys), SlotError> {
    match secret {
        Secret::Password(password) => {
            let (meta, data_key) = Meta::create(password, params)?;
            Ok((meta, Keys::derive(&data_key)?))
        }
        Secret::None => Ok((Meta::unsealed()?, Keys::unsealed()?)),
    }
}

fn unlocked(
    path: &Path,
    witness: &Path,
    secret: Secret<'_>,
) -> Result<(Engine, Arc<Place>, Meta, Arc<Keys>), OpenError> {
    let file = match LockedFile::open(path, Access::ReadWrite) {
        Err(OpenError::NotFound) if witness::exists(witness)? => {
            return Err(OpenError::StoreGone { witness: witness.to_owned() });
        }
        opened => opened?,
    };
    new_file::remove_leftovers(path);
    let place = file.place();
    let mut engine = Engine::open(Arc::new(file))?;
    let (_, meta) = read_meta(&engine)?;
    let keys = Arc::new(unlock(&meta, secret, path)?);
    engine.number_commits(keys.clone(), Some(&meta))?;
    Ok((engine, place, meta, keys))
}

fn started(engine: Engine, place: Arc<Place>, keys: Arc<Keys>, id: [u8; 16]) -> Result<Store, OpenError> {
    Ok(Store::over(Arc::new(RedbBackend::start(engine, place, keys.clone(), id)?), keys))
}

/// Marks the store as one that has gone back. The mark has no date yet: time is the domain's.
fn mark(engine: &mut Engine, keys: &Keys, cause: RollbackCause) -> Result<(), OpenError> {
    let records = engine.records()?;
    let mut batch = Batch::new();
    for (key, record) in mark_records(keys, cause, read_one(&records, &Rollback::key())?.as_ref())? {
        let there = read_one(&records, &key)?;
        let expect = there.as_ref().map_or(Expect::Absent, |there| Expect::Version(there.version));
        batch.write(key, expect, Write::Put(record));
    }
    drop(records);
    engine.commit(std::iter::once(&batch))?;
    Ok(())
}

/// The records of a mark in the place of `there`: its table in the directory, and itself.
fn mark_records(
    keys: &Keys,
    cause: RollbackCause,
    there: Option<&SealedRecord>,
) -> Result<[(RecordKey, SealedRecord); 2], OpenError> {
    let (table, key) = (Rollback::TABLE, Rollback::key());
    let version = match there {
        Some(there) => there.version.next(),
        None => seal::first_version().map_err(OpenError::other)?,
    };
    let value = Rollback { cause, since_ms: None }.encode();
    let record = keys.seal(table.name, &key, version, u64::MAX, &value).map_err(OpenError::other)?;
    Ok([(directory_key(table.id), directory_entry(&table)), (key, record)])
}

/// Writes to the file for the first time, now that all has proved right, and brings a store of an older format to this release's in one
/// durable commit.
fn publish(engine: &mut Engine, secret: Secret<'_>, path: &Path) -> Result<(), OpenError> {
    engine.publish()?;
    let (version, meta) = read_meta(engine)?;
    if meta.format >= FORMAT {
        return Ok(());
    }
    let upgraded = match secret {
        Secret::Password(password) => {
            meta.upgraded(password).map_err(|error| OpenError::from_slots(error, path))?
        }
        Secret::None => Meta { format: FORMAT, ..meta.clone() },
    };
    let mut batch = Batch::new();
    let write = Write::Put(meta_record(&upgraded, version.next()));
    batch.write(Meta::key(), Expect::Version(version), write);
    engine.commit(std::iter::once(&batch))?;
    tracing::info!(path = %path.display(), from = meta.format, to = FORMAT, "the store has a new format: older releases refuse it");
    Ok(())
}

fn unlock(meta: &Meta, secret: Secret<'_>, path: &Path) -> Result<Keys, OpenError> {
    match secret {
        Secret::Password(password) => {
            let data_key = meta.unlock(password).map_err(|error| OpenError::from_slots(error, path))?;
            Keys::derive(&data_key).map_err(OpenError::other)
        }
        Secret::None => meta.unsealed_keys().map_err(|error| OpenError::from_slots(error, path)),
    }
}

fn read_meta(engine: &Engine) -> Result<(Version, Meta), OpenError> {
    let records = engine.records()?;
    let record = read_one(&records, &Meta::key())?;
    let record = record.ok_or_else(|| OpenError::Damaged { what: "the file holds no key slots".into() })?;
    let meta =
        Meta::decode(&record.sealed).map_err(|error| OpenError::from_slots(error, Path::new("the store")))?;
    Ok((record.version, meta))
}

fn meta_record(meta: &Meta, version: Version) -> SealedRecord {
    SealedRecord { version, expires_at: u64::MAX, sealed: meta.encode() }
}

/// The engine behind an open store.
pub(crate) struct RedbBackend {
    shared: Arc<Shared>,
    place: Arc<Place>,
    outbox: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    keys: Arc<Keys>,
    id: [u8; 16],
}

impl RedbBackend {
    fn start(engine: Engine, place: Arc<Place>, keys: Arc<Keys>, id: [u8; 16]) -> Result<Self, OpenError> {
        Self::start_pausing(engine, place, keys, id, writer::pause)
    }

    /// As [`Self::start`]; the thread waits by `pause`.
    fn start_pausing(
        engine: Engine,
        place: Arc<Place>,
        keys: Arc<Keys>,
        id: [u8; 16],
        pause: impl Fn(Duration) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::default());
        let (outbox, inbox) = mpsc::channel();
        let writer = Writer::new(engine, shared.clone(), inbox, place.clone(), Box::new(pause))?;
        let thread = std::thread::Builder::new().name("jwtis-store".into()).spawn(|| writer.run())?;
        Ok(Self { shared, place, outbox: Some(outbox), thread: Some(thread), keys, id })
    }

    /// Reads on the calling thread: a few microseconds when the pages are in memory.
    fn read<T>(&self, work: impl Fn(&Records) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let records = self.shared.records().ok_or_else(closed)?;
        let error = match guarded(|| work(&records)) {
            Err(error) => error,
            read => return read,
        };
        // The writer may have replaced the database under us.
        let current = self.shared.records().ok_or_else(closed)?;
        if !Arc::ptr_eq(&records, &current) {
            return guarded(|| work(&current));
        }
        if !matches!(error, EngineError::Damaged(_)) {
            drop(self.send(Message::Reopen));
        }
        Err(error)
    }

    fn send(&self, message: Message) -> Result<(), EngineError> {
        self.outbox.as_ref().and_then(|outbox| outbox.send(message).ok()).ok_or_else(closed)
    }
}

impl Backend for RedbBackend {
    fn get<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<SealedRecord>, ReadError>> {
        Box::pin(async move {
            self.read(|records| read_one(records, key)).map_err(|error| read_error(error, Some(key)))
        })
    }

    fn scan<'a>(
        &'a self,
        table: u8,
        after: Option<&'a RecordKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(RecordKey, SealedRecord)>, ReadError>> {
        Box::pin(async move {
            self.read(|records| scan(records, table, after, limit)).map_err(|error| read_error(error, after))
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
            self.send(Message::Commit(Request { batch, answer }))
                .map_err(|error| NotWritten::Unavailable(error.into()))?;
            // The thread has ended in the middle of its work.
            answered.await.map_err(|_| OutcomeUnknown(closed().into()))?
        })
    }

    fn observe(&self, observer: Observer) {
        self.shared.observers.add(observer);
    }

    fn in_place(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async { self.place.confirm().await.map_err(|error| ReadError::Unavailable(error.into())) })
    }

    fn last(&self, table: u8) -> BoxFuture<'_, Result<Option<RecordKey>, ReadError>> {
        Box::pin(
            async move { self.read(|records| last(records, table)).map_err(|error| read_error(error, None)) },
        )
    }

    fn bytes(&self, table: u8) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.send(Message::Bytes(table, answer)).map_err(|error| read_error(error, None))?;
            answered.await.map_err(|_| read_error(closed(), None))
        })
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        let records = self.shared.records().ok_or_else(closed).map_err(|error| read_error(error, None))?;
        Ok(Box::new(RedbSnapshot { records, after: None }))
    }

    fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    fn keep_witness(&self, path: &Path) {
        // A store that is closing has said its last word already.
        drop(self.send(Message::Keep(Keeper::new(path.to_owned(), self.keys.clone(), self.id))));
        self.catch_up();
    }

    fn catch_up(&self) {
        let (done, is_done) = mpsc::channel();
        if self.send(Message::Witness(done)).is_ok() {
            // An error means that the thread is gone, which has written the witness at its end.
            let _ = is_done.recv();
        }
    }
}

/// The last one out closes the file, and waits until it is closed.
impl Drop for RedbBackend {
    fn drop(&mut self) {
        drop(self.outbox.take());
        let Some(thread) = self.thread.take() else { return };
        // The thread cannot wait for itself, should an observer hold the last store.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the store's writing thread panicked");
        }
    }
}

struct RedbSnapshot {
    records: Arc<Records>,
    after: Option<RecordKey>,
}

impl Snapshot for RedbSnapshot {
    fn next(&mut self, limit: usize) -> Result<Vec<(RecordKey, SealedRecord)>, ReadError> {
        let mut found = Vec::new();
        let start = self.after.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_bytes()));
        guarded(|| {
            each_record(&self.records, start, |key, record| {
                found.push((key, readable(key, record)?));
                Ok(found.len() < limit)
            })
        })
        .map_err(|error| read_error(error, self.after.as_ref()))?;
        self.after = found.last().map(|(key, _)| *key).or(self.after);
        Ok(found)
    }
}

/// At most `limit` records of `table` in key order, those after `after` when it is given.
fn scan(
    records: &Records,
    table: u8,
    after: Option<&RecordKey>,
    limit: usize,
) -> Result<Vec<(RecordKey, SealedRecord)>, EngineError> {
    let mut found = Vec::new();
    let first = [table];
    let start = match after {
        Some(key) if key.table() >= table => Bound::Excluded(key.as_bytes()),
        _ => Bound::Included(&first[..]),
    };
    if limit > 0 {
        each_record(records, start, |key, record| {
            if key.table() == table {
                found.push((key, readable(key, record)?));
            }
            Ok(key.table() == table && found.len() < limit)
        })?;
    }
    Ok(found)
}

/// The last key of `table`.
fn last(
    records: &impl ReadableTable<&'static [u8], &'static [u8]>,
    table: u8,
) -> Result<Option<RecordKey>, EngineError> {
    let (first, next) = ([table], table.checked_add(1).map(|next| [next]));
    let end = next.as_ref().map_or(Bound::Unbounded, |next| Bound::Excluded(&next[..]));
    let mut range = records.range::<&[u8]>((Bound::Included(&first[..]), end)).map_err(error::redb)?;
    let Some(entry) = range.next_back() else { return Ok(None) };
    let (key, _) = entry.map_err(error::redb)?;
    let impossible = || EngineError::Damaged("a record has an impossible key".into());
    RecordKey::from_bytes(key.value()).ok_or_else(impossible).map(Some)
}

fn read_one(records: &Records, key: &RecordKey) -> Result<Option<SealedRecord>, EngineError> {
    match records.get(key.as_bytes()).map_err(error::redb)? {
        Some(value) => readable(*key, codec::decode(value.value())).map(Some),
        None => Ok(None),
    }
}

/// Calls `visit` with each record from `start` on, as long as it says so; with `None` for one that is no record.
fn each_record(
    records: &Records,
    start: Bound<&[u8]>,
    mut visit: impl FnMut(RecordKey, Option<SealedRecord>) -> Result<bool, EngineError>,
) -> Result<(), EngineError> {
    for entry in records.range::<&[u8]>((start, Bound::Unbounded)).map_err(error::redb)? {
        let (key, value) = entry.map_err(error::redb)?;
        let key = RecordKey::from_bytes(key.value())
            .ok_or_else(|| EngineError::Damaged("a record has an impossible key".into()))?;
        if !visit(key, codec::decode(value.value()))? {
            break;
        }
    }
    Ok(())
}

fn readable(key: RecordKey, record: Option<SealedRecord>) -> Result<SealedRecord, EngineError> {
    record.ok_or_else(|| EngineError::Damaged(format!("table {}, key {key}", key.table())))
}

fn closed() -> EngineError {
    EngineError::Io(std::io::Error::other("the store is closed"))
}

fn read_error(error: EngineError, near: Option<&RecordKey>) -> ReadError {
    match (error, near) {
        (EngineError::Damaged(what), Some(key)) => {
            ReadError::Damaged { record: format!("table {}, key {key}: {what}", key.table()) }
        }
        (EngineError::Damaged(record), None) => ReadError::Damaged { record },
        (error, _) => ReadError::Unavailable(error.into()),
    }
}

impl From<CommitFailed> for OpenError {
    fn from(failed: CommitFailed) -> Self {
        failed.into_source().into()
    }
}

impl From<EngineError> for OpenError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Damaged(what) => Self::Damaged { what },
            EngineError::Io(error) => Self::Io(error),
            EngineError::Displaced(error) => Self::other(error),
            EngineError::Redb(error) => Self::other(error),
        }
    }
}
