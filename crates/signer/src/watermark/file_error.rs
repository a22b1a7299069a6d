//! Why files of watermarks cannot be used.

use std::io;
use std::path::Path;

use jwtis_store::OpenError;

use super::WatermarkError;
use super::import::ImportError;

/// Why a folder of watermarks cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another process has it.
    #[error("{0} is in use by another signer")]
    InUse(String),
    /// A file is not what it should be.
    #[error("the watermarks cannot be read")]
    Watermarks(#[from] ImportError),
    /// Watermarks were there, and are not any more.
    #[error("{path} {how}")]
    Lost {
        /// The file or folder.
        path: String,
        /// How it is known.
        how: String,
    },
    /// The file of the store's engine cannot be opened.
    #[error("{path} cannot be opened")]
    Engine {
        /// The file.
        path: String,
        /// Why.
        source: OpenError,
    },
    /// The store that kept the watermarks before has gone back to an earlier state.
    #[error("the store may not know all watermarks that the file would take over: {0}")]
    StoreWentBack(&'static str),
    /// What was found cannot be taken over.
    #[error("the watermarks of {path} cannot be taken over")]
    NotTaken {
        /// The folder.
        path: String,
        /// Why.
        source: WatermarkError,
    },
    /// The file system refuses.
    #[error("{path} cannot be used")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl FileError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.display().to_string(), source }
    }

    pub(super) fn lost(path: &Path, how: impl ToString) -> Self {
        Self::Lost { path: path.display().to_string(), how: how.to_string() }
    }
}
