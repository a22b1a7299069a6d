//! Making and opening a store.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    backend::{BoxError, ReadError},
    keyslot::{FORMAT, KdfParams, Password, SlotError},
    memory::MemoryBackend,
    redb,
    rollback::{Witnessed, witness_beside},
    seal::{DataKey, Keys},
    store::Store,
};

/// Makes a new store at `path`: a file of mode 0600, and its folder with mode 0700 if there is none.
///
/// The file is built beside `path` and put there when it is whole and durable, so that a half-made one is never
/// met; of two that try at once, one wins. It has no witness before [`Store::keep_witness`] or the next opening.
///
/// # Errors
/// [`OpenError::AlreadyExists`] if there is a file at `path`, [`OpenError::InUse`] while somebody else makes one,
/// [`OpenError::Io`] if the disk refuses.
pub fn create_redb(path: &Path, password: &Password, params: KdfParams) -> Result<Store, OpenError> {
    let (store, unplaced) = stage_redb(path, password, params)?;
    unplaced.place()?;
    Ok(store)
}

/// As [`create_redb`], for those who have something to do before the store gets its name: it can be used, and lies beside `path` under the
/// lock of `path` until it is [placed](Unplaced::place).
///
/// # Errors
/// As [`create_redb`].
pub fn stage_redb(
    path: &Path,
    password: &Password,
    params: KdfParams,
) -> Result<(Store, Unplaced), OpenError> {
    let (store, file) = redb::stage(path, Secret::Password(password), params)?;
    Ok((store, Unplaced(file)))
}

/// A new store that has no name yet. Dropped, it leaves none; the open store is good for nothing then.
#[derive(Debug)]
#[must_use = "a store that is not placed is gone when it is closed"]
pub struct Unplaced(redb::NewFile);

impl Unplaced {
    /// Gives the store its name, durably. The open store stays open and locked.
    ///
    /// # Errors
    /// [`OpenError::AlreadyExists`] if there is a file, [`OpenError::Io`] if the disk refuses. No store is left behind then.
    pub fn place(self) -> Result<(), OpenError> {
        self.0.place()
    }
}

/// Opens the store at `path` and locks it. Checks the whole file; writes to it only after both the file and the
/// password have proved right. Its witness is the one beside it ([`witness_beside`]).
///
/// # Errors
/// See [`OpenError`]; the file is as it was in each.
pub fn open_redb(path: &Path, password: &Password) -> Result<Store, OpenError> {
    redb::open(path, &witness_beside(path), Secret::Password(password))
}

/// As [`open_redb`], with the witness at `witness`.
///
/// A store that is older than its witness is marked ([`crate::Rollback`]). A witness that is missing is made.
///
/// # Errors
/// As [`open_redb`].
pub fn open_redb_beside(path: &Path, witness: &Path, password: &Password) -> Result<Store, OpenError> {
    redb::open(path, witness, Secret::Password(password))
}

/// As [`open_redb_beside`], whatever the witness says: for who accepts that. The witness stays as it is until
/// [`Store::keep_witness`].
///
/// # Errors
/// As [`open_redb`], but for those of the witness.
pub fn open_redb_unwitnessed(
    path: &Path,
    witness: &Path,
    password: &Password,
) -> Result<(Store, Witnessed), OpenError> {
    redb::open_unwitnessed(path, witness, Secret::Password(password))
}

/// As [`stage_redb`], for a file that is not sealed: its records are in clear, and it needs no password.
///
/// # Errors
/// As [`create_redb`].
pub fn stage_unsealed(path: &Path) -> Result<(Store, Unplaced), OpenError> {
    let (store, file) = redb::stage(path, Secret::None, KdfParams::default())?;
    Ok((store, Unplaced(file)))
}

/// As [`open_redb_beside`], for a file that is not sealed.
///
/// # Errors
/// As [`open_redb`]; [`OpenError::Sealed`] where the file has a password.
pub fn open_unsealed(path: &Path, witness: &Path) -> Result<Store, OpenError> {
    redb::open(path, witness, Secret::None)
}

/// As [`open_redb_unwitnessed`], for a file that is not sealed.
///
/// # Errors
/// As [`open_unsealed`], but for those of the witness.
pub fn open_unsealed_unwitnessed(path: &Path, witness: &Path) -> Result<(Store, Witnessed), OpenError> {
    redb::open_unwitnessed(path, witness, Secret::None)
}

/// Opens a file that is not sealed for reading alone. Nothing is written, and commits are refused.
///
/// # Errors
/// As [`open_unsealed`], but for those of the witness, which is not looked at.
pub fn read_unsealed(path: &Path) -> Result<Store, OpenError> {
    redb::read(path, Secret::None)
}

/// What opens a file.
#[derive(Copy, Clone)]
pub(crate) enum Secret<'p> {
    Password(&'p Password),
    /// Nothing: the file is not sealed.
    None,
}

/// A throw-away store in memory, under a random key that nobody has.
///
/// # Panics
/// If the system has no randomness.
#[expect(
    clippy::panic,
    reason = "without randomness there is no store, and a throw-away one has nobody to tell"
)]
pub fn open_memory() -> Store {
    match DataKey::random().and_then(|key| Keys::derive(&key)) {
        Ok(keys) => Store::over(Arc::new(MemoryBackend::new()), Arc::new(keys)),
        Err(error) => panic!("{error}"),
    }
}

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
