//! The store's own record of its latest commit: its number, and the summary of all records as it left them. It is written anew in every
//! durable transaction.
//!
//! Copies keep it, so that an older copy of a store can be told from a younger one. The number is the record's version, and the seal binds
//! both under the data key: who has no password can put back an older record, but make none, nor one of an old summary and a new number.

use crate::{
    seal::{CryptoUnavailable, Keys},
    sealed::{RecordKey, SealedRecord, Version},
    summary::Summary,
};

/// What the seal is bound to.
const NAME: &str = "commits";

/// Where the record is kept.
pub(crate) fn key() -> RecordKey {
    RecordKey::compose(0, None, b"commit number\0\0\0")
}

/// The record of commit `number`, which left what `summary` says.
pub(crate) fn record(keys: &Keys, number: u64, summary: &Summary) -> Result<SealedRecord, CryptoUnavailable> {
    keys.seal(NAME, &key(), Version(number), u64::MAX, &summary.encode())
}

/// The number and the summary that the record holds; `None` if it does not verify.
pub(crate) fn open(keys: &Keys, record: &SealedRecord) -> Option<(u64, Summary)> {
    let summary = Summary::decode(&keys.open(NAME, &key(), record)?)?;
    Some((record.version.0, summary))
}
