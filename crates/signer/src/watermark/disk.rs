//! The few things that marks in files ask of a file system, so that tests can put one below that fails and loses power.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A file system.
pub(super) trait Disk: Send + 'static {
    /// An open file.
    type File;
    /// Holds a lock until it is dropped.
    type Lock: Send + 'static;

    /// What is at `path`, links followed; `None` where nothing is.
    fn look(&self, path: &Path) -> io::Result<Option<Entry>>;
    /// Names and kinds of what is in a folder, links not followed.
    fn list(&self, folder: &Path) -> io::Result<Vec<(String, Entry)>>;
    /// Opens a file for reading.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
    /// At most `limit` bytes from the file's beginning.
    fn read(&self, file: &mut Self::File, limit: u64) -> io::Result<Vec<u8>>;
    /// Makes an empty file of mode 0600 where nothing is, and never behind a link.
    fn create(&self, path: &Path) -> io::Result<Self::File>;
    /// Writes at the end of a file that was created.
    fn write(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;
    /// Makes the content of a file durable, not its name.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Gives a file or folder another name in its folder. A file there is replaced, a folder with something in it is not.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Makes a folder of mode 0750 where nothing is.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder and what is in it; links are removed, not followed.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Locks a file, which is made when it is missing; `None` while somebody else has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Self::Lock>>;
    /// Whether the file that was locked is the one at `path`. Where it is not, somebody else can lock the one that is.
    fn is_at(&self, lock: &Self::Lock, path: &Path) -> io::Result<bool>;
}

/// What a name stands for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, a socket, a device.
    Other,
}

/// The file system of the machine.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    type File = File;
    type Lock = File;

    fn look(&self, path: &Path) -> io::Result<Option<Entry>> {
        match fs::metadata(path) {
            Ok(there) => Ok(Some(entry(there.file_type()))),
            // A link to nothing is not nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(path) {
                Ok(_) => Ok(Some(Entry::Other)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, Entry)>> {
        fs::read_dir(folder)?
            .map(|there| {
                let there = there?;
                Ok((there.file_name().to_string_lossy().into_owned(), entry(there.file_type()?)))
            })
            .collect()
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        File::open(path)
    }

    fn read(&self, file: &mut File, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o750).create(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        loop {
            let file = match self.create(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    OpenOptions::new().read(true).write(true).open(path)?
                }
                created => created?,
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Somebody may have put another file there between opening and locking.
            if self.is_at(&file, path)? {
                return Ok(Some(file));
            }
        }
    }

    fn is_at(&self, lock: &File, path: &Path) -> io::Result<bool> {
        match (lock.metadata()?, fs::metadata(path)) {
            (ours, Ok(there)) => Ok(there.ino() == ours.ino() && there.dev() == ours.dev()),
            (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            (_, Err(error)) => Err(error),
        }
    }
}

fn entry(kind: fs::FileType) -> Entry {
    if kind.is_file() {
        Entry::File
    } else if kind.is_dir() {
        Entry::Folder
    } else {
        Entry::Other
    }
}
