//! The lock file beside a store: `<store>.lock`. It is never renamed and never deleted, so it stays the same file when the store file is
//! moved, replaced or restored. The store file itself is locked too: an older jwtis knows no other lock.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::Path,
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
    /// None where there is no lock file and none can be, or need be, made.
    _files: Vec<File>,
}

impl Lock {
    /// Of a file that nobody else can know yet, or that only its own lock guards.
    pub(super) fn none() -> Self {
        Self { _files: Vec::new() }
    }

    /// Locks the lock file of the store at `path`, so that all names of a store have one, and one beside each symbolic link on the way: while
    /// one server runs, no second one starts by the same path on what a link is pointed to then. They are made when they are missing, but not
    /// by those who only read: a backup that is checked needs none, its own lock keeps writers out.
    pub(super) fn take(path: &Path, access: Access) -> Result<Self, OpenError> {
        let (store, mut locks) = paths::resolve(path)?;
        locks.push(paths::sibling(&store, "lock")?);
        let mut files = Vec::new();
        for lock in locks {
            files.extend(take_file(&store, &lock, access)?);
        }
        Ok(Self { _files: files })
    }
}

/// Locks the file at `path`, one of those of `store`.
fn take_file(store: &Path, path: &Path, access: Access) -> Result<Option<File>, OpenError> {
    loop {
        let mut options = OpenOptions::new();
        options.read(true);
        if access == Access::ReadWrite {
            options.write(true).create(true).truncate(false).mode(0o600);
        }
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) if access == Access::Read && error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            // A folder that we may not write in, around a store file or a link that we may use.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) && !paths::exists(path)? =>
            {
                tracing::warn!(path = %path.display(), %error, "no lock file can be made; the store file's own lock must do");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        give_to_owner_of(store, &file);
        try_lock(&file)?;
        // Somebody may have removed it between opening and locking.
        if place::is_at(&file, path)? {
            return Ok(Some(file));
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

/// A lock file that root has made must not keep the server out, which runs as the owner of the store.
fn give_to_owner_of(store: &Path, lock: &File) {
    if let (Ok(store), Ok(ours)) = (std::fs::metadata(store), lock.metadata())
        && (store.uid(), store.gid()) != (ours.uid(), ours.gid())
    {
        // Only root may; for others the lock is theirs, which is what it was before.
        drop(fchown(lock, Some(store.uid()), Some(store.gid())));
    }
}
