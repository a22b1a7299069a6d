//! Typed, sealed access above any engine: key layout, codec and seal, written once.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use crate::{
    backend::{Backend, Feed, Observer},
    batch::{Batch, Expect, Write},
    commit::{CommitError, OutcomeUnknown},
    directory::{describe, directory_key},
    read_error::ReadError,
    record::{Name, Record, Stored, Table},
    seal::Keys,
    sealed::{RecordKey, SealedRecord, Version},
};

/// What one call of [`Store::sweep`] did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Swept {
    /// Records deleted.
    pub deleted: usize,
    /// Where the next call continues; `None` at the end of the table.
    pub next: Option<RecordKey>,
}

/// A sealed store. Clones are the same store; the last one to go closes it.
#[derive(Clone)]
pub struct Store(Arc<StoreState>);

struct StoreState {
    backend: Arc<dyn Backend>,
    keys: Arc<Keys>,
    /// Tables that the directory of the store is known to list.
    listed: Mutex<BTreeSet<u8>>,
    /// Who is told how long commits take.
    timer: OnceLock<CommitTimer>,
}

/// Told how long each commit took; see [`Store::time_commits`].
pub type CommitTimer = Box<dyn Fn(Duration) + Send + Sync>;

impl Store {
    /// The records of `backend`, under the subkeys of its data key.
    pub(crate) fn over(backend: Arc<dyn Backend>, keys: impl Into<Arc<Keys>>) -> Self {
        let keys = keys.into();
        Self(Arc::new(StoreState { backend, keys, listed: Mutex::default(), timer: OnceLock::new() }))
    }

    /// The key under which the record of this name is kept: what the change feed names.
    pub fn key_of<T: Record>(&self, name: Name<'_>) -> RecordKey {
        const { assert!(T::TABLE.id != 0, "table 0 is the store's own") };
        let table = T::TABLE;
        let hash = self.0.keys.hash_name(table.name, name.text);
        RecordKey::compose(table.id, table.time_ordered.then_some(name.at_ms), &hash)
    }

    /// The record of this name. One in doubt is settled first, by a commit: see [`OutcomeUnknown`].
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if the record is not what was sealed under this name and version;
    /// [`ReadError::Unavailable`] if the engine cannot read now, or not settle what is in doubt.
    pub async fn get<T: Record>(&self, name: Name<'_>) -> Result<Option<Stored<T>>, ReadError> {
        let key = self.key_of::<T>(name);
        self.get_key(&key).await
    }

    /// The record under `key`, as met in a scan or in the change feed.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_key<T: Record>(&self, key: &RecordKey) -> Result<Option<Stored<T>>, ReadError> {
        // Asked before the read: what is decided then, the read shows.
        let in_doubt = self.0.backend.in_doubt(key);
        let record = if in_doubt { self.settled(key).await? } else { self.0.backend.get(key).await? };
        record.map(|record| self.open(key, &record)).transpose()
    }

    /// The record in doubt under `key`, after a commit that leaves it as it is.
    async fn settled(&self, key: &RecordKey) -> Result<Option<SealedRecord>, ReadError> {
        loop {
            let record = self.0.backend.get(key).await?;
            let mut batch = Batch::new();
            match &record {
                Some(there) => batch.write(*key, Expect::Version(there.version), Write::Put(there.clone())),
                None => batch.check(*key, Expect::Absent),
            }
            match self.timed_commit(batch).await {
                Ok(()) => return Ok(record),
                Err(CommitError::Conflict { .. }) => {}
                Err(error @ (CommitError::NotWritten(_) | CommitError::Unknown(_))) => {
                    return Err(ReadError::Unavailable(error.into()));
                }
            }
        }
    }

    /// The next `limit` records after `after`, in key order.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn scan<T: Record>(
        &self,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Stored<T>)>, ReadError> {
        self.scan_each(after, limit).await?.into_iter().map(|(key, record)| Ok((key, record?))).collect()
    }

    /// As [`Self::scan`], for those who go on past a damaged record: each record with what came of opening it.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] if the engine cannot read now.
    pub async fn scan_each<T: Record>(
        &self,
        after: Option<&RecordKey>,
        limit: usize,
    ) -> Result<Vec<(RecordKey, Result<Stored<T>, ReadError>)>, ReadError> {
        let records = self.0.backend.scan(T::TABLE.id, after, limit).await?;
        Ok(records.into_iter().map(|(key, record)| (key, self.open(&key, &record))).collect())
    }

    /// Calls `observer` with the changes of every commit, in commit order, after it is durable and before its
    /// committer hears `Ok`, and when track of changes is lost. It must be quick, must not block and must not commit.
    pub fn observe(&self, observer: Observer) {
        self.0.backend.observe(Arc::new(move |feed| {
            let changes = match feed {
                Feed::Changed(changes) if changes.iter().any(|change| change.key.table() == 0) => changes,
                Feed::Changed(_) | Feed::Lost | Feed::Resumed => return observer(feed),
            };
            let changes: Vec<_> = changes.iter().copied().filter(|change| change.key.table() != 0).collect();
            if !changes.is_empty() {
                observer(Feed::Changed(&changes));
            }
        }));
    }

    /// Calls `timer` after every commit, sweeps included and whatever came of it, with the time that it took. The first timer stays.
    pub fn time_commits(&self, timer: CommitTimer) {
        // An error is a second timer.
        drop(self.0.timer.set(timer));
    }

    /// The number of the latest commit, which backups keep; 0 in a store that does not count.
    pub fn commits(&self) -> u64 {
        self.0.backend.commits()
    }

    /// Keeps a witness of the latest commit at `path` from now on: written now, then at most once a second, at each
    /// backup and when the store closes. A store in memory has none.
    pub fn keep_witness(&self, path: &std::path::Path) {
        self.0.backend.keep_witness(path);
    }

    /// Whether the witness could not be written the last time: an older copy of the store that lacks the changes since would not be noticed.
    #[must_use]
    pub fn witness_is_behind(&self) -> bool {
        self.0.backend.witness_is_behind()
    }

    /// Deletes the records of `table` that expired before `now` (Unix seconds), looking at `limit` records at most
    /// and starting after `after`. A record that was changed meanwhile stays; so does one that does not verify,
    /// with a line in the log.
    ///
    /// # Errors
    /// As [`Self::commit`], without conflicts; what earlier calls deleted stays deleted. Where the outcome is unknown, the next call finds
    /// the records that are left.
    pub async fn sweep(
        &self,
        table: &Table,
        now: u64,
        after: Option<RecordKey>,
        limit: usize,
    ) -> Result<Swept, CommitError> {
        let records = self.0.backend.scan(table.id, after.as_ref(), limit).await?;
        let next = if records.len() < limit { None } else { records.last().map(|(key, _)| *key) };
        let mut expired: Vec<(RecordKey, Version)> = records
            .iter()
            .filter(|(_, record)| record.expires_at < now)
            .filter(|(key, record)| {
                let verifies = self.0.keys.open(table.name, key, record).is_some();
                if !verifies {
                    tracing::error!(record = describe(table.name, key), "a damaged record is not swept");
                }
                verifies
            })
            .map(|(key, record)| (*key, record.version))
            .collect();
        while !expired.is_empty() {
            let mut batch = Batch::new();
            for (key, version) in &expired {
                batch.write(*key, Expect::Version(*version), Write::Delete);
            }
            match self.timed_commit(batch).await {
                Ok(()) => break,
                Err(CommitError::Conflict { key }) => expired.retain(|(other, _)| *other != key),
                Err(error @ (CommitError::NotWritten(_) | CommitError::Unknown(_))) => return Err(error),
            }
        }
        Ok(Swept { deleted: expired.len(), next })
    }

    /// Whether this store still is the one that the next start will find: its file may have been moved, deleted or replaced. Commits look
    /// by themselves; whoever acts without a commit, asks before.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] if it is not.
    pub async fn in_place(&self) -> Result<(), ReadError> {
        self.0.backend.in_place().await
    }

    /// Whether the store can be used, for health checks: it is [in its place](Self::in_place), and a read goes through.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn probe(&self) -> Result<(), ReadError> {
        self.in_place().await?;
        self.0.backend.get(&directory_key(0)).await.map(drop)
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn shared_keys(&self) -> Arc<Keys> {
        Arc::clone(&self.0.keys)
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.0.backend
    }

    fn open<T: Record>(&self, key: &RecordKey, record: &SealedRecord) -> Result<Stored<T>, ReadError> {
        let damaged = || ReadError::Damaged { record: describe(T::TABLE.name, key) };
        let value = self.0.keys.open(T::TABLE.name, key, record).ok_or_else(damaged)?;
        let value = T::decode(&value).map_err(|error| {
            tracing::error!(record = describe(T::TABLE.name, key), %error, "a record does not decode");
            damaged()
        })?;
        Ok(Stored { value, version: record.version })
    }

    pub(crate) async fn timed_commit(&self, batch: Batch) -> Result<(), CommitError> {
        let begin = tokio::time::Instant::now();
        let written = batch.written();
        let outcome = self.0.backend.commit(batch).await;
        if let Some(timer) = self.0.timer.get() {
            timer(begin.elapsed());
        }
        match outcome {
            // What an earlier commit left in doubt is not decided by one that failed.
            Err(CommitError::NotWritten(error)) if written.iter().any(|key| self.0.backend.in_doubt(key)) => {
                Err(OutcomeUnknown(error.into()).into())
            }
            Ok(()) => Ok(()),
            Err(
                error @ (CommitError::Conflict { .. } | CommitError::NotWritten(_) | CommitError::Unknown(_)),
            ) => Err(error),
        }
    }

    pub(crate) fn listed(&self) -> std::sync::MutexGuard<'_, BTreeSet<u8>> {
        self.0.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}
