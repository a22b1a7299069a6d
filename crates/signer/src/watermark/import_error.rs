//! Why watermarks of a base folder cannot be taken over.

use std::path::Path;

/// Why watermarks cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
#[expect(missing_docs, reason = "the names say it")]
pub struct ImportError {
    pub path: String,
    pub reason: String,
    pub fault: ImportFault,
}

/// What is wrong with watermarks that cannot be taken over.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum ImportFault {
    /// A signer has them open.
    InUse,
    /// They were there, and are gone or have gone back to an earlier state.
    Lost,
    /// They cannot be read.
    Unreadable,
}

impl ImportError {
    pub(super) fn new(path: &Path, reason: impl ToString) -> Self {
        Self { path: path.display().to_string(), reason: reason.to_string(), fault: ImportFault::Unreadable }
    }
}
