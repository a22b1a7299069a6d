//! Why the database could not do what it was asked, and how damage is told from everything else.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use redb::DatabaseError;

use super::place::Displaced;

/// Why the database could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum EngineError {
    /// Bytes of the file are not what was written.
    #[error("{0}")]
    Damaged(String),
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The database refused.
    #[error(transparent)]
    Redb(redb::Error),
    /// The file is not where the next start will look for it.
    #[error(transparent)]
    Displaced(#[from] Displaced),
}

pub(super) fn database_error(error: DatabaseError) -> EngineError {
    match error {
        DatabaseError::UpgradeRequired(_) => EngineError::Damaged("a commit slot has no known format".into()),
        error => redb(error),
    }
}

/// Tells damage from everything else.
pub(super) fn redb(error: impl Into<redb::Error>) -> EngineError {
    match error.into() {
        redb::Error::Corrupted(what) => EngineError::Damaged(what),
        redb::Error::Io(error)
            if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            EngineError::Damaged(error.to_string())
        }
        redb::Error::Io(error) => EngineError::Io(error),
        redb::Error::TableDoesNotExist(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_) => EngineError::Damaged("the file holds no records table".into()),
        error => EngineError::Redb(error),
    }
}

/// redb panics where a file contradicts itself: that is damage, not the end of the program.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().map(String::as_str);
        let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(EngineError::Damaged(format!("the database contradicts itself: {what}")))
    })
}
