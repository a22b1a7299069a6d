//! Putting a whole file into its place, and removing what killed processes left half-made.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    file::LockedFile,
    lock::{self, Lock},
    paths,
    place::{self, Place},
};
use crate::open_error::OpenError;

/// How redb files begin, once they are more than empty.
const MAGIC: &[u8; 9] = b"redb\x1a\x0a\xa9\x0d\x0a";

/// A new file that is built beside its place. Dropped without [`Self::place`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct NewFile {
    temporary: PathBuf,
    target: PathBuf,
    /// Keeps the file locked until it has its name, so that nobody takes it for a leftover.
    file: File,
    place: Arc<Place>,
}

impl NewFile {
    /// An empty, locked file of mode 0600 beside `target`.
    pub(super) fn beside(target: &Path) -> Result<(Self, LockedFile), OpenError> {
        Self::beside_under(target, Lock::none())
    }

    /// As [`Self::beside`], for a file that stays open under the lock of its place.
    pub(super) fn beside_under(target: &Path, lock: Lock) -> Result<(Self, LockedFile), OpenError> {
        if target.file_name().is_some_and(is_temporary) {
            let reserved = "its name is one of a copy that is being made, which a start removes; hint: choose a name that does not end in .new-NUMBER-NUMBER";
            return Err(OpenError::Io(io::Error::new(io::ErrorKind::InvalidInput, reserved)));
        }
        for attempt in 0..1000_u32 {
            let temporary = paths::sibling(target, &format!("new-{}-{attempt}", std::process::id()))?;
            let mut options = OpenOptions::new();
            let file = match options.read(true).write(true).create_new(true).mode(0o600).open(&temporary) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error.into()),
            };
            // Somebody who removes leftovers may have been quicker than we.
            if lock::try_lock(&file).is_err() || !place::is_at(&file, &temporary).unwrap_or_default() {
                continue;
            }
            let locked = LockedFile::new(file.try_clone()?, &temporary, lock);
            let new = Self { temporary, target: target.to_owned(), file, place: locked.place() };
            return Ok((new, locked));
        }
        Err(OpenError::Io(io::ErrorKind::AlreadyExists.into()))
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Where it will be.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// The file once more, under the same lock, after what was written to it has been closed.
    pub(super) fn reopened(&self) -> io::Result<LockedFile> {
        Ok(LockedFile::new(self.file.try_clone()?, &self.temporary, Lock::none()))
    }

    /// Puts the file into its place, where there must be none, and makes that durable.
    pub(crate) fn place(self) -> Result<(), OpenError> {
        // A hard link is the rename that does not replace.
        match std::fs::hard_link(&self.temporary, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(OpenError::AlreadyExists);
            }
            // A file system without hard links: check, then rename. Of two that race, the later one wins.
            Err(_) if !paths::exists(&self.target)? => std::fs::rename(&self.temporary, &self.target)?,
            Err(_) => return Err(OpenError::AlreadyExists),
        }
        self.place.move_to(&self.target);
        paths::sync_folder(&self.target)
    }

    /// Puts the file into its place instead of the one that is there, and makes that durable.
    pub(super) fn replace(self) -> Result<(), OpenError> {
        std::fs::rename(&self.temporary, &self.target)?;
        self.place.move_to(&self.target);
        paths::sync_folder(&self.target)
    }

    /// Takes the file's name away: it lives as long as it is open.
    pub(super) fn without_name(self) -> Result<File, OpenError> {
        Ok(self.file.try_clone()?)
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

/// Removes the copies of stores beside `path` that processes left behind which were killed during a first start, a backup or a restore.
/// A copy that somebody still writes is locked, and stays. What cannot be looked at stays, too: it is no obstacle.
pub(super) fn remove_leftovers(path: &Path) {
    for entry in std::fs::read_dir(paths::folder(path)).into_iter().flatten().flatten() {
        if !is_temporary(&entry.file_name()) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.path();
        match remove_leftover(&path) {
            Ok(true) => tracing::info!(path = %path.display(), "a half-made copy of a store is removed"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a half-made copy of a store stays behind")
            }
        }
    }
}

/// Removes the file if it is ours and nobody writes it.
fn remove_leftover(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    (&mut file).take(MAGIC.len() as u64).read_to_end(&mut head)?;
    let ours = head == MAGIC || head.iter().all(|byte| *byte == 0);
    let private = file.metadata()?.permissions().mode() & 0o077 == 0;
    let free = file.try_lock().is_ok();
    // A store that somebody has opened has these beside it; a copy that is being made has not.
    let opened = ["lock", "witness"].iter().any(|suffix| {
        paths::sibling(path, suffix).is_ok_and(|beside| paths::exists(&beside).unwrap_or(true))
    });
    let leftover = ours && private && free && !opened;
    if leftover {
        std::fs::remove_file(path)?;
    }
    Ok(leftover)
}

/// Names of files that are being made: `<name>.new-<process>-<number>`; in releases before the lock file also
/// `.jwtis-backup-<random>` and `<name>.first-start-<process>-<random>`.
fn is_temporary(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let all = |text: &str, of: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(of);
    let new = name.rsplit_once(".new-").and_then(|(_, numbers)| numbers.split_once('-'));
    new.is_some_and(|(process, number)| all(process, u8::is_ascii_digit) && all(number, u8::is_ascii_digit))
        || name.strip_prefix(".jwtis-backup-").is_some_and(|random| all(random, u8::is_ascii_hexdigit))
        || name.rsplit_once(".first-start-").and_then(|(_, rest)| rest.split_once('-')).is_some_and(
            |(process, random)| all(process, u8::is_ascii_digit) && all(random, u8::is_ascii_hexdigit),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, bytes: &[u8]) {
        std::fs::write(path, bytes).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn leftovers_of_dead_processes_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let image = [&MAGIC[..], b"the rest"].concat();
        let gone = [
            "store.db.new-17-0",
            "backup.db.new-4194304-999",
            ".jwtis-backup-0123456789abcdef0123456789abcdef",
            ".jwtis-backup-00.new-7-0",
            "store.db.first-start-12-00ff00ff00ff00ff",
        ];
        for name in gone {
            write(&at(name), &image);
        }
        write(&at("empty.new-1-0"), b"");
        let stays = [
            "store.db",
            "store.db.before-restore-1",
            "store.db.new-",
            "store.db.new-1",
            "store.db.new-1-x",
            "store.db.new-x-1",
            "store.db.new-1-0.txt",
            "new-1-0",
        ];
        for name in stays {
            write(&at(name), &image);
        }
        write(&at("letters.new-1-0"), b"a letter of somebody else");
        write(&at("shared.new-1-0"), &image);
        std::fs::set_permissions(at("shared.new-1-0"), std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::create_dir(at("folder.new-1-0")).unwrap();
        write(&at("opened.new-1-0"), &image);
        write(&at("opened.new-1-0.lock"), b"");
        assert!(NewFile::beside(&at("backup.new-2026-11")).is_err(), "a start would remove it");
        let (living, file) = NewFile::beside(&at("living.db")).unwrap();
        // As between the end of the writing and the renaming.
        drop(file);

        remove_leftovers(&at("store.db"));

        for name in gone.iter().chain(&["empty.new-1-0"]) {
            assert!(!at(name).exists(), "{name} stays");
        }
        for name in
            stays.iter().chain(&["letters.new-1-0", "shared.new-1-0", "folder.new-1-0", "opened.new-1-0"])
        {
            assert!(at(name).exists(), "{name} is gone");
        }
        living.place().unwrap();
        assert!(at("living.db").exists());
    }
}
