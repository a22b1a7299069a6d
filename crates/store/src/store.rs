//! Typed, sealed access above any engine: key layout, codec and seal, written once.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use zeroize::Zeroizing;

use crate::{
    backend::{
        Backend, Batch, BoxError, Expect, Feed, Observer, ReadError, RecordKey, SealedRecord, Version, Write,
    },
    commit::{CommitError, NotWritten, OutcomeUnknown},
    doubt::Doubts,
    seal::Keys,
    transaction::Transaction,
};

/// Records of one type: their table in the engine.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// First byte of every key; unique in the program, and not 0, which is the store's own.
    pub id: u8,
    /// Part of what a seal binds, so that a record of one table never opens in another. Not secret.
    pub name: &'static str,
    /// Whether keys start with [`Name::at_ms`]. For tables of many rows, since rows in time order cost a sixth of
    /// rows in random order, and old ones are found without reading young ones.
    pub time_ordered: bool,
}

/// A type that is kept in the store.
pub trait Record: Sized {
    /// Where.
    const TABLE: Table;

    /// The value as bytes; they are wiped after sealing.
    fn encode(&self) -> Zeroizing<Vec<u8>>;

    /// The value of bytes that [`Self::encode`] made, perhaps in an earlier release.
    ///
    /// # Errors
    /// The bytes are no value of this type.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// When the record may be deleted by [`Store::sweep`], in Unix seconds. The store never hides a record that
    /// has expired but is still there.
    fn expires_at(&self) -> Option<u64> {
        None
    }
}

/// Bytes that opened are not a value of the type that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("not a value of this type")]
pub struct DecodeError(#[source] BoxError);

impl DecodeError {
    /// For this reason: an error or a message, without secrets.
    pub fn new(reason: impl Into<BoxError>) -> Self {
        Self(reason.into())
    }
}

impl From<&str> for DecodeError {
    fn from(reason: &str) -> Self {
        Self::new(reason)
    }
}

impl From<String> for DecodeError {
    fn from(reason: String) -> Self {
        Self::new(reason)
    }
}

/// A record's name inside its table. The text is kept only as a keyed hash; the time is kept in clear.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Name<'a> {
    /// The name.
    pub text: &'a str,
    /// Unix milliseconds of a record in a time-ordered table, below 2⁴⁸; ignored in others.
    pub at_ms: u64,
}

impl<'a> Name<'a> {
    /// A name in a plain table.
    pub fn plain(text: &'a str) -> Self {
        Self { text, at_ms: 0 }
    }

    /// A name in a time-ordered table, at Unix milliseconds `at_ms`.
    pub fn at(at_ms: u64, text: &'a str) -> Self {
        Self { text, at_ms }
    }
}

/// A value and the version it was read in, which a replacement must name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored<T> {
    /// The value.
    pub value: T,
    /// Write id of the record.
    pub version: Version,
}

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
    doubts: Doubts,
}

/// Told how long each commit took; see [`Store::time_commits`].
pub type CommitTimer = Box<dyn Fn(Duration) + Send + Sync>;

impl Store {
    /// The records of `backend`, under the subkeys of its data key.
    pub(crate) fn over(backend: Arc<dyn Backend>, keys: impl Into<Arc<Keys>>) -> Self {
        let keys = keys.into();
        Self(Arc::new(StoreState {
            backend,
            keys,
            listed: Mutex::default(),
            timer: OnceLock::new(),
            doubts: Doubts::default(),
        }))
    }

    /// A change of nothing, to be filled.
    pub fn transaction(&self) -> Transaction<'_> {
        Transaction::new(self)
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
        let record = self.0.backend.get(key).await?;
        let record = if self.0.doubts.have_any_of(&[*key]) { self.settled(key).await? } else { record };
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
                Ok(()) => {
                    self.0.doubts.settle(&[*key]);
                    return Ok(record);
                }
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

    async fn timed_commit(&self, batch: Batch) -> Result<(), CommitError> {
        let begin = tokio::time::Instant::now();
        let written = batch.written();
        let outcome = self.0.backend.commit(batch).await;
        if let Some(timer) = self.0.timer.get() {
            timer(begin.elapsed());
        }
        match outcome {
            Ok(()) => {
                self.0.doubts.settle(&written);
                Ok(())
            }
            // What an earlier commit left in doubt is not decided by one that failed.
            Err(CommitError::NotWritten(error)) if self.0.doubts.have_any_of(&written) => {
                Err(OutcomeUnknown(error.into()).into())
            }
            Err(error @ (CommitError::Conflict { .. } | CommitError::NotWritten(_))) => Err(error),
            Err(error @ CommitError::Unknown(_)) => {
                self.0.doubts.add(&written);
                Err(error)
            }
        }
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

    fn listed(&self) -> std::sync::MutexGuard<'_, BTreeSet<u8>> {
        self.0.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

/// How messages name a record: never by its name, which is secret.
pub(crate) fn describe(table: &str, key: &RecordKey) -> String {
    format!("table {table}, key {key}")
}

/// Where the directory lists a table: in the store's own table 0.
pub(crate) fn directory_key(table: u8) -> RecordKey {
    let mut hash = *b"table directory\0";
    hash[15] = table;
    RecordKey::compose(0, None, &hash)
}

/// The table that a key of table 0 lists.
pub(crate) fn listed_table(key: &RecordKey) -> Option<u8> {
    let table = *key.as_bytes().last()?;
    (directory_key(table) == *key).then_some(table)
}

/// The name of a table, from its entry in the directory.
pub(crate) fn table_name(entry: &SealedRecord) -> String {
    String::from_utf8_lossy(&entry.sealed).into_owned()
}

pub(crate) fn directory_entry(table: &Table) -> SealedRecord {
    SealedRecord { version: Version(1), expires_at: u64::MAX, sealed: table.name.as_bytes().to_vec() }
}
