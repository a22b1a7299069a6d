//! The engine behind an open store: reads on the calling thread, commits on the writing thread.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    engine::Engine,
    error::{EngineError, closed, guarded, read_error},
    place::Place,
    records::{Records, RedbSnapshot, last, read_one, scan},
    waiting::Waiting,
    witness::{Keeper, Watch},
    writer::{self, Message, Request, Shared, Writer},
};
use crate::{
    backend::{Backend, BoxFuture, Observer, Snapshot},
    batch::Batch,
    commit::{CommitError, NotWritten, OutcomeUnknown},
    open_error::OpenError,
    read_error::ReadError,
    seal::Keys,
    sealed::{RecordKey, SealedRecord},
};

/// The engine behind an open store.
pub(super) struct RedbBackend {
    shared: Arc<Shared>,
    pub(super) place: Arc<Place>,
    outbox: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    keys: Arc<Keys>,
    id: [u8; 16],
}

impl RedbBackend {
    pub(super) fn start(
        engine: Engine,
        place: Arc<Place>,
        keys: Arc<Keys>,
        id: [u8; 16],
    ) -> Result<Self, OpenError> {
        Self::start_pausing(engine, place, keys, id, writer::pause)
    }

    /// As [`Self::start`]; the thread waits by `pause`.
    pub(super) fn start_pausing(
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
        match error {
            EngineError::Damaged(_) => {}
            EngineError::Io(_) | EngineError::Redb(_) | EngineError::Displaced(_) => {
                drop(self.send(Message::Reopen));
            }
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
            let written = batch.written();
            let (answer, answered) = oneshot::channel();
            self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
            self.send(Message::Commit(Request { batch, answer }))
                .map_err(|error| NotWritten::Unavailable(error.into()))?;
            let outcome = Waiting::new(&self.shared.doubts, written, answered).outcome().await;
            outcome.ok_or_else(|| OutcomeUnknown(closed().into()))?
        })
    }

    fn observe(&self, observer: Observer) {
        self.shared.observers.add(observer);
    }

    fn in_doubt(&self, key: &RecordKey) -> bool {
        self.shared.doubts.have(key)
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
        let commits = self.shared.commits.clone();
        self.place.watch(Watch::new(path.to_owned(), self.keys.clone(), self.id, commits));
    }

    fn witness_is_behind(&self) -> bool {
        self.shared.witness_is_behind.load(Ordering::Relaxed)
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
