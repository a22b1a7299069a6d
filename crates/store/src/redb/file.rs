//! The locked store file, and names beside it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::StorageBackend;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::{
    contents::Contents,
    lock::{self, Lock},
    place::{self, Place},
};
use crate::open::OpenError;

/// A store file under exclusive locks (`flock`), which last until it is dropped: its own, and that of the lock file beside it.
#[derive(Debug)]
pub(super) struct LockedFile {
    contents: Arc<Contents>,
    place: Arc<Place>,
    /// Held, and never looked at.
    _lock: Lock,
}

/// What the file will be used for.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadWrite,
}

/// How often a file is opened that is not at its path afterwards, before the file system is to blame.
const OPENINGS: u32 = 3;

impl LockedFile {
    /// Opens and locks the file at `path`, before a byte is read.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, OpenError> {
        Self::open_under(Lock::take(path, access)?, path, access)
    }

    /// As [`Self::open`], with the lock file locked already.
    pub(super) fn open_under(lock: Lock, path: &Path, access: Access) -> Result<Self, OpenError> {
        Self::open_comparing(lock, path, access, place::is_at)
    }

    fn open_comparing(
        lock: Lock,
        path: &Path,
        access: Access,
        is_at: fn(&File, &Path) -> io::Result<bool>,
    ) -> Result<Self, OpenError> {
        let mut openings = 1;
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(access == Access::ReadWrite);
            let file = options.open(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => OpenError::NotFound,
                _ => OpenError::Io(error),
            })?;
            lock::try_lock(&file)?;
            // A restore may have put another file there between opening and locking.
            let there = is_at(&file, path).unwrap_or_default();
            if there || openings == OPENINGS {
                if !there {
                    tracing::warn!(
                        path = %path.display(),
                        "this file system does not tell whether the store file is replaced: a running server will not notice it"
                    );
                }
                return Ok(Self::watched(file, path, there.then_some(is_at), lock));
            }
            openings += 1;
        }
    }

    /// A new file at `path`, which is locked already.
    pub(super) fn new(file: File, path: &Path, lock: Lock) -> Self {
        Self::watched(file, path, Some(place::is_at), lock)
    }

    fn watched(file: File, path: &Path, is_at: Option<place::IsAt>, lock: Lock) -> Self {
        let contents = Arc::new(Contents::new(file));
        let place = Arc::new(Place::new(contents.clone(), path, is_at));
        Self { contents, place, _lock: lock }
    }

    /// Where the file should be.
    pub(super) fn place(&self) -> Arc<Place> {
        self.place.clone()
    }

    /// Length in bytes.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        Ok(self.contents.file().metadata()?.len())
    }
}

impl StorageBackend for LockedFile {
    fn len(&self) -> io::Result<u64> {
        self.bytes()
    }

    /// Reads pages that redb does not have in memory. On a worker of a runtime its other tasks go on elsewhere meanwhile: whoever waits for
    /// the disk holds up nobody else.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut read = || self.contents.file().read_exact_at(out, offset);
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(read),
            _ => read(),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.contents.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.contents.file().sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.contents.write(offset, data)
    }
}

/// Keeps the file at `path` beside it, as `<name>.before-restore-<n>` with the first free number.
pub(super) fn keep_aside(path: &Path) -> Result<PathBuf, OpenError> {
    for number in 1..10_000_u32 {
        let aside = sibling(path, &format!("before-restore-{number}"))?;
        match std::fs::hard_link(path, &aside) {
            Ok(()) => return Ok(aside),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(_) if !exists(&aside)? => {
                // No hard links here: for a moment there is no file at `path`.
                std::fs::rename(path, &aside)?;
                return Ok(aside);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(OpenError::Io(io::ErrorKind::AlreadyExists.into()))
}

/// Whether something is at `path`.
pub(super) fn exists(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the folder of `path` with mode 0700 if there is none.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = folder(path);
    if exists(folder)? {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // The new folder's own name must survive a power cut, too.
    File::open(self::folder(folder))?.sync_all()
}

pub(super) fn sync_folder(path: &Path) -> Result<(), OpenError> {
    Ok(File::open(folder(path))?.sync_all()?)
}

pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `<path>.<suffix>`
pub(super) fn sibling(path: &Path, suffix: &str) -> Result<PathBuf, OpenError> {
    let name = path.file_name().ok_or_else(|| OpenError::Io(io::ErrorKind::InvalidFilename.into()))?;
    let mut name = name.to_owned();
    name.push(".");
    name.push(suffix);
    Ok(path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_file_system_tells_no_file_from_another_the_file_opens_and_is_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        let opened = |name, is_at| {
            let path = folder.path().join(name);
            std::fs::write(&path, "a store").unwrap();
            let lock = Lock::take(&path, Access::ReadWrite).unwrap();
            let place = LockedFile::open_comparing(lock, &path, Access::ReadWrite, is_at).unwrap().place();
            std::fs::remove_file(&path).unwrap();
            place
        };
        let unwatched = opened("one.db", |_, _| Ok(false));
        let watched = opened("two.db", place::is_at);
        assert!(unwatched.look(|_| panic!("it waits")).is_ok());
        assert!(watched.look(|_| {}).is_err());
    }
}
