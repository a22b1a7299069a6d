//! The folder of watermark files: what is in it, and its lock.
//!
//! The lock is that of every release: one that keeps the watermarks in these files holds it as long as it runs. A second lock is outside of the
//! folder, which may be moved away and replaced while a signer runs.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The folder's name below a base folder: that of Signatory's newest version.
pub(super) const NAME: &str = "watermark_v2";

/// The file that is locked.
pub(super) const LOCK: &str = ".lock";

/// What a name stands for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum FolderEntry {
    File,
    Folder,
    /// A link, a socket, a device.
    Other,
}

/// The folder below `base_dir`.
pub(super) fn below(base_dir: &Path) -> PathBuf {
    base_dir.join(NAME)
}

/// What is at `path`, links followed; `None` where nothing is.
pub(super) fn look(path: &Path) -> io::Result<Option<FolderEntry>> {
    match fs::metadata(path) {
        Ok(there) => Ok(Some(entry(there.file_type()))),
        // A link to nothing is not nothing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Ok(Some(FolderEntry::Other)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// Names and kinds of what is in a folder, in order, links not followed.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(String, FolderEntry)>> {
    let name = |there: io::Result<fs::DirEntry>| {
        let there = there?;
        Ok((there.file_name().to_string_lossy().into_owned(), entry(there.file_type()?)))
    };
    let mut names: Vec<_> = fs::read_dir(folder)?.map(name).collect::<io::Result<_>>()?;
    names.sort_by(|one, two| one.0.cmp(&two.0));
    Ok(names)
}

/// At most `limit` bytes of a file.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes an empty file of mode 0600 where nothing is, and never behind a link.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes the names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder of mode 0750 and those above it, each durable in the one above.
pub(super) fn make(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || look(path)?.is_some() {
        return Ok(());
    }
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    make(above)?;
    match DirBuilder::new().mode(0o750).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| sync(above)),
    }
}

/// Held until it is dropped: no other signer uses the folder meanwhile.
#[derive(Debug)]
pub(super) struct FolderLock {
    file: File,
}

/// What a lock file says when watermarks were kept beside it.
const KEPT: &[u8] = b"watermarks were kept here\n";

impl FolderLock {
    /// Locks a folder; `None` while somebody else has it.
    pub(super) fn take(folder: &Path) -> io::Result<Option<Self>> {
        Self::take_file(&folder.join(LOCK))
    }

    /// Locks by the file at `path`; `None` while somebody else has it.
    pub(super) fn take_file(path: &Path) -> io::Result<Option<Self>> {
        loop {
            let file = match create(path) {
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
            let (ours, there) = (file.metadata()?, fs::metadata(path));
            match there {
                Ok(there) if (there.ino(), there.dev()) == (ours.ino(), ours.dev()) => {
                    return Ok(Some(Self { file }));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether somebody holds the lock of the file at `path`, which is not made.
    pub(super) fn is_held(path: &Path) -> io::Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        match file.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether watermarks were kept beside the lock file.
    pub(super) fn says_kept(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() > 0)
    }

    /// Notes, durably, that watermarks are kept beside the lock file.
    pub(super) fn note_kept(&self) -> io::Result<()> {
        if self.says_kept()? {
            return Ok(());
        }
        self.file.write_all_at(KEPT, 0)?;
        self.file.sync_all()
    }
}

/// Whether the lock file at `path` says that watermarks were kept beside it.
pub(super) fn says_kept(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        there => Ok(there?.len() > 0),
    }
}

fn entry(kind: fs::FileType) -> FolderEntry {
    if kind.is_file() {
        FolderEntry::File
    } else if kind.is_dir() {
        FolderEntry::Folder
    } else {
        FolderEntry::Other
    }
}
