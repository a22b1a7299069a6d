//! How long audit records are kept.

use std::time::Duration;

use jwtis_store::{CommitError, Store};

use super::record::AuditRecord;
use crate::env::Timestamp;

/// Records looked at in one step.
const BATCH: usize = 256;

/// What is kept: records are deleted, the oldest first, once they are too old or take too much. The newest stays.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Retention {
    /// How old a record gets.
    pub max_age: Duration,
    /// What all records take, at most.
    pub max_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(90 * 24 * 3600), max_bytes: 1 << 30 }
    }
}

/// What one step did.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Trimmed {
    /// Records deleted.
    pub deleted: usize,
    /// Whether another step would delete more.
    pub more: bool,
}

impl Retention {
    /// Deletes a few of the oldest records, where they are not to be kept. Without a time that can be believed, age is no reason.
    ///
    /// # Errors
    /// When the store fails. What earlier steps deleted stays deleted; where the outcome is unknown, the next step finds what is left.
    pub async fn trim(&self, store: &Store, now: Option<Timestamp>) -> Result<Trimmed, CommitError> {
        let page = store.numbered::<AuditRecord>(0, BATCH).await?;
        let last = store.last_number::<AuditRecord>().await?;
        let Some((first, _)) = page.first() else { return Ok(Trimmed { deleted: 0, more: false }) };
        let excess = self.excess(store.chain_bytes::<AuditRecord>().await?, last.saturating_sub(*first));
        let mut transaction = store.transaction();
        let (mut deleted, mut more) = (0, page.len() == BATCH);
        for (at, (number, record)) in page.iter().enumerate() {
            let record = match record {
                Ok(stored) => &stored.value,
                Err(error) => {
                    tracing::error!(number, error = error as &dyn std::error::Error, "an audit record stays");
                    continue;
                }
            };
            let is_old = now.is_some_and(|now| now.since(record.at()) > self.max_age);
            if *number == last || !(is_old || at < excess) {
                more = false;
                break;
            }
            transaction = transaction.delete_numbered::<AuditRecord>(*number);
            deleted += 1;
        }
        store.commit(transaction).await?;
        Ok(Trimmed { deleted, more: more && deleted > 0 })
    }

    /// How many records are too many, when one and `others` take so many bytes.
    fn excess(&self, bytes: u64, others: u64) -> usize {
        let mean = (bytes / others.saturating_add(1)).max(1);
        usize::try_from(bytes.saturating_sub(self.max_bytes).div_ceil(mean)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use jwtis_store::open_memory;

    use super::*;
    use crate::audit::AuditPage;

    const DAY: u64 = 24 * 3600;

    /// A trail with a record on each of these days.
    async fn trail(days: impl IntoIterator<Item = u64>) -> Store {
        let store = open_memory();
        for day in days {
            let record = AuditRecord::new(Timestamp::from_seconds(day * DAY), "client_registered", "admin");
            store.commit(store.transaction().append(&record)).await.unwrap();
        }
        store
    }

    async fn numbers(store: &Store) -> Vec<u64> {
        let page = AuditPage::of(store, 0, 1000).await.unwrap();
        page.records.iter().map(|record| record.number).collect()
    }

    const KEPT: Retention = Retention { max_age: Duration::from_secs(90 * DAY), max_bytes: 1 << 30 };

    fn on_day(day: u64) -> Option<Timestamp> {
        Some(Timestamp::from_seconds(day * DAY))
    }

    #[tokio::test]
    async fn old_records_go_and_young_ones_and_the_newest_stay() {
        let store = trail([1, 2, 100, 101]).await;
        assert_eq!(KEPT.trim(&store, on_day(92)).await.unwrap(), Trimmed { deleted: 1, more: false });
        assert_eq!(numbers(&store).await, [2, 3, 4]);
        assert_eq!(KEPT.trim(&store, on_day(92)).await.unwrap(), Trimmed { deleted: 0, more: false });
        assert_eq!(KEPT.trim(&store, on_day(1000)).await.unwrap().deleted, 2);
        assert_eq!(numbers(&store).await, [4]);
        assert_eq!(KEPT.trim(&store, on_day(1000)).await.unwrap().deleted, 0);
    }

    #[tokio::test]
    async fn without_a_time_that_can_be_believed_age_is_no_reason_and_size_is() {
        let store = trail([1; 10]).await;
        assert_eq!(KEPT.trim(&store, None).await.unwrap().deleted, 0);
        let bytes = store.chain_bytes::<AuditRecord>().await.unwrap();
        let fewer = Retention { max_bytes: bytes - 1, ..KEPT };
        assert_eq!(fewer.trim(&store, None).await.unwrap().deleted, 1);
        let none = Retention { max_bytes: 0, ..KEPT };
        assert_eq!(none.trim(&store, None).await.unwrap().deleted, 8);
        assert_eq!(numbers(&store).await, [10]);
    }

    #[tokio::test]
    async fn many_go_in_several_steps() {
        let store = trail([1; BATCH + 10]).await;
        assert_eq!(KEPT.trim(&store, on_day(500)).await.unwrap(), Trimmed { deleted: BATCH, more: true });
        assert_eq!(KEPT.trim(&store, on_day(500)).await.unwrap(), Trimmed { deleted: 9, more: false });
        assert_eq!(KEPT.trim(&trail([]).await, on_day(500)).await.unwrap().deleted, 0);
    }

    #[tokio::test]
    async fn a_step_that_fails_deletes_nothing_and_the_next_one_goes_on() {
        let store = trail([1, 2, 3]).await;
        // Somebody else trims at the same moment: the statement of the slower one is wrong.
        let slow = store.transaction().delete_numbered::<AuditRecord>(1).delete_numbered::<AuditRecord>(2);
        assert_eq!(KEPT.trim(&store, on_day(92)).await.unwrap().deleted, 1);
        assert!(matches!(store.commit(slow).await, Err(CommitError::Conflict { .. })));
        assert_eq!(numbers(&store).await, [2, 3]);
    }
}
