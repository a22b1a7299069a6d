//! Why a store was not made, opened or maintained.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    keyslot::{FORMAT, SlotError},
    read_error::{BoxError, ReadError},
};

/// Why a store was not made, opened or maintained. The file is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no file.
    #[error("there is no store file")]
    NotFound,
    /// There is a file already, and nobody said to replace it.
    #[error("there is a file already")]
    AlreadyExists,
    /// No key slot opens with this password.
    #[error("wrong password for {}", path.display())]
    WrongPassword {
        /// The store.
        path: PathBuf,
    },
    /// The file has no password: it is not sealed.
    #[error("{} is not sealed", path.display())]
    NotSealed {
        /// The file.
        path: PathBuf,
    },
    /// The file has a password, and is to be opened without.
    #[error("{} is sealed with a password", path.display())]
    Sealed {
        /// The file.
        path: PathBuf,
    },
    /// Another process, or another part of this one, has the store open.
    #[error("the store is in use by another process")]
    InUse,
    /// The file is not what a store wrote.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// The part, or the record by table and key.
        what: String,
    },
    /// The file was written by a newer release.
    #[error("the store has format {found}, and this release knows up to {known}")]
    NewerFormat {
        /// The file's format.
        found: u16,
        /// The newest that this release reads.
        known: u16,
    },
    /// There is no store file, and there is the witness of one.
    #[error("there is no store file, and its witness {} is there", witness.display())]
    StoreGone {
        /// The witness.
        witness: PathBuf,
    },
    /// The witness beside the store is that of another store.
    #[error("the witness {} belongs to another store", witness.display())]
    WitnessOfAnother {
        /// The witness.
        witness: PathBuf,
    },
    /// The witness does not verify under the store's key.
    #[error("the witness {} is damaged, or was changed by somebody else", witness.display())]
    WitnessDamaged {
        /// The witness.
        witness: PathBuf,
    },
    /// A witness cannot be written there.
    #[error("the witness cannot be at {}, which is {what}", witness.display())]
    WitnessMisplaced {
        /// The place.
        witness: PathBuf,
        /// What is there, or belongs there.
        what: &'static str,
    },
    /// The witness, which was put at a place of its own, cannot be written there.
    #[error("the witness {} cannot be written", witness.display())]
    WitnessUnwritable {
        /// The witness.
        witness: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file system or the engine refused.
    #[error("the store cannot be used")]
    Io(#[from] io::Error),
}

impl OpenError {
    pub(crate) fn other(error: impl Into<BoxError>) -> Self {
        Self::Io(io::Error::other(error))
    }

    pub(crate) fn from_read(error: ReadError) -> Self {
        match error {
            ReadError::Damaged { record } => Self::Damaged { what: record },
            ReadError::Unavailable(source) => Self::other(source),
        }
    }

    pub(crate) fn from_slots(error: SlotError, path: &Path) -> Self {
        match error {
            SlotError::WrongPassword => Self::WrongPassword { path: path.to_owned() },
            SlotError::NotSealed => Self::NotSealed { path: path.to_owned() },
            SlotError::Sealed => Self::Sealed { path: path.to_owned() },
            SlotError::Damaged(what) => Self::Damaged { what },
            SlotError::NewerFormat { found } => Self::NewerFormat { found, known: FORMAT },
            SlotError::Crypto(error) => Self::other(error),
        }
    }
}
