//! Names beside a store file, and folders.

use std::{
    ffi::OsString,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::open_error::OpenError;

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

/// More links than any path passes through, as the kernel counts.
const MOST_LINKS: usize = 40;

/// Where `path` leads, and a name beside each symbolic link that it passes through, `<link>.<rest of the path>.lock`: two paths that pass
/// through one link have different names there. Nothing need be at the end of the path.
pub(super) fn resolve(path: &Path) -> io::Result<(PathBuf, Vec<PathBuf>)> {
    let parts = |path: &Path| -> Vec<OsString> {
        path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
    };
    let mut ahead = parts(&std::path::absolute(path)?);
    let (mut real, mut locks) = (PathBuf::new(), Vec::new());
    while let Some(part) = ahead.pop() {
        if part == ".." {
            real.pop();
            continue;
        }
        let here = real.join(&part);
        let Ok(target) = std::fs::read_link(&here) else {
            real = here;
            continue;
        };
        if locks.len() == MOST_LINKS {
            return Err(io::Error::other(format!("{} passes through too many links", path.display())));
        }
        let mut lock = part;
        for part in ahead.iter().rev() {
            lock.push(".");
            lock.push(part);
        }
        lock.push(".lock");
        locks.push(real.join(lock));
        ahead.extend(parts(&target));
    }
    Ok((real, locks))
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
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_resolved_to_its_end_and_each_link_has_a_place_for_a_lock() {
        let folder = tempfile::tempdir().unwrap();
        let base = std::fs::canonicalize(folder.path()).unwrap();
        std::fs::create_dir_all(base.join("disk/data")).unwrap();
        symlink("disk/data", base.join("middle")).unwrap();
        symlink("../../disk/data/keys.db", base.join("disk/data/again.db")).unwrap();
        symlink(base.join("middle/keys.db"), base.join("keys.db")).unwrap();
        symlink("round", base.join("round")).unwrap();
        for (path, real, locks) in [
            ("disk/./data/keys.db", "disk/data/keys.db", &[][..]),
            ("middle/keys.db", "disk/data/keys.db", &["middle.keys.db.lock"]),
            ("middle/other.db", "disk/data/other.db", &["middle.other.db.lock"]),
            ("middle/../up.db", "disk/up.db", &["middle....up.db.lock"]),
            ("keys.db", "disk/data/keys.db", &["keys.db.lock", "middle.keys.db.lock"]),
            ("disk/data/again.db", "disk/data/keys.db", &["disk/data/again.db.lock"]),
        ] {
            let locks = locks.iter().map(|lock| base.join(lock)).collect::<Vec<_>>();
            assert_eq!(resolve(&base.join(path)).unwrap(), (base.join(real), locks), "{path}");
        }
        assert!(resolve(&base.join("round/keys.db")).is_err());
    }
}
