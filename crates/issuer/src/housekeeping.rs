//! Housekeeping deletes records whose tokens have expired, and key sets that have retired. It goes in small steps, with pauses by the
//! caller, so that no request notices. After a jump of the clock it deletes nothing for [`crate::clock::HOLD`].

use jwtis_base::env::Timestamp;
use jwtis_store::{CommitError, Record, RecordKey, Transaction};

use crate::client::{ClientRecord, client_name};
use crate::issuer::{Issuer, UpkeepError};
use crate::key::plan::KeyDefaults;
use crate::key::rotation::KeySetState;
use crate::session::{SessionRecord, SubjectMark};

const BATCH: usize = 256;

/// The position of a pass. The default starts a new pass.
#[derive(Clone, Default, Debug)]
pub struct HousekeepingCursor {
    stage: Stage,
    after: Option<RecordKey>,
    census: KeySetCensus,
}

#[derive(Copy, Clone, Default, Debug)]
enum Stage {
    #[default]
    Clients,
    Sessions,
    Subjects,
}

/// The outcome of one step.
#[derive(Clone, Default, Debug)]
pub struct HousekeepingReport {
    /// Session records and subject marks deleted.
    pub expired_records_deleted: usize,
    /// Retired key sets dropped from their clients.
    pub retired_key_sets_dropped: usize,
    /// At the end of a pass: the numbers of clients and key sets.
    pub pass_complete: Option<KeySetCensus>,
}

/// Clients and key sets, counted in one pass.
#[derive(Copy, Clone, Default, PartialEq, Eq, Debug)]
pub struct KeySetCensus {
    /// Clients.
    pub clients: u64,
    /// Key sets that make tokens.
    pub active: u64,
    /// Active key sets that are past their expiry and make none.
    pub expired: u64,
    /// Key sets that only verify and decrypt.
    pub retiring: u64,
    /// Active key sets whose encryption algorithm is switched off. They make no tokens.
    pub switched_off: u64,
}

impl Issuer {
    /// Does the next step of a pass, and returns the position after it. After the end of a pass the cursor starts a new one.
    ///
    /// # Errors
    /// When the store fails. Start again later with a default cursor: the next pass finds what is left to do.
    pub async fn housekeeping_step(
        &self,
        cursor: HousekeepingCursor,
    ) -> Result<(HousekeepingCursor, HousekeepingReport), UpkeepError> {
        let now = self.env().now();
        let HousekeepingCursor { stage, after, mut census } = cursor;
        let mut report = HousekeepingReport::default();
        // The clock may jump in the middle of a pass.
        let may_delete = self.may_delete();
        let next = match stage {
            Stage::Clients => self.tidy_clients(after, now, may_delete, &mut census, &mut report).await?,
            Stage::Sessions | Stage::Subjects if !may_delete => None,
            Stage::Sessions => self.sweep::<SessionRecord>(after, now, &mut report).await?,
            Stage::Subjects => self.sweep::<SubjectMark>(after, now, &mut report).await?,
        };
        let cursor = match (next, stage) {
            (Some(after), stage) => HousekeepingCursor { stage, after: Some(after), census },
            (None, Stage::Clients) => HousekeepingCursor { stage: Stage::Sessions, after: None, census },
            (None, Stage::Sessions) => HousekeepingCursor { stage: Stage::Subjects, after: None, census },
            (None, Stage::Subjects) => {
                report.pass_complete = Some(census);
                HousekeepingCursor::default()
            }
        };
        Ok((cursor, report))
    }

    async fn sweep<T: Record>(
        &self,
        after: Option<RecordKey>,
        now: Timestamp,
        report: &mut HousekeepingReport,
    ) -> Result<Option<RecordKey>, UpkeepError> {
        let swept = self.store().sweep(&T::TABLE, now.seconds(), after, BATCH).await?;
        report.expired_records_deleted = report.expired_records_deleted.saturating_add(swept.deleted);
        Ok(swept.next)
    }

    async fn tidy_clients(
        &self,
        after: Option<RecordKey>,
        now: Timestamp,
        may_delete: bool,
        census: &mut KeySetCensus,
        report: &mut HousekeepingReport,
    ) -> Result<Option<RecordKey>, UpkeepError> {
        let found = self.store().scan_each::<ClientRecord>(after.as_ref(), BATCH).await?;
        let last = (found.len() == BATCH).then(|| found.last().map(|(key, _)| *key)).flatten();
        for (_, stored) in found {
            let stored = match stored {
                Ok(stored) => stored,
                Err(error) => {
                    // One damaged client must not keep the others from being tidied.
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a client is left out of housekeeping"
                    );
                    continue;
                }
            };
            let (mut record, version) = (stored.value, stored.version);
            census.count(&record, now, &self.settings().defaults);
            let dropped = if may_delete { record.drop_retired(now) } else { 0 };
            if dropped == 0 {
                continue;
            }
            let tx = Transaction::new(self.store()).replace(client_name(&record.id), version, &record);
            match self.store().commit(tx).await {
                Ok(()) => {
                    report.retired_key_sets_dropped = report.retired_key_sets_dropped.saturating_add(dropped)
                }
                // Somebody else changed the client. The next pass looks again.
                Err(CommitError::Conflict { .. }) => {}
                Err(error @ (CommitError::NotWritten(_) | CommitError::Unknown(_))) => {
                    return Err(error.into());
                }
            }
        }
        Ok(last)
    }
}

impl KeySetCensus {
    fn count(&mut self, record: &ClientRecord, now: Timestamp, defaults: &KeyDefaults) {
        self.clients = self.clients.saturating_add(1);
        for set in &record.sets {
            if set.header.state == KeySetState::Active && defaults.forbids(set.header.enc_alg) {
                self.switched_off = self.switched_off.saturating_add(1);
            }
            let counter = match set.header.state.at(now) {
                KeySetState::Active if set.header.expires_at_ms <= now.millis() => &mut self.expired,
                KeySetState::Active => &mut self.active,
                KeySetState::Retiring(_) => &mut self.retiring,
                KeySetState::Pending | KeySetState::Retired => continue,
            };
            *counter = counter.saturating_add(1);
        }
    }
}
