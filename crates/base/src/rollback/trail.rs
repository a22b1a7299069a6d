//! What a restored store takes over of the audit trail: the records of the replaced store that the backup lacks.
//!
//! Both trails begin alike. Up to the fork they have the same records under the same numbers; what the replaced store has behind it is
//! appended to the trail of the backup. Where the backup has nothing behind the fork, which is the common case, the records keep their
//! numbers.

use std::collections::BTreeMap;

use jwtis_store::{CommitError, ReadError, Store};

use super::takeover::Merge;
use crate::audit::AuditRecord;

/// Records compared at a time, and appended in one commit.
const PAGE: usize = 256;

impl Merge<'_> {
    /// Appends to the trail of the new store what only the old one has. No record of either is lost.
    ///
    /// # Errors
    /// When one of the two stores cannot be read, or the new one not be written.
    pub async fn join_audit_trails(&mut self) -> Result<(), CommitError> {
        let mut after = fork(self.old, self.new).await?;
        loop {
            let page = self.old.numbered::<AuditRecord>(after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let mut transaction = self.new.transaction();
            for (_, record) in &page {
                if let Some(stored) = self.readable(record) {
                    transaction = transaction.append(&stored.value);
                }
            }
            self.new.commit(transaction).await?;
        }
    }
}

/// The number up to which both trails have the same records; 0 where they differ from the first on. What retention has taken from one of the
/// two is no difference, and neither is what cannot be read.
async fn fork(old: &Store, new: &Store) -> Result<u64, ReadError> {
    let end = old.last_number::<AuditRecord>().await?.min(new.last_number::<AuditRecord>().await?);
    let mut after = 0;
    while after < end {
        let (old, new) = (records(old, after).await?, records(new, after).await?);
        let differs = |(number, one): (&u64, &Option<AuditRecord>)| {
            let other = new.get(number)?.as_ref()?;
            (one.as_ref()? != other).then(|| number.saturating_sub(1))
        };
        if let Some(fork) = old.iter().find_map(differs) {
            return Ok(fork);
        }
        let last = |page: &BTreeMap<u64, _>| page.last_key_value().map_or(end, |(number, _)| *number);
        after = last(&old).min(last(&new));
    }
    Ok(end)
}

/// A page of records; `None` for one that cannot be read.
async fn records(store: &Store, after: u64) -> Result<BTreeMap<u64, Option<AuditRecord>>, ReadError> {
    let found = store.numbered::<AuditRecord>(after, PAGE).await?;
    Ok(found.into_iter().map(|(number, record)| (number, record.ok().map(|stored| stored.value))).collect())
}
