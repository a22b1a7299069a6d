//! Names beside a store file, and folders.

use std::{
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
