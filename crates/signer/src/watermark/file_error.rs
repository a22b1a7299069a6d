//! Why files of watermarks cannot be used.

use std::io;
use std::path::Path;

use jwtis_store::OpenError;

use super::WatermarkError;
use super::import_error::ImportError;

/// Why a folder of watermarks cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileError {
    #[error("{0} is in use by another signer")]
    InUse(String),
    #[error("the watermarks cannot be read")]
    Watermarks(#[from] ImportError),
    #[error("{path} {how}")]
    Lost { path: String, how: String },
    #[error("{path} cannot be opened")]
    Engine { path: String, source: OpenError },
    #[error("the store may not know all watermarks that the file would take over: {0}")]
    StoreWentBack(&'static str),
    #[error("the watermarks of {path} cannot be taken over")]
    NotTaken { path: String, source: WatermarkError },
    #[error("{path} cannot be used")]
    Io { path: String, source: io::Error },
}

impl FileError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.display().to_string(), source }
    }

    pub(super) fn lost(path: &Path, how: impl ToString) -> Self {
        Self::Lost { path: path.display().to_string(), how: how.to_string() }
    }
}
