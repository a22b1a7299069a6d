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

pub mod deleted;
pub mod takeover;
mod trail;

use jwtis_store::{Cache, CommitError, ReadError, Record as _, Rollback, RollbackCause, Store, Stored};

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

/// The mark of `store`.
///
/// # Errors
/// When the store cannot be read.
pub async fn mark(store: &Store) -> Result<Option<Rollback>, ReadError> {
    Ok(stored_mark(store).await?.map(|stored| stored.value))
}

/// The mark of `store`, and its version.
///
/// # Errors
/// When the store cannot be read.
pub async fn stored_mark(store: &Store) -> Result<Option<Stored<Rollback>>, ReadError> {
    store.get_key::<Rollback>(&Rollback::key()).await
}

/// Marks a store.
///
/// # Errors
/// When the store cannot be read or written. Where the outcome is unknown, another call decides.
pub async fn begin(store: &Store, cause: RollbackCause) -> Result<(), CommitError> {
    let mark = Rollback { cause, since_ms: None };
    let transaction = match stored_mark(store).await? {
        Some(stored) => store.transaction().replace_at(&Rollback::key(), stored.version, &mark),
        None => store.transaction().create_at(&Rollback::key(), &mark),
    };
    store.commit(transaction).await
}

/// The mark of a store, read once until it changes.
#[derive(Debug)]
pub struct KnownMark {
    store: Store,
    mark: Cache<(), Option<Rollback>>,
}

impl KnownMark {
    /// The mark of `store`.
    #[must_use]
    pub fn of(store: &Store) -> Self {
        Self { store: store.clone(), mark: Cache::following(store, &Rollback::TABLE, 1, |_| 1) }
    }

    /// The mark as it is now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn now(&self) -> Result<Option<Rollback>, ReadError> {
        let missed = match self.mark.find(&()) {
            Ok(mark) => return Ok(mark),
            Err(missed) => missed,
        };
        let mark = mark(&self.store).await?;
        self.mark.keep(missed, (), Rollback::key(), &mark);
        Ok(mark)
    }
}
