//! Reading the records of one commit.

use std::{ops::Bound, sync::Arc};

use redb::{ReadOnlyTable, ReadableTable, TableDefinition};

use super::{
    codec,
    error::{self, EngineError, guarded, read_error},
};
use crate::{
    backend::Snapshot,
    read_error::ReadError,
    sealed::{RecordKey, SealedRecord},
};

/// All records of all our tables; a key starts with its table's byte.
pub(super) const RECORDS: TableDefinition<'static, &'static [u8], &'static [u8]> =
    TableDefinition::new("records");

/// A view of the records at one commit.
pub(super) type Records = ReadOnlyTable<&'static [u8], &'static [u8]>;

pub(super) struct RedbSnapshot {
    pub(super) records: Arc<Records>,
    pub(super) after: Option<RecordKey>,
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
pub(super) fn scan(
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
pub(super) fn last(
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

pub(super) fn read_one(records: &Records, key: &RecordKey) -> Result<Option<SealedRecord>, EngineError> {
    match records.get(key.as_bytes()).map_err(error::redb)? {
        Some(value) => readable(*key, codec::decode(value.value())).map(Some),
        None => Ok(None),
    }
}

/// Calls `visit` with each record from `start` on, as long as it says so; with `None` for one that is no record.
pub(super) fn each_record(
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

pub(super) fn readable(key: RecordKey, record: Option<SealedRecord>) -> Result<SealedRecord, EngineError> {
    record.ok_or_else(|| EngineError::Damaged(format!("table {}, key {key}", key.table())))
}
