//! An engine that is only read: the store that a restore replaces. Not a byte of its file changes.

use std::sync::Arc;

use super::{
    engine::Engine,
    error::{EngineError, guarded, read_error},
    records::{Records, RedbSnapshot, last, read_one, scan},
};
use crate::{
    backend::{Backend, BoxFuture, Observer, Snapshot},
    batch::Batch,
    commit::{CommitError, NotWritten},
    read_error::ReadError,
    sealed::{RecordKey, SealedRecord},
};

/// The records of a store at rest, which stays locked as long as this lives.
pub(super) struct ReadOnly {
    records: Arc<Records>,
    commits: u64,
    engine: Engine,
}

impl ReadOnly {
    pub(super) fn over(engine: Engine) -> Result<Self, EngineError> {
        Ok(Self { records: Arc::new(engine.records()?), commits: engine.commits(), engine })
    }
}

impl Backend for ReadOnly {
    fn get<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<SealedRecord>, ReadError>> {
        Box::pin(async move {
            guarded(|| read_one(&self.records, key)).map_err(|error| read_error(error, Some(key)))
        })
    }

    fn scan<'a>(
        &'a self,
        table: u8,
        after: Option<&'a RecordKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(RecordKey, SealedRecord)>, ReadError>> {
        Box::pin(async move {
            guarded(|| scan(&self.records, table, after, limit)).map_err(|error| read_error(error, after))
        })
    }

    fn commit(&self, _batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async { Err(NotWritten::Unavailable("the store is only read".into()).into()) })
    }

    fn observe(&self, _observer: Observer) {}

    fn in_doubt(&self, _key: &RecordKey) -> bool {
        false
    }

    fn last(&self, table: u8) -> BoxFuture<'_, Result<Option<RecordKey>, ReadError>> {
        Box::pin(
            async move { guarded(|| last(&*self.records, table)).map_err(|error| read_error(error, None)) },
        )
    }

    fn bytes(&self, table: u8) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(async move { Ok(self.engine.summary().bytes(table)) })
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        Ok(Box::new(RedbSnapshot { records: self.records.clone(), after: None }))
    }

    fn commits(&self) -> u64 {
        self.commits
    }
}
