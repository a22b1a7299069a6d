//! What an operator does with a store that no server has open, and the backup of one that a server has.
//!
//! Each function says what it demands. None changes a file before it has proved that it may.

use std::{fs::File, path::Path};

use crate::{
    census::{Info, Report},
    chain::appended,
    keyslot::Password,
    open_error::OpenError,
    record::Record,
    redb::maintain,
    store::Store,
};

/// What the store at `path` says of itself. The file must be whole and not in use; it is not changed.
///
/// # Errors
/// See [`OpenError`]; a wrong password is not among them.
pub fn info(path: &Path) -> Result<Info, OpenError> {
    maintain::info(path)
}

/// Whether `password` opens the store at `path`, which must be whole and not in use. It is not changed.
///
/// # Errors
/// See [`OpenError`]; a wrong password is not among them.
pub fn opens_with(path: &Path, password: &Password) -> Result<bool, OpenError> {
    maintain::opens_with(path, password)
}

/// Looks at every page and opens every record of the store at `path`, which must not be in use. It is not changed.
///
/// # Errors
/// See [`OpenError`]. Records that do not verify are no error but named in the report; pages that do not are
/// [`OpenError::Damaged`].
pub fn check(path: &Path, password: &Password) -> Result<Report, OpenError> {
    maintain::check(path, password)
}

/// Makes `new` the password in the place of `old`, in one durable commit; the records stay as they are. The store
/// must not be in use. Whoever has an old copy of the file and the old password can still read that copy.
///
/// # Errors
/// See [`OpenError`]; the old password is in force in each.
pub fn change_password(path: &Path, old: &Password, new: &Password) -> Result<(), OpenError> {
    maintain::change_password(path, old, new, |_| None)
}

/// As [`change_password`]; `record` is appended to the chain of its type in that commit.
///
/// # Errors
/// See [`OpenError`]; the old password is in force in each.
pub fn change_password_with<T: Record>(
    path: &Path,
    old: &Password,
    new: &Password,
    record: &T,
) -> Result<(), OpenError> {
    maintain::change_password(path, old, new, |keys| Some((appended(keys, record), T::TABLE)))
}

impl Store {
    /// Writes a copy of the store as of now to a new file `path`, of mode 0600, while commits go on. The copy is
    /// whole and durable before it has its name. It opens with the password that the store has now.
    ///
    /// Blocks for as long as reading and writing all records takes: not on a thread that serves requests.
    ///
    /// # Errors
    /// [`OpenError::AlreadyExists`] if there is a file at `path`; [`OpenError::Io`], also for a store in memory,
    /// which has no password. Records that do not verify are copied as they are and named in the report.
    pub fn backup_to(&self, path: &Path) -> Result<Report, OpenError> {
        maintain::backup(self, path, false)
    }

    /// As [`Self::backup_to`], to a file in `folder` that has no name, so that nothing is left behind, whatever becomes of it. The file is
    /// read from its beginning.
    ///
    /// # Errors
    /// As [`Self::backup_to`].
    pub fn backup_without_name(&self, folder: &Path) -> Result<(File, Report), OpenError> {
        maintain::backup_without_name(self, folder)
    }

    /// As [`Self::backup_to`], in the place of the file that is at `path`.
    ///
    /// # Errors
    /// As [`Self::backup_to`]; the file at `path` is as it was in each.
    pub fn backup_over(&self, path: &Path) -> Result<Report, OpenError> {
        maintain::backup(self, path, true)
    }
}
