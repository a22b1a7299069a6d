//! What keys have spent, kept in the store so that a restart does not forget.

use jwtis_store::{CommitError, ReadError, Store};

/// The record of what each key has spent.
pub(crate) struct UsageBook {
    _store: Store,
}

impl UsageBook {
    pub(crate) const fn new(store: Store) -> Self {
        Self { _store: store }
    }
}

/// What a key has spent cannot be counted, so that nothing is signed.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// There is no store.
    #[error("the key has a limit over time, and there is no store to count in")]
    NoStore,
    /// The record cannot be read.
    #[error("what the key has spent cannot be read")]
    Read(#[from] ReadError),
    /// The record cannot be written.
    #[error("what the key has spent cannot be written")]
    Commit(#[from] CommitError),
}
