//! What a restored store takes over of the audit trail: the records of the replaced store that the backup lacks.
//!
//! Both trails begin alike. Up to the fork they have the same records under the same numbers. Behind it every record of the replaced store
//! keeps its number, which an export may have told already. Records that only the backup has under these numbers move behind both trails.

use std::collections::BTreeMap;

use jwtis_store::{CommitError, ReadError, Store};

use super::takeover::Merge;
use crate::audit::AuditRecord;

/// Records compared at a time, and written in one commit.
const PAGE: usize = 256;

impl Merge<'_> {
    /// Adds to the trail of the new store what only the old one has. No record of either is lost, and no number that a record of the old
    /// store has is that of another one.
    ///
    /// # Errors
    /// When one of the two stores cannot be read, or the new one not be written.
    pub async fn join_audit_trails(&mut self) -> Result<(), CommitError> {
        let fork = fork(self.old, self.new).await?;
        let (of_old, of_new) = (last(self.old).await?, last(self.new).await?);
        let moved = of_old.max(of_new).saturating_sub(fork);
        let mut after = fork;
        while after < of_old.min(of_new) {
            let mut transaction = self.new.transaction();
            let mut page = self.new.numbered::<AuditRecord>(after, PAGE).await?;
            page.retain(|(number, _)| *number <= of_old);
            after = page.last().map_or(of_new, |(number, _)| *number);
            for (number, record) in &page {
                if let Some(stored) = self.readable(record) {
                    transaction =
                        transaction.move_numbered(*number, number.saturating_add(moved), &stored.value);
                }
            }
            self.new.commit(transaction).await?;
        }
        after = fork;
        while after < of_old {
            let page = self.old.numbered::<AuditRecord>(after, PAGE).await?;
            after = page.last().map_or(of_old, |(number, _)| *number);
            let mut transaction = self.new.transaction();
            for (number, record) in &page {
                // The number of a damaged record stays taken, too.
                let lost = AuditRecord::new(self.now, "audit_record_lost", "operator");
                let record = self.readable(record).map_or(lost, |stored| stored.value.clone());
                transaction = transaction.keep_number(*number, &record);
            }
            self.new.commit(transaction).await?;
        }
        Ok(())
    }
}

async fn last(store: &Store) -> Result<u64, ReadError> {
    store.last_number::<AuditRecord>().await
}

/// The number up to which both trails have the same records; 0 where they differ from the first on. What retention has taken from one of the
/// two is no difference, and neither is what cannot be read.
async fn fork(old: &Store, new: &Store) -> Result<u64, ReadError> {
    let end = last(old).await?.min(last(new).await?);
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
