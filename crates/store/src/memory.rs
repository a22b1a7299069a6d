//! The engine that forgets: the same contract as redb, in a map. For tests and throw-away stores.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    backend::{Backend, BoxFuture, Observer, Observers, Snapshot},
    batch::{Batch, Write},
    commit::{CommitError, NotWritten},
    read_error::ReadError,
    sealed::{RecordKey, SealedRecord},
};

type Records = BTreeMap<RecordKey, SealedRecord>;

/// Records in memory; durable as long as the process.
#[derive(Default)]
pub struct MemoryBackend {
    records: Mutex<Records>,
    observers: Observers,
    /// Held from the change to the last observer, so that the feed has the order of the commits. Reads do not take
    /// it, so an observer may read.
    order: Mutex<()>,
}

impl MemoryBackend {
    /// An engine without records.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        // Nothing panics while the map is half changed.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, batch: &Batch) -> Result<(), CommitError> {
        if let Some(key) = batch.written_twice() {
            return Err(CommitError::Conflict { key });
        }
        let mut records = self.records();
        for (key, expect, _) in batch.entries() {
            if !expect.holds(records.get(key).map(|record| record.version)) {
                return Err(CommitError::Conflict { key: *key });
            }
        }
        let mut appended: Vec<(RecordKey, SealedRecord)> = Vec::new();
        for append in batch.appends() {
            let of_batch = appended.iter().map(|(key, _)| *key).rfind(|key| key.table() == append.table());
            let last = of_batch.or_else(|| last(&records, append.table()));
            appended.push(append.after(last.as_ref()).map_err(NotWritten::Unavailable)?);
        }
        for (key, _, write) in batch.entries() {
            match write {
                Some(Write::Put(record)) => drop(records.insert(*key, record.clone())),
                Some(Write::Delete) => drop(records.remove(key)),
                None => {}
            }
        }
        records.extend(appended);
        Ok(())
    }
}

impl Backend for MemoryBackend {
    fn get<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<SealedRecord>, ReadError>> {
        Box::pin(async move { Ok(self.records().get(key).cloned()) })
    }

    fn scan<'a>(
        &'a self,
        table: u8,
        after: Option<&'a RecordKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(RecordKey, SealedRecord)>, ReadError>> {
        Box::pin(async move {
            let first = RecordKey::from_bytes(&[table]).map_or(Bound::Unbounded, Bound::Included);
            let start = match after {
                Some(key) if key.table() >= table => Bound::Excluded(*key),
                _ => first,
            };
            let records = self.records();
            let of_table =
                records.range((start, Bound::Unbounded)).take_while(|(key, _)| key.table() == table);
            Ok(of_table.take(limit).map(|(key, record)| (*key, record.clone())).collect())
        })
    }

    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
            self.apply(&batch)?;
            self.observers.tell(&batch.changes());
            Ok(())
        })
    }

    fn observe(&self, observer: Observer) {
        self.observers.add(observer);
    }

    /// Every commit has its outcome in the call.
    fn in_doubt(&self, _key: &RecordKey) -> bool {
        false
    }

    fn last(&self, table: u8) -> BoxFuture<'_, Result<Option<RecordKey>, ReadError>> {
        Box::pin(async move { Ok(last(&self.records(), table)) })
    }

    fn bytes(&self, table: u8) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(async move {
            let records = self.records();
            Ok(records
                .iter()
                .filter(|(key, _)| key.table() == table)
                .map(|(key, record)| record.bytes(key))
                .sum())
        })
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        Ok(Box::new(MemorySnapshot(self.records().clone().into_iter())))
    }
}

/// The last key of `table`.
fn last(records: &Records, table: u8) -> Option<RecordKey> {
    let first = RecordKey::from_bytes(&[table])?;
    let end = table.checked_add(1).and_then(|next| RecordKey::from_bytes(&[next]));
    let end = end.map_or(Bound::Unbounded, Bound::Excluded);
    records.range((Bound::Included(first), end)).next_back().map(|(key, _)| *key)
}

struct MemorySnapshot(std::collections::btree_map::IntoIter<RecordKey, SealedRecord>);

impl Snapshot for MemorySnapshot {
    fn next(&mut self, limit: usize) -> Result<Vec<(RecordKey, SealedRecord)>, ReadError> {
        Ok(self.0.by_ref().take(limit).collect())
    }
}
