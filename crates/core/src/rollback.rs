//! A store that has gone back to an earlier state: what it refuses, and how that ends.
//!
//! After a restore, or when an older copy of the file was put into its place, a store may not know what was signed, spent or revoked
//! since. Then it is marked ([`jwtis_store::Rollback`]). While the mark is there,
//!
//! * consensus keys whose watermarks are in the store sign nothing;
//! * keys with a limit over time sign nothing that counts, for one window;
//! * every session opened before counts as revoked, and stays so.
//!
//! `jwtis store accept-rollback` ends the state. Where the store that was replaced can be read, [`takeover`] takes over from it what must
//! not go back, and no mark is needed.

pub(crate) mod deleted;
pub mod takeover;

use jwtis_store::{
    CommitError, DecodeError, Name, ReadError, Record, Rollback, RollbackCause, Store, Stored, Table,
};
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::env::Timestamp;
use crate::session::{decode_json, encode_json};

/// What an operator does about a marked store.
pub const HINT: &str = "raise the watermarks of the consensus keys with `jwtis watermark raise`, then end this state with `jwtis store accept-rollback`";

/// Why, in words.
#[must_use]
pub const fn words(cause: RollbackCause) -> &'static str {
    match cause {
        RollbackCause::Restored => "the store was restored from a backup",
        RollbackCause::BehindWitness => "the store file is older than its witness",
    }
}

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

/// The mark of `store`.
///
/// # Errors
/// When the store cannot be read.
pub async fn mark(store: &Store) -> Result<Option<Rollback>, ReadError> {
    Ok(stored_mark(store).await?.map(|stored| stored.value))
}

async fn stored_mark(store: &Store) -> Result<Option<Stored<Rollback>>, ReadError> {
    store.get_key::<Rollback>(&Rollback::key()).await
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

/// Marks a store.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn begin(store: &Store, cause: RollbackCause) -> Result<(), CommitError> {
    let mark = Rollback { cause, since_ms: None };
    let transaction = match stored_mark(store).await? {
        Some(stored) => store.transaction().replace_at(&Rollback::key(), stored.version, &mark),
        None => store.transaction().create_at(&Rollback::key(), &mark),
    };
    store.commit(transaction).await
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

/// The mark of a store as read once: nobody changes it while the store is open.
#[derive(Default)]
pub(crate) struct KnownMark(OnceCell<Option<Rollback>>);

impl KnownMark {
    pub(crate) async fn of(&self, store: &Store) -> Result<Option<Rollback>, ReadError> {
        self.0.get_or_try_init(|| mark(store)).await.copied()
    }
}
