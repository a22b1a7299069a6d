//! The lock file beside a store: `<store>.lock`. It is never renamed and never deleted, so it stays the same file when the store file is
//! moved, replaced or restored. The store file itself is locked too: an older jwtis knows no other lock.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
};

use super::{paths, place};
use crate::open_error::OpenError;

/// What the file will be used for.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadWrite,
}

/// Nobody else opens the store while this lives.
#[derive(Debug)]
pub(super) struct Lock {
    /// `None` where there is no lock file and none can be, or need be, made.
    _file: Option<File>,
}

impl Lock {
    /// Of a file that nobody else can know yet, or that only its own lock guards.
    pub(super) fn none() -> Self {
        Self { _file: None }
    }

    /// Locks the lock file of the store at `path`. It is made when it is missing, but not by those who only read: a backup that is
    /// checked needs none, its own lock keeps writers out.
    pub(super) fn take(path: &Path, access: Access) -> Result<Self, OpenError> {
        let store = real(path)?;
        let path = paths::sibling(&store, "lock")?;
        loop {
            let mut options = OpenOptions::new();
            options.read(true);
            if access == Access::ReadWrite {
                options.write(true).create(true).truncate(false).mode(0o600);
            }
            let file = match options.open(&path) {
                Ok(file) => file,
                Err(error) if access == Access::Read && error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Self::none());
                }
                // A folder that we may not write in, around a store file that we may.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                    ) && !paths::exists(&path)? =>
                {
                    tracing::warn!(path = %path.display(), %error, "no lock file can be made; the store file's own lock must do");
                    return Ok(Self::none());
                }
                Err(error) => return Err(error.into()),
            };
            give_to_owner_of(&store, &file);
            try_lock(&file)?;
            // Somebody may have removed it between opening and locking.
            if place::is_at(&file, &path)? {
                return Ok(Self { _file: Some(file) });
            }
        }
    }
}

/// Locks an open file, or says that somebody else has.
pub(super) fn try_lock(file: &File) -> Result<(), OpenError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => Err(OpenError::Io(error)),
    }
}

/// The path without links, so that all names of a store have one lock file. A store that is not there yet has no links.
fn real(path: &Path) -> Result<PathBuf, OpenError> {
    match std::fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// A lock file that root has made must not keep the server out, which runs as the owner of the store.
fn give_to_owner_of(store: &Path, lock: &File) {
    if let (Ok(store), Ok(ours)) = (std::fs::metadata(store), lock.metadata())
        && (store.uid(), store.gid()) != (ours.uid(), ours.gid())
    {
        // Only root may; for others the lock is theirs, which is what it was before.
        drop(fchown(lock, Some(store.uid()), Some(store.gid())));
    }
}
