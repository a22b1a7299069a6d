//! Where a witness may be written: never over a store or what belongs to one, and over no file that is no witness.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::paths;
use crate::open_error::OpenError;

/// How each witness begins.
pub(super) const HEAD: &str = "jwtis witness 1";

/// More bytes than any witness has.
pub(super) const MAX_BYTES: u64 = 1024;

/// That the witness at `witness` is none of the files of `store`, and none of those of the `backup` that is restored.
///
/// Files that are not there yet are compared by their paths, without links.
pub(crate) fn check_apart(witness: &Path, store: &Path, backup: Option<&Path>) -> Result<(), OpenError> {
    // What is written first is its sibling.
    let written = [Some(witness.to_owned()), paths::sibling(witness, "new").ok()];
    for written in written.iter().flatten() {
        for (of, which) in [(Some(store), "the store"), (backup, "the backup")] {
            let Some(of) = of else { continue };
            if is_same(written, of) {
                return Err(misplaced(written, which));
            }
            let of = real(of);
            if paths::sibling(&of, "lock").is_ok_and(|lock| is_same(written, &lock)) {
                return Err(misplaced(written, "the lock file of a store"));
            }
            if is_kept_aside(&real(written), &of) {
                return Err(misplaced(written, "a store that a restore has kept"));
            }
        }
    }
    match fs::metadata(witness) {
        Ok(there) if !there.is_file() => Err(misplaced(witness, "no regular file")),
        // What cannot be looked at is told when it is read.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// That at `path` is nothing, an empty file, or what begins as a witness does: a write may take its place.
pub(super) fn check_replaceable(path: &Path) -> Result<(), OpenError> {
    use io::Read as _;
    let there = match fs::metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // A pipe is not opened: it would hold up the writer.
    if !there.is_file() {
        return Err(misplaced(path, "no regular file"));
    }
    let mut begins = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut begins)?;
    // A process that was killed may have written a part.
    let begins_so =
        begins.starts_with(format!("{HEAD}\n").as_bytes()) || HEAD.as_bytes().starts_with(&begins);
    if there.len() <= MAX_BYTES && begins_so {
        Ok(())
    } else {
        Err(misplaced(path, "a file that is no witness"))
    }
}

fn misplaced(witness: &Path, what: &'static str) -> OpenError {
    OpenError::WitnessMisplaced { witness: witness.to_owned(), what }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    real(one) == real(other) || place(one).is_some_and(|one| place(other) == Some(one))
}

/// The path without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(path) {
        return path;
    }
    match (fs::canonicalize(paths::folder(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// Whether `path` has a name that [`paths::keep_aside`] gives to `store`.
fn is_kept_aside(path: &Path, store: &Path) -> bool {
    let name = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    path.parent() == store.parent()
        && name(path)
            .zip(name(store))
            .is_some_and(|(path, store)| path.starts_with(&format!("{store}.before-restore-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(outcome: Result<(), OpenError>) -> Option<&'static str> {
        match outcome {
            Ok(()) => None,
            Err(OpenError::WitnessMisplaced { what, .. }) => Some(what),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_witness_at_the_place_of_a_store_its_lock_a_backup_or_a_kept_store_is_refused_by_path_link_and_inode()
    {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("data")).unwrap();
        let (store, backup) = (at("data/keys.db"), at("b.db"));
        let said = |name: &str| what(check_apart(&at(name), &store, Some(&backup)));
        for (name, wanted) in [
            ("data/keys.db", Some("the store")),
            ("data/../data/keys.db", Some("the store")),
            ("data/keys.db.lock", Some("the lock file of a store")),
            ("data/keys.db.before-restore-1", Some("a store that a restore has kept")),
            ("b.db", Some("the backup")),
            ("data/keys.db.witness", None),
            ("keys.db", None),
            ("data", Some("no regular file")),
        ] {
            assert_eq!(said(name), wanted, "{name}, nothing there yet");
        }
        for file in [&store, &backup] {
            fs::write(file, "a store").unwrap();
        }
        std::os::unix::fs::symlink("data/keys.db", at("link")).unwrap();
        fs::hard_link(&backup, at("second-name")).unwrap();
        fs::hard_link(&store, at("of-mine.new")).unwrap();
        assert_eq!(said("link"), Some("the store"));
        assert_eq!(said("second-name"), Some("the backup"));
        assert_eq!(said("of-mine"), Some("the store"), "its draft would be written there");
        assert_eq!(what(check_apart(&at("data/keys.db"), &at("link"), None)), Some("the store"));
    }

    #[test]
    fn only_nothing_an_empty_file_and_what_begins_as_a_witness_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w");
        assert_eq!(what(check_replaceable(&path)), None);
        let long = format!("{HEAD}\n{}", "x".repeat(2000));
        for (text, free) in [
            ("", true),
            ("jwtis wit", true),
            ("jwtis witness 1\ngarbage", true),
            ("garbage", false),
            ("jwtis witnesses", false),
            (&long, false),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(what(check_replaceable(&path)).is_none(), free, "{text:.30}");
        }
        assert_eq!(what(check_replaceable(folder.path())), Some("no regular file"));
    }
}
