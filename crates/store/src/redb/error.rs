//! Why the database could not do what it was asked, and how damage is told from everything else.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use redb::DatabaseError;

use crate::{open_error::OpenError, read_error::ReadError, sealed::RecordKey};

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

/// The open file is not the one at its path, or not as this process left it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Displaced {
    #[error("the store file is gone from {0}: it was moved or deleted while it is open")]
    Gone(String),
    #[error("another file is at {0}: the store file was replaced while it is open")]
    Replaced(String),
    #[error(
        "another program has written into the store file {0}: its length or its header is not what this server left there"
    )]
    Overwritten(String),
    #[error("a copy of the store {path} went on elsewhere: the witness {witness} knows a later commit")]
    WentOnElsewhere { path: String, witness: String },
    #[error("whether the store file is still at {path}, unchanged, cannot be told")]
    Unknown { path: String, source: io::Error },
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

pub(super) fn closed() -> EngineError {
    EngineError::Io(std::io::Error::other("the store is closed"))
}

pub(super) fn read_error(error: EngineError, near: Option<&RecordKey>) -> ReadError {
    match (error, near) {
        (EngineError::Damaged(what), Some(key)) => {
            ReadError::Damaged { record: format!("table {}, key {key}: {what}", key.table()) }
        }
        (EngineError::Damaged(record), None) => ReadError::Damaged { record },
        (error @ (EngineError::Io(_) | EngineError::Redb(_) | EngineError::Displaced(_)), _) => {
            ReadError::Unavailable(error.into())
        }
    }
}

impl From<EngineError> for OpenError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Damaged(what) => Self::Damaged { what },
            EngineError::Io(error) => Self::Io(error),
            EngineError::Displaced(error) => Self::other(error),
            EngineError::Redb(error) => Self::other(error),
        }
    }
}
