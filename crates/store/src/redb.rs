//! The engine on redb: one file, pure Rust, one writing thread, readers that never wait.
//!
//! * `file`: the locked file.
//! * `lock`: the lock file beside it, which stays when the store file is replaced.
//! * `place`: whether the open file still is the one at its path.
//! * `new_file`: putting a whole file into its place.
//! * `header`: which of redb's two commits is opened, and why.
//! * `stage`: what redb writes stays in memory until it may reach the file.
//! * `engine`: opening with proof of integrity, group commit.
//! * `writer`: the thread.
//! * `maintain`: info, check, change of password, backup, restore.
//! * `codec`: a record as a value.

mod codec;
mod company;
mod engine;
mod file;
mod header;
mod lock;
pub(crate) mod maintain;
mod new_file;
mod place;
mod stage;
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

use tokio::sync::oneshot;

use self::{
    engine::{Engine, EngineError, Records, guarded},
    file::{Access, LockedFile},
    lock::Lock,
    place::Place,
    writer::{Message, Request, Shared, Writer},
};
use crate::{
    backend::{
        Backend, Batch, BoxFuture, CommitError, Expect, Observer, ReadError, RecordKey, SealedRecord,
        Snapshot, Version, Write,
    },
    keyslot::{KdfParams, Meta, Password},
    open::OpenError,
    seal::{self, Keys},
    store::Store,
};

pub(crate) use self::new_file::NewFile;

/// Makes a new store that is not in its place yet; see [`crate::stage_redb`].
pub(crate) fn stage(
    path: &Path,
    password: &Password,
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
    let (meta, data_key) =
        Meta::create(password, params).map_err(|error| OpenError::from_slots(error, path))?;
    let keys = Keys::derive(&data_key).map_err(OpenError::other)?;
    let version = seal::first_version().map_err(OpenError::other)?;
    let mut batch = Batch::new();
    batch.write(Meta::key(), Expect::Absent, Write::Put(meta_record(&meta, version)));

    let (new, file) = NewFile::beside_under(path, lock)?;
    let place = file.place();
    let mut engine = Engine::create(Arc::new(file))?;
    engine.commit(std::iter::once(&batch))?;
    // The locks are held, so nobody else opens the store from the moment it is in its place.
    Ok((Store::over(Arc::new(RedbBackend::start(engine, place)?), keys), new))
}

/// Opens a store; see [`crate::open_redb`].
pub(crate) fn open(path: &Path, password: &Password) -> Result<Store, OpenError> {
    let file = LockedFile::open(path, Access::ReadWrite)?;
    new_file::remove_leftovers(path);
    let place = file.place();
    let mut engine = Engine::open(Arc::new(file))?;
    let (_, meta) = read_meta(&engine)?;
    let keys = unlock(&meta, password, path)?;
    // Only now may the file change.
    engine.publish()?;
    Ok(Store::over(Arc::new(RedbBackend::start(engine, place)?), keys))
}

fn unlock(meta: &Meta, password: &Password, path: &Path) -> Result<Keys, OpenError> {
    let data_key = meta.unlock(password).map_err(|error| OpenError::from_slots(error, path))?;
    Keys::derive(&data_key).map_err(OpenError::other)
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
}

impl RedbBackend {
    fn start(engine: Engine, place: Arc<Place>) -> Result<Self, OpenError> {
        Self::start_pausing(engine, place, writer::pause)
    }

    /// As [`Self::start`]; the thread waits by `pause`.
    fn start_pausing(
        engine: Engine,
        place: Arc<Place>,
        pause: impl Fn(Duration) + Send + 'static,
    ) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::default());
        let (outbox, inbox) = mpsc::channel();
        let writer = Writer::new(engine, shared.clone(), inbox, place.clone(), Box::new(pause))?;
        let thread = std::thread::Builder::new().name("jwtis-store".into()).spawn(|| writer.run())?;
        Ok(Self { shared, place, outbox: Some(outbox), thread: Some(thread) })
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
            self.read(|records| {
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
            })
            .map_err(|error| read_error(error, after))
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
            self.send(Message::Commit(Request { batch, answer }))
                .map_err(|error| CommitError::Unavailable(error.into()))?;
            answered.await.map_err(|_| CommitError::Unavailable(closed().into()))?
        })
    }

    fn observe(&self, observer: Observer) {
        self.shared.observers.add(observer);
    }

    fn in_place(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        Box::pin(async { self.place.confirm().await.map_err(|error| ReadError::Unavailable(error.into())) })
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        let records = self.shared.records().ok_or_else(closed).map_err(|error| read_error(error, None))?;
        Ok(Box::new(RedbSnapshot { records, after: None }))
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

fn read_one(records: &Records, key: &RecordKey) -> Result<Option<SealedRecord>, EngineError> {
    match records.get(key.as_bytes()).map_err(engine::redb)? {
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
    for entry in records.range::<&[u8]>((start, Bound::Unbounded)).map_err(engine::redb)? {
        let (key, value) = entry.map_err(engine::redb)?;
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
