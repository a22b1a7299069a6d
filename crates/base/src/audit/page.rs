//! Audit records as they are read: by number, in pages.

use jwtis_store::{ReadError, Store};
use serde::{Deserialize, Serialize};

use super::record::AuditRecord;

/// Most records of a page.
pub const MAX_AUDIT_PAGE: usize = 1000;

/// A record and its number: a line of an export.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NumberedRecord {
    /// Its place in the trail. The first one has number 1.
    pub number: u64,
    /// The record.
    #[serde(flatten)]
    pub record: AuditRecord,
}

/// Some records in the order of their numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AuditPage {
    /// The records.
    pub records: Vec<NumberedRecord>,
    /// The number of the newest record of the trail; 0 where there is none.
    pub last: u64,
}

impl AuditPage {
    /// At most `limit` records of `store`, those with numbers above `after`.
    ///
    /// # Errors
    /// When the store cannot be read, or one of the records is damaged.
    pub async fn of(store: &Store, after: u64, limit: usize) -> Result<Self, ReadError> {
        let found = store.numbered::<AuditRecord>(after, limit.min(MAX_AUDIT_PAGE)).await?;
        let numbered = |(number, stored): (u64, Result<jwtis_store::Stored<_>, _>)| {
            Ok(NumberedRecord { number, record: stored?.value })
        };
        let records = found.into_iter().map(numbered).collect::<Result<_, ReadError>>()?;
        Ok(Self { records, last: store.last_number::<AuditRecord>().await? })
    }
}
