//! Files: the locked store file, and putting a whole one into its place.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use redb::StorageBackend;

use crate::open::OpenError;

/// A store file under an exclusive lock (`flock`), which lasts until it is dropped.
#[derive(Debug)]
pub(super) struct LockedFile(File);

/// What the file will be used for.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadWrite,
}

impl LockedFile {
    /// Opens and locks the file at `path`, before a byte is read.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, OpenError> {
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(access == Access::ReadWrite);
            let file = options.open(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => OpenError::NotFound,
                _ => OpenError::Io(error),
            })?;
            let file = Self::lock(file)?;
            // A restore may have put another file there between opening and locking.
            let (ours, there) = (file.0.metadata()?, std::fs::metadata(path));
            if there.is_ok_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev()) {
                return Ok(file);
            }
        }
    }

    fn lock(file: File) -> Result<Self, OpenError> {
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
            Err(TryLockError::Error(error)) => Err(OpenError::Io(error)),
        }
    }

    /// Length in bytes.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

impl StorageBackend for LockedFile {
    fn len(&self) -> io::Result<u64> {
        self.bytes()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}

/// A new file that is built beside its place. Dropped without [`Self::place`], it leaves nothing behind.
pub(super) struct NewFile {
    temporary: PathBuf,
    target: PathBuf,
}

impl NewFile {
    /// An empty, locked file of mode 0600 beside `target`.
    pub(super) fn beside(target: &Path) -> Result<(Self, LockedFile), OpenError> {
        for attempt in 0..1000_u32 {
            let temporary = sibling(target, &format!("new-{}-{attempt}", std::process::id()))?;
            let mut options = OpenOptions::new();
            match options.read(true).write(true).create_new(true).mode(0o600).open(&temporary) {
                Ok(file) => {
                    let new = Self { temporary, target: target.to_owned() };
                    return Ok((new, LockedFile::lock(file)?));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(OpenError::Io(io::ErrorKind::AlreadyExists.into()))
    }

    /// Puts the file into its place, where there must be none, and makes that durable.
    pub(super) fn place(self) -> Result<(), OpenError> {
        // A hard link is the rename that does not replace.
        match std::fs::hard_link(&self.temporary, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(OpenError::AlreadyExists);
            }
            // A file system without hard links: check, then rename. Of two that race, the later one wins.
            Err(_) if !exists(&self.target)? => std::fs::rename(&self.temporary, &self.target)?,
            Err(_) => return Err(OpenError::AlreadyExists),
        }
        sync_folder(&self.target)
    }

    /// Puts the file into its place instead of the one that is there, and makes that durable.
    pub(super) fn replace(self) -> Result<(), OpenError> {
        std::fs::rename(&self.temporary, &self.target)?;
        sync_folder(&self.target)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After a rename there is nothing to remove.
        if let Err(error) = std::fs::remove_file(&self.temporary)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.temporary.display(), %error, "a temporary file stays behind");
        }
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

fn sync_folder(path: &Path) -> Result<(), OpenError> {
    Ok(File::open(folder(path))?.sync_all()?)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `<path>.<suffix>`
fn sibling(path: &Path, suffix: &str) -> Result<PathBuf, OpenError> {
    let name = path.file_name().ok_or_else(|| OpenError::Io(io::ErrorKind::InvalidFilename.into()))?;
    let mut name = name.to_owned();
    name.push(".");
    name.push(suffix);
    Ok(path.with_file_name(name))
}
