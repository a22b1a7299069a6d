//! The open store file, and what this process last left in it: its length and its header.
//!
//! Another program that writes into the file (`cp older.db keys.db`, `truncate`) keeps its name and its inode. It does not keep length and
//! header: the commit slots in the header hold checksums of all that belongs to the commit. A change elsewhere in the file is not seen here;
//! records are sealed, and a start looks at every page.
//!
//! All writes of this process go through here. One lock is held while the header or the length changes together with what is known of them,
//! and while they are compared. So any thread may compare at any time, and never takes a change of our own for a foreign one.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::header::HEADER_BYTES;

/// An open file.
#[derive(Debug)]
pub(super) struct Contents {
    file: File,
    /// What was left in the file; `None` while it cannot be read.
    left: RwLock<Option<Left>>,
}

/// As much of a file as is compared.
#[derive(PartialEq, Eq, Debug)]
struct Left {
    length: u64,
    /// Zeros behind the end of the file.
    header: [u8; HEADER_BYTES],
}

impl Contents {
    /// From now on all changes to `file` are made here.
    pub(super) fn new(file: File) -> Self {
        let left = RwLock::new(Left::read(&file).ok());
        Self { file, left }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Whether the file is as this process left it.
    pub(super) fn is_ours(&self) -> io::Result<bool> {
        match &*self.left() {
            Some(left) => Ok(*left == Left::read(&self.file)?),
            None => Ok(true),
        }
    }

    pub(super) fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let end = offset.saturating_add(data.len() as u64);
        let inside = self.left().as_ref().is_some_and(|left| end <= left.length);
        if inside && offset >= HEADER_BYTES as u64 {
            return self.file.write_all_at(data, offset);
        }
        self.change(
            |file| file.write_all_at(data, offset),
            |left| {
                left.length = left.length.max(end);
                let at = usize::try_from(offset).unwrap_or(usize::MAX);
                let header = left.header.get_mut(at..).unwrap_or_default();
                header.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
            },
        )
    }

    pub(super) fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(
            |file| file.set_len(length),
            |left| {
                left.length = length;
                let end = usize::try_from(length).unwrap_or(usize::MAX);
                left.header.get_mut(end..).unwrap_or_default().fill(0);
            },
        )
    }

    /// Makes a change and notes it, unless somebody else has made one before: to write over that would hide it.
    fn change(
        &self,
        make: impl FnOnce(&File) -> io::Result<()>,
        note: impl FnOnce(&mut Left),
    ) -> io::Result<()> {
        let mut left = self.left_mut();
        if let Some(left) = &*left
            && *left != Left::read(&self.file)?
        {
            return Err(io::Error::other("another program has written into the store file"));
        }
        let made = make(&self.file);
        match &mut *left {
            Some(left) if made.is_ok() => note(left),
            // How far it came, only the file knows.
            _ => *left = Left::read(&self.file).ok(),
        }
        made
    }

    fn left(&self) -> RwLockReadGuard<'_, Option<Left>> {
        self.left.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn left_mut(&self) -> RwLockWriteGuard<'_, Option<Left>> {
        self.left.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Left {
    fn read(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut header = [0; HEADER_BYTES];
        let mut at = 0;
        while let Some(rest @ [_, ..]) = header.get_mut(at..) {
            match file.read_at(rest, at as u64) {
                Ok(0) => break,
                Ok(count) => at += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { length, header })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(write: bool) -> (tempfile::NamedTempFile, Contents) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 10_000]).unwrap();
        let opened = File::options().read(true).write(write).open(file.path()).unwrap();
        (file, Contents::new(opened))
    }

    #[test]
    fn own_changes_are_known() {
        let (_file, contents) = contents(true);
        for (offset, length) in [(0, 320), (9, 1), (300, 5000), (9_990, 100), (20_000, 1)] {
            contents.write(offset, &vec![1; length]).unwrap();
            assert!(contents.is_ours().unwrap(), "{length} bytes at {offset}");
        }
        for length in [30_000, 4096, 100, 0, 10_000] {
            contents.set_len(length).unwrap();
            assert!(contents.is_ours().unwrap(), "{length}");
        }
    }

    #[test]
    fn a_foreign_change_is_seen_and_neither_header_nor_length_is_changed_over_it() {
        type Change = fn(&File) -> io::Result<()>;
        let changes: [Change; 4] = [
            |file| file.write_all_at(b"x", 0),
            |file| file.write_all_at(b"x", 319),
            |file| file.set_len(4096),
            |file| file.write_all_at(b"x", 10_000),
        ];
        for change in changes {
            let (file, contents) = contents(true);
            change(file.as_file()).unwrap();
            let image = std::fs::read(file.path()).unwrap();
            assert!(!contents.is_ours().unwrap());
            contents.write(0, &[1; HEADER_BYTES]).unwrap_err();
            contents.set_len(20_000).unwrap_err();
            assert!(!contents.is_ours().unwrap());
            assert!(std::fs::read(file.path()).unwrap() == image);
        }
    }

    #[test]
    fn what_the_disk_refuses_is_no_foreign_change() {
        let (_file, contents) = contents(false);
        contents.write(0, &[1; HEADER_BYTES]).unwrap_err();
        contents.set_len(0).unwrap_err();
        assert!(contents.is_ours().unwrap());
    }
}
