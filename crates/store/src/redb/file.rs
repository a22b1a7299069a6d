//! The locked store file.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use redb::StorageBackend;

use super::{
    contents::Contents,
    lock::{self, Access, Lock},
    place::{self, Place},
};
use crate::open_error::OpenError;

/// A store file under exclusive locks (`flock`), which last until it is dropped: its own, and that of the lock file beside it.
#[derive(Debug)]
pub(super) struct LockedFile {
    contents: Arc<Contents>,
    place: Arc<Place>,
    /// Held, and never looked at.
    _lock: Lock,
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

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.contents.file().read_exact_at(out, offset)
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
