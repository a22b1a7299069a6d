//! Test doubles: a store over any engine, and an engine that fails on demand.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use crate::{
    backend::{Backend, BoxFuture, Feed, Observer, Snapshot},
    batch::Batch,
    commit::{CommitError, NotWritten, OutcomeUnknown},
    doubt::Doubts,
    keyslot::KdfParams,
    read_error::ReadError,
    seal::{DataKey, Keys},
    sealed::{RecordKey, SealedRecord},
    store::Store,
};

/// A store over `backend` under a random key that nobody has.
///
/// # Panics
/// If the system has no randomness.
#[expect(clippy::expect_used, reason = "for tests")]
pub fn store_over(backend: Arc<dyn Backend>) -> Store {
    let keys = DataKey::random().and_then(|key| Keys::derive(&key));
    Store::over(backend, Arc::new(keys.expect("the system has randomness")))
}

/// The engine of a new redb store at `path`.
///
/// # Panics
/// If there is a file already, or the disk refuses.
#[expect(clippy::expect_used, reason = "for tests")]
pub fn redb_backend(path: &Path) -> Arc<dyn Backend> {
    let store = crate::create_redb(path, &"test".into(), KdfParams::cheap_for_tests());
    store.expect("a new store can be made").backend().clone()
}

/// What goes wrong, once, in a call of [`Faulty`].
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// `Unavailable`, and nothing was done.
    Unavailable,
    /// `ReadOnly`, and nothing was written. Of a read: `Unavailable`.
    ReadOnly,
    /// `Full`, and nothing was written. Of a read: `Unavailable`.
    Full,
    /// `Damaged`, and nothing was done.
    Damaged,
    /// A conflict on the batch's first key, and nothing was written. Of a read: `Unavailable`.
    Conflict,
    /// The caller hears `Unknown`, and nothing was done. Of a read: `Unavailable`.
    UnknownNotDone,
    /// The caller hears `Unknown`, as when a connection breaks before the answer: the commit is done, durable and observed.
    /// Of a read: `Unavailable`.
    UnknownDone,
    /// The caller hears `Unknown`, and the commit lands later: after any number of reads, right before the next commit. Of a read:
    /// `Unavailable`.
    UnknownDoneLater,
}

impl Fault {
    /// Those after which nobody knows whether the commit was done.
    pub const UNKNOWN: [Self; 3] = [Self::UnknownNotDone, Self::UnknownDone, Self::UnknownDoneLater];
    /// Those after which nothing was written.
    pub const NOT_WRITTEN: [Self; 4] = [Self::Unavailable, Self::ReadOnly, Self::Full, Self::Damaged];
}

/// An engine that works like its inner one but for the faults that a test orders. Calls count from 1, reads
/// (`get`, `scan`, `snapshot`) and commits each on their own.
pub struct Faulty<B: Backend> {
    inner: B,
    reads: AtomicU64,
    commits: AtomicU64,
    orders: Mutex<Vec<Order>>,
    /// Commits that land before the next one.
    late: Mutex<Vec<Batch>>,
    doubts: Doubts,
    observers: Mutex<Vec<Observer>>,
    is_lost: Arc<AtomicBool>,
    hanging: watch::Sender<Hanging>,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Call {
    Read,
    Commit,
}

#[derive(Copy, Clone)]
struct Order {
    call: Call,
    number: u64,
    fault: Fault,
}

#[derive(Copy, Clone, Default)]
struct Hanging {
    reads: bool,
    commits: bool,
}

impl<B: Backend> Faulty<B> {
    /// Works like `inner` until told otherwise.
    pub fn new(inner: B) -> Arc<Self> {
        Arc::new(Self {
            inner,
            reads: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            orders: Mutex::default(),
            late: Mutex::default(),
            doubts: Doubts::default(),
            observers: Mutex::default(),
            is_lost: Arc::default(),
            hanging: watch::Sender::new(Hanging::default()),
        })
    }

    /// The inner engine.
    pub fn inner(&self) -> &B {
        &self.inner
    }

    /// Reads so far.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// Commits so far, failed ones too.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// The `n`-th read from now (1 is the next) meets `fault`.
    pub fn fail_read(&self, n: u64, fault: Fault) {
        self.order(Order { call: Call::Read, number: self.reads() + n, fault });
    }

    /// The `n`-th commit from now (1 is the next) meets `fault`.
    pub fn fail_commit(&self, n: u64, fault: Fault) {
        self.order(Order { call: Call::Commit, number: self.commits() + n, fault });
    }

    /// The next commit is a conflict.
    pub fn conflict_once(&self) {
        self.fail_commit(1, Fault::Conflict);
    }

    /// The change feed loses track: observers hear that, and then nothing.
    pub fn lose_track(&self) {
        self.is_lost.store(true, Ordering::SeqCst);
        self.tell(Feed::Lost);
    }

    /// The change feed goes on.
    pub fn resume(&self) {
        self.is_lost.store(false, Ordering::SeqCst);
        self.tell(Feed::Resumed);
    }

    fn tell(&self, feed: Feed<'_>) {
        let observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        observers.iter().for_each(|observer| observer(feed));
    }

    /// Reads wait until [`Self::release`].
    pub fn hang_reads(&self) {
        self.hanging.send_modify(|hanging| hanging.reads = true);
    }

    /// Commits wait until [`Self::release`].
    pub fn hang_commits(&self) {
        self.hanging.send_modify(|hanging| hanging.commits = true);
    }

    /// What hangs goes on, and nothing hangs any more.
    pub fn release(&self) {
        self.hanging.send_modify(|hanging| *hanging = Hanging::default());
    }

    fn order(&self, order: Order) {
        self.orders().push(order);
    }

    fn late(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn orders(&self) -> MutexGuard<'_, Vec<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call and takes the fault that was ordered for it.
    fn count(&self, call: Call) -> Option<Fault> {
        let counter = if call == Call::Read { &self.reads } else { &self.commits };
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        let mut orders = self.orders();
        let place = orders.iter().position(|order| order.call == call && order.number == number)?;
        Some(orders.swap_remove(place).fault)
    }

    async fn released(&self, call: Call) {
        let mut hanging = self.hanging.subscribe();
        let free = |hanging: &Hanging| if call == Call::Read { !hanging.reads } else { !hanging.commits };
        // The sender lives as long as `self`.
        drop(hanging.wait_for(free).await);
    }

    async fn before_read(&self, key: Option<&RecordKey>) -> Result<(), ReadError> {
        let fault = self.count(Call::Read);
        self.released(Call::Read).await;
        fault.map_or(Ok(()), |fault| Err(read_fault(fault, key)))
    }
}

impl<B: Backend> Faulty<B> {
    async fn commit_faulty(&self, fault: Option<Fault>, batch: Batch) -> Result<(), CommitError> {
        let first = batch.entries().first().map(|(key, _, _)| *key);
        let unknown = || Err(OutcomeUnknown(INJECTED.into()).into());
        match fault {
            None => self.inner.commit(batch).await,
            Some(Fault::Conflict) => match first {
                Some(key) => Err(CommitError::Conflict { key }),
                None => Ok(()),
            },
            Some(Fault::ReadOnly) => Err(NotWritten::ReadOnly(INJECTED.into()).into()),
            Some(Fault::Full) => Err(NotWritten::Full(INJECTED.into()).into()),
            Some(fault @ (Fault::Unavailable | Fault::Damaged)) => {
                Err(read_fault(fault, first.as_ref()).into())
            }
            Some(Fault::UnknownNotDone) => unknown(),
            Some(Fault::UnknownDone) => {
                self.inner.commit(batch).await?;
                unknown()
            }
            Some(Fault::UnknownDoneLater) => {
                self.late().push(batch);
                unknown()
            }
        }
    }
}

impl<B: Backend> Backend for Faulty<B> {
    fn get<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<SealedRecord>, ReadError>> {
        Box::pin(async move {
            self.before_read(Some(key)).await?;
            self.inner.get(key).await
        })
    }

    fn scan<'a>(
        &'a self,
        table: u8,
        after: Option<&'a RecordKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(RecordKey, SealedRecord)>, ReadError>> {
        Box::pin(async move {
            self.before_read(after).await?;
            self.inner.scan(table, after, limit).await
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let fault = self.count(Call::Commit);
            self.released(Call::Commit).await;
            let late = std::mem::take(&mut *self.late());
            for late in late {
                // What has changed meanwhile wins.
                drop(self.inner.commit(late).await);
            }
            let (written, changes) = (batch.written(), batch.changes());
            let outcome = self.commit_faulty(fault, batch).await;
            match &outcome {
                Ok(()) => self.doubts.clear(),
                Err(CommitError::Unknown(_)) => {
                    self.doubts.add(&written);
                    if !self.is_lost.load(Ordering::SeqCst) {
                        self.tell(Feed::Changed(&changes));
                    }
                }
                Err(CommitError::Conflict { .. } | CommitError::NotWritten(_)) => {}
            }
            outcome
        })
    }

    fn in_doubt(&self, key: &RecordKey) -> bool {
        self.doubts.have(key)
    }

    fn observe(&self, observer: Observer) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).push(observer.clone());
        let is_lost = self.is_lost.clone();
        self.inner.observe(Arc::new(move |feed| {
            if !is_lost.load(Ordering::SeqCst) {
                observer(feed);
            }
        }));
    }

    fn in_place(&self) -> BoxFuture<'_, Result<(), ReadError>> {
        self.inner.in_place()
    }

    fn last(&self, table: u8) -> BoxFuture<'_, Result<Option<RecordKey>, ReadError>> {
        Box::pin(async move {
            self.before_read(None).await?;
            self.inner.last(table).await
        })
    }

    fn bytes(&self, table: u8) -> BoxFuture<'_, Result<u64, ReadError>> {
        self.inner.bytes(table)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        match self.count(Call::Read) {
            Some(fault) => Err(read_fault(fault, None)),
            None => self.inner.snapshot(),
        }
    }
}

const INJECTED: &str = "injected fault";

fn read_fault(fault: Fault, key: Option<&RecordKey>) -> ReadError {
    match fault {
        Fault::Damaged => {
            ReadError::Damaged { record: key.map_or_else(|| INJECTED.to_owned(), RecordKey::to_string) }
        }
        _ => ReadError::Unavailable(INJECTED.into()),
    }
}
