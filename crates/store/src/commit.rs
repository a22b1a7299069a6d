//! What becomes of a commit: done, in conflict, not written, or unknown.

use crate::{
    read_error::{BoxError, ReadError},
    sealed::RecordKey,
};

/// Why [`Store::commit`](crate::Store::commit) does not say that the change was made.
///
/// A caller matches on all three. Each asks for something else: decide again, report a failure, or say that nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody was faster, or the caller's view is old: read again, decide again. Nothing was written.
    #[error("record {key} is not as expected")]
    Conflict {
        /// The first key whose precondition does not hold.
        key: RecordKey,
    },
    /// Nothing was written, and nothing will be.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// The change was made, was not made, or will be made in a moment.
    #[error(transparent)]
    Unknown(#[from] OutcomeUnknown),
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// The engine cannot write now; a later try may succeed.
    #[error("the store cannot be written")]
    Unavailable(#[source] BoxError),
    /// No space or quota is left. The store serves reads, and recovers when there is space.
    #[error("no space left for the store")]
    Full(#[source] BoxError),
    /// The file system is mounted read-only.
    #[error("the store is on a read-only file system")]
    ReadOnly(#[source] BoxError),
    /// A record or page that the batch touches does not verify.
    #[error("the store is damaged: {record}")]
    Damaged {
        /// The record, by table and key; never its secret name.
        record: String,
    },
}

/// The engine cannot tell whether the change was made.
///
/// A read of the engine does not decide it: the change may land after the read, and what the read shows may not be durable. A new conditional
/// commit on the same record does. The record is in doubt until then: [`Store::get`](crate::Store::get) makes such a commit before it says
/// anything of the record, and a commit on it that is not written has an unknown outcome, too. So a caller who reads and decides again is
/// right.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot tell whether the change was made")]
pub struct OutcomeUnknown(#[source] pub BoxError);

/// Whether the change was made. `false` is a conflict, after which the caller reads and decides again.
///
/// # Errors
/// The other outcomes, which the caller's own error has to tell apart.
pub fn settled<E: From<NotWritten> + From<OutcomeUnknown>>(
    outcome: Result<(), CommitError>,
) -> Result<bool, E> {
    match outcome {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict { .. }) => Ok(false),
        Err(CommitError::NotWritten(error)) => Err(error.into()),
        Err(CommitError::Unknown(error)) => Err(error.into()),
    }
}

/// A change that was not tried because something before it could not be read.
impl From<ReadError> for NotWritten {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(source) => Self::Unavailable(source),
            ReadError::Damaged { record } => Self::Damaged { record },
        }
    }
}

impl From<ReadError> for CommitError {
    fn from(error: ReadError) -> Self {
        Self::NotWritten(error.into())
    }
}
