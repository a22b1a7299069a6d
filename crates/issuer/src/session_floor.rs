//! Sessions of a store that has gone back to an earlier state ([`jwtis_base::rollback`]): every session opened before counts as revoked.

use jwtis_base::env::Timestamp;
use jwtis_base::json::{decode_json, encode_json};
use jwtis_base::rollback::stored_mark;
use jwtis_store::{CommitError, DecodeError, Name, Record, Rollback, RollbackCause, Store, Stored, Table};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Settings of the store that are no client's.
pub(crate) const SETTINGS: Table = Table { id: 4, name: "settings", time_ordered: false };

/// Sessions opened before this moment count as revoked, whichever client's they are. It outlives the mark.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct SessionFloor {
    not_before_ms: u64,
}

pub(crate) fn floor_name() -> Name<'static> {
    Name::plain("sessions-not-before")
}

impl SessionFloor {
    pub(crate) const fn at(moment: Timestamp) -> Self {
        Self { not_before_ms: moment.millis() }
    }

    pub(crate) const fn moment(self) -> Timestamp {
        Timestamp::from_millis(self.not_before_ms)
    }

    pub(crate) fn join(self, other: Self) -> Self {
        Self { not_before_ms: self.not_before_ms.max(other.not_before_ms) }
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

/// Dates a mark that has no date yet, and revokes the sessions opened before. Answers the mark, and since when sessions count.
///
/// # Errors
/// When the store cannot be read or written.
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
            let since = since.max(now);
            let transaction = store.transaction().replace_at(&Rollback::key(), version, &dated);
            let transaction = match floor {
                Some(floor) => transaction.replace(floor_name(), floor.version, &SessionFloor::at(since)),
                None => transaction.create(floor_name(), &SessionFloor::at(since)),
            };
            store.commit(transaction).await?;
            Ok((Some(dated), since))
        }
        stored => Ok((stored.map(|stored| stored.value), since)),
    }
}

/// Ends the state of a marked store; answers whether it was marked. Sessions opened before stay revoked, unless `keep_sessions`.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn accept(store: &Store, now: Timestamp, keep_sessions: bool) -> Result<bool, CommitError> {
    let Some(Stored { value, version }) = stored_mark(store).await? else { return Ok(false) };
    let mut transaction = store.transaction().delete_at(&Rollback::key(), version);
    let floor = store.get::<SessionFloor>(floor_name()).await?;
    transaction = match (floor, keep_sessions) {
        // Only what this mark has revoked comes back.
        (Some(floor), true) if Some(floor.value.not_before_ms) == value.since_ms => {
            transaction.delete::<SessionFloor>(floor_name(), floor.version)
        }
        (None, false) if value.since_ms.is_none() => transaction.create(floor_name(), &SessionFloor::at(now)),
        (Some(floor), false) if value.since_ms.is_none() => {
            let later = floor.value.join(SessionFloor::at(now));
            transaction.replace(floor_name(), floor.version, &later)
        }
        _ => transaction,
    };
    store.commit(transaction).await?;
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

/// Dates the mark that a restoration begins with, or takes it away.
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
    if !marked {
        return new.commit(new.transaction().delete_at(&Rollback::key(), version)).await;
    }
    let mark = Rollback { cause: RollbackCause::Restored, since_ms: Some(now.millis()) };
    let transaction = new.transaction().replace_at(&Rollback::key(), version, &mark);
    let transaction = match new.get::<SessionFloor>(floor_name()).await? {
        _ if keep_sessions => transaction,
        None => transaction.create(floor_name(), &SessionFloor::at(now)),
        Some(floor) => {
            let later = floor.value.join(SessionFloor::at(now));
            transaction.replace(floor_name(), floor.version, &later)
        }
    };
    new.commit(transaction).await
}
