//! Making and opening a store.

use std::{path::Path, sync::Arc};

use crate::{
    keyslot::{KdfParams, Password},
    memory::MemoryBackend,
    open_error::OpenError,
    redb::{self, UnlockSecret},
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
    let (store, file) = redb::stage(path, UnlockSecret::Password(password), params)?;
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
    redb::open(path, &witness_beside(path), UnlockSecret::Password(password))
}

/// As [`open_redb`], with the witness at `witness`.
///
/// A store that is older than its witness is marked ([`crate::Rollback`]). A witness that is missing is made.
///
/// # Errors
/// As [`open_redb`].
pub fn open_redb_beside(path: &Path, witness: &Path, password: &Password) -> Result<Store, OpenError> {
    redb::open(path, witness, UnlockSecret::Password(password))
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
    redb::open_unwitnessed(path, witness, UnlockSecret::Password(password))
}

/// As [`stage_redb`], for a file that is not sealed: its records are in clear, and it needs no password.
///
/// # Errors
/// As [`create_redb`].
pub fn stage_unsealed(path: &Path) -> Result<(Store, Unplaced), OpenError> {
    let (store, file) = redb::stage(path, UnlockSecret::None, KdfParams::default())?;
    Ok((store, Unplaced(file)))
}

/// As [`open_redb_beside`], for a file that is not sealed.
///
/// # Errors
/// As [`open_redb`]; [`OpenError::Sealed`] where the file has a password.
pub fn open_unsealed(path: &Path, witness: &Path) -> Result<Store, OpenError> {
    redb::open(path, witness, UnlockSecret::None)
}

/// As [`open_redb_unwitnessed`], for a file that is not sealed.
///
/// # Errors
/// As [`open_unsealed`], but for those of the witness.
pub fn open_unsealed_unwitnessed(path: &Path, witness: &Path) -> Result<(Store, Witnessed), OpenError> {
    redb::open_unwitnessed(path, witness, UnlockSecret::None)
}

/// Opens a file that is not sealed for reading alone. Nothing is written, and commits are refused.
///
/// # Errors
/// As [`open_unsealed`], but for those of the witness, which is not looked at.
pub fn read_unsealed(path: &Path) -> Result<Store, OpenError> {
    redb::read(path, UnlockSecret::None)
}

/// As [`read_unsealed`], and what the witness at `witness` says of the file. Neither is changed.
///
/// # Errors
/// As [`read_unsealed`]; [`OpenError::StoreGone`] where there is a witness and no file.
pub fn read_unsealed_beside(path: &Path, witness: &Path) -> Result<(Store, Witnessed), OpenError> {
    redb::read_beside(path, witness, UnlockSecret::None)
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
