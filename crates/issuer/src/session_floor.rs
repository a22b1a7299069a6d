//! The session floor of a store that has gone back to an earlier state ([`jwtis_base::rollback`]): sessions opened before count as revoked.

use jwtis_base::audit::{Actor, AuditRecord};
use jwtis_base::env::Timestamp;
use jwtis_base::json::{decode_json, encode_json};
use jwtis_base::rollback::stored_mark;
use jwtis_base::rollback::takeover::put;
use jwtis_store::{CommitError, DecodeError, Name, Record, Rollback, RollbackCause, Store, Stored, Table};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The table of records that belong to no client.
pub(crate) const SETTINGS: Table = Table { id: 4, name: "settings", time_ordered: false };

/// Sessions of all clients opened before this moment count as revoked. It outlives the mark.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct SessionFloor {
    not_before_ms: u64,
    /// The moment that counts once the present mark is accepted with `--keep-sessions`: sessions that earlier marks revoked stay revoked.
    /// Records of earlier releases do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settled_ms: Option<u64>,
}

pub(crate) fn floor_name() -> Name<'static> {
    Name::plain("sessions-not-before")
}

impl SessionFloor {
    pub(crate) fn raised(floor: Option<Self>, to: Timestamp) -> Self {
        let settled = floor.map_or(0, Self::settled);
        let before = floor.map_or(0, |floor| floor.not_before_ms);
        Self { not_before_ms: before.max(to.millis()), settled_ms: Some(settled) }
    }

    fn accepted(self, keep_sessions: bool) -> Self {
        let not_before_ms = if keep_sessions { self.settled() } else { self.not_before_ms };
        Self { not_before_ms, settled_ms: Some(not_before_ms) }
    }

    fn settled(self) -> u64 {
        self.settled_ms.unwrap_or(self.not_before_ms)
    }

    pub(crate) const fn moment(self) -> Timestamp {
        Timestamp::from_millis(self.not_before_ms)
    }

    pub(crate) fn join(self, other: Self) -> Self {
        Self {
            not_before_ms: self.not_before_ms.max(other.not_before_ms),
            settled_ms: Some(self.settled().max(other.settled())),
        }
    }
}

impl Record for SessionFloor {
    const TABLE: Table = SETTINGS;

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        encode_json(self)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode_json(bytes)
    }
}

/// Dates a mark that has no date yet, and revokes the sessions opened before. Returns the mark and the floor.
///
/// # Errors
/// When the store cannot be read or written. Where the outcome is unknown, the next start decides.
pub(crate) async fn settle(
    store: &Store,
    now: Timestamp,
) -> Result<(Option<Rollback>, Timestamp), CommitError> {
    let stored = stored_mark(store).await?;
    let floor = store.get::<SessionFloor>(floor_name()).await?;
    let since = floor.as_ref().map(|floor| floor.value.moment()).unwrap_or_default();
    match stored {
        Some(Stored { value, version }) if value.since_ms.is_none() => {
            let dated = Rollback { since_ms: Some(now.millis()), ..value };
            let raised = SessionFloor::raised(floor.as_ref().map(|floor| floor.value), now);
            let transaction = store.transaction().replace_at(&Rollback::key(), version, &dated);
            let transaction = put(transaction, floor_name(), floor.map(|floor| floor.version), Some(&raised));
            store.commit(transaction).await?;
            Ok((Some(dated), raised.moment()))
        }
        stored => Ok((stored.map(|stored| stored.value), since)),
    }
}

/// Removes the mark of a store, and returns whether there was one. Sessions opened before stay revoked, unless `keep_sessions`.
///
/// # Errors
/// When the store cannot be read or written. Where the outcome is unknown, another call decides.
pub async fn accept(store: &Store, now: Timestamp, keep_sessions: bool) -> Result<bool, CommitError> {
    let Some(Stored { value, version }) = stored_mark(store).await? else { return Ok(false) };
    let transaction = store.transaction().delete_at(&Rollback::key(), version);
    let floor = store.get::<SessionFloor>(floor_name()).await?;
    let present = floor.as_ref().map(|floor| floor.value);
    let of_earlier_release = present.is_some_and(|floor| floor.settled_ms.is_none());
    let accepted = match present {
        // It does not tell which sessions earlier marks revoked.
        Some(floor) if keep_sessions && of_earlier_release && Some(floor.not_before_ms) == value.since_ms => {
            None
        }
        // No server has dated the mark yet, so it has revoked nothing.
        present if !keep_sessions && value.since_ms.is_none() => {
            Some(SessionFloor::raised(present, now).accepted(false))
        }
        present => present.map(|floor| floor.accepted(keep_sessions)),
    };
    let transaction = put(transaction, floor_name(), floor.map(|floor| floor.version), accepted.as_ref());
    let record = AuditRecord::new(now, "rollback_accepted", Actor::Operator.name())
        .with("cause", Some(value.cause.name()))
        .with("keep_sessions", Some(keep_sessions));
    store.commit(transaction.append(&record)).await?;
    tracing::warn!(
        target: "jwtis::audit",
        event = "rollback_accepted",
        by = "operator",
        cause = value.cause.name(),
        keep_sessions,
        "the store is no longer taken for one that has gone back"
    );
    Ok(true)
}

/// Dates the mark with which a restore begins, or removes it. The audit trail says that the store was restored.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn conclude(
    new: &Store,
    marked: bool,
    now: Timestamp,
    keep_sessions: bool,
) -> Result<(), CommitError> {
    let Some(Stored { version, .. }) = stored_mark(new).await? else { return Ok(()) };
    let record = AuditRecord::new(now, "store_restored", Actor::Operator.name()).with("marked", Some(marked));
    let mut transaction = new.transaction().append(&record);
    if !marked {
        return new.commit(transaction.delete_at(&Rollback::key(), version)).await;
    }
    let mark = Rollback { cause: RollbackCause::Restored, since_ms: Some(now.millis()) };
    transaction = transaction.replace_at(&Rollback::key(), version, &mark);
    if !keep_sessions {
        let floor = new.get::<SessionFloor>(floor_name()).await?;
        let raised = SessionFloor::raised(floor.as_ref().map(|floor| floor.value), now);
        transaction = put(transaction, floor_name(), floor.map(|floor| floor.version), Some(&raised));
    }
    new.commit(transaction).await
}
