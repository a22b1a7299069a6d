//! The number of a commit: one record of the store's own table, raised by one in every durable transaction.
//!
//! Copies keep it, so that an older copy of a store can be told from a younger one. It is the record's version, and the
//! seal binds it under the data key: who has no password can put back an older number, but make none.

use super::engine::EngineError;
use crate::{
    backend::{RecordKey, SealedRecord, Version},
    seal::Keys,
};

/// What the seal is bound to.
const NAME: &str = "commits";

/// Where the record is kept.
pub(super) fn key() -> RecordKey {
    RecordKey::compose(0, None, b"commit number\0\0\0")
}

/// The record of commit `number`.
pub(super) fn record(keys: &Keys, number: u64) -> Result<SealedRecord, EngineError> {
    keys.seal(NAME, &key(), Version(number), u64::MAX, &[])
        .map_err(|error| EngineError::Io(std::io::Error::other(error)))
}

/// The number that the record holds; 0 for a store of a release that did not count.
pub(super) fn number(keys: &Keys, record: Option<&SealedRecord>) -> Result<u64, EngineError> {
    let Some(record) = record else { return Ok(0) };
    match keys.open(NAME, &key(), record) {
        Some(_) => Ok(record.version.0),
        None => Err(EngineError::Damaged("the commit number does not verify".into())),
    }
}
