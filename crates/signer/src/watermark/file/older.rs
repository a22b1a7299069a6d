//! What releases before this one left beside Signatory's files: `CHAIN.times` in the folder, and `watermark_v2.witness`, which names the
//! networks that had files. A start checks and joins them. They are removed when all is in the file of the store's engine.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::{AllWatermarks, ChainWatermarks};

use super::times;
use crate::watermark::copy::is_numbered;
use crate::watermark::file_error::FileError;
use crate::watermark::folder::{self, FolderEntry};
use crate::watermark::import::{ImportError, MAX_FILE_BYTES};

const WITNESS: &str = "watermark_v2.witness";
const WITNESS_FIRST_LINE: &str = "jwtis watermark witness 1";

/// How names began of folders that were being made; a number follows.
const UNFINISHED: &str = "watermark_v2.new-";

/// What there is.
#[derive(Default)]
pub(super) struct Older {
    /// Networks that had a file.
    witnessed: BTreeSet<ChainId>,
    times: AllWatermarks,
    /// The witness first: without it, nothing is missed.
    files: Vec<PathBuf>,
}

impl Older {
    /// Reads the witness beside the folder, and the times in it where it is there.
    pub(super) fn read(base_dir: &Path, folder: &Path) -> Result<Self, FileError> {
        let mut older = Self::default();
        let witness = base_dir.join(WITNESS);
        if folder::look(&witness).map_err(|source| FileError::io(&witness, source))?.is_some() {
            let bad = || ImportError::new(&witness, "is not a whole list of networks");
            older.witnessed = parse_witness(&text(&witness)?).ok_or_else(bad)?;
            older.files.push(witness);
        }
        let there = folder::look(folder).map_err(|source| FileError::io(folder, source))?;
        let names = match there {
            Some(FolderEntry::Folder) => {
                folder::list(folder).map_err(|source| FileError::io(folder, source))?
            }
            Some(FolderEntry::File | FolderEntry::Other) | None => Vec::new(),
        };
        for (name, _) in names {
            let Some(chain) = name.strip_suffix(times::SUFFIX).and_then(|chain| chain.parse().ok()) else {
                continue;
            };
            let path = folder.join(&name);
            let times = times::parse(&text(&path)?).map_err(|reason| ImportError::new(&path, reason))?;
            older.times.insert(chain, times);
            older.files.push(path);
        }
        Ok(older)
    }

    /// Refuses a folder that lacks a file which was there, or watermarks that were in it.
    pub(super) fn check(&self, folder: &Path, found: &AllWatermarks) -> Result<(), FileError> {
        for chain in self.witnessed.iter().chain(self.times.keys()) {
            let json = folder.join(format!("{chain}.json"));
            let has_some = found.get(chain).is_some_and(has_some);
            if !has_some && folder::look(&json).map_err(|source| FileError::io(&json, source))?.is_none() {
                return Err(FileError::lost(&json, "is gone, and it was there before"));
            }
            if !has_some {
                return Err(FileError::lost(&json, "has no watermarks: it was emptied"));
            }
            // The witness named a network when its times were durable, and not before.
            if !self.times.contains_key(chain) {
                let times = folder.join(format!("{chain}{}", times::SUFFIX));
                return Err(FileError::lost(&times, "is gone, and it was there before"));
            }
        }
        Ok(())
    }

    /// Whether a folder was there that held watermarks.
    pub(super) fn has_witnessed(&self) -> bool {
        !self.witnessed.is_empty()
    }

    /// Adds what is known of the networks of `found`.
    pub(super) fn join_into(&self, found: &mut AllWatermarks) {
        for (chain, watermarks) in found.iter_mut().filter(|(_, watermarks)| has_some(watermarks)) {
            if let Some(times) = self.times.get(chain) {
                watermarks.join(times);
            }
        }
    }

    /// Removes the files, durably, and folders that did not get their name.
    pub(super) fn remove(&self, base_dir: &Path, folder: &Path) -> io::Result<()> {
        self.files.iter().try_for_each(fs::remove_file)?;
        for (name, entry) in folder::list(base_dir)? {
            if entry == FolderEntry::Folder && is_numbered(&name, UNFINISHED) {
                fs::remove_dir_all(base_dir.join(name))?;
            }
        }
        if self.files.is_empty() {
            return Ok(());
        }
        folder::sync(base_dir)?;
        folder::sync(folder)
    }
}

/// Whether there is any watermark.
pub(super) fn has_some(watermarks: &ChainWatermarks) -> bool {
    watermarks.iter().any(|(_, watermarks)| !watermarks.is_empty())
}

fn text(path: &Path) -> Result<String, FileError> {
    if folder::look(path).map_err(|source| FileError::io(path, source))? != Some(FolderEntry::File) {
        return Err(ImportError::new(path, "is not a regular file, nor a link to one").into());
    }
    let bytes = folder::read(path, MAX_FILE_BYTES).map_err(|source| FileError::io(path, source))?;
    Ok(String::from_utf8(bytes).map_err(|error| ImportError::new(path, error))?)
}

fn parse_witness(text: &str) -> Option<BTreeSet<ChainId>> {
    let rest = text.strip_prefix(WITNESS_FIRST_LINE)?.strip_prefix('\n')?.strip_suffix('\n')?;
    let (names, end) = rest.rsplit_once('\n').unwrap_or(("", rest));
    let chains: Option<BTreeSet<ChainId>> = names.lines().map(|name| name.parse().ok()).collect();
    chains.filter(|chains| end == format!("end {}", chains.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_reads_back_and_nothing_shorter_or_longer_does() {
        for count in [0, 1, 3] {
            let chains: BTreeSet<ChainId> = (0..count).map(|n| ChainId::new([n; 4])).collect();
            let names: String = chains.iter().map(|chain| format!("{chain}\n")).collect();
            let text = format!("{WITNESS_FIRST_LINE}\n{names}end {count}\n");
            assert_eq!(parse_witness(&text), Some(chains));
            for length in 0..text.len() {
                assert_eq!(parse_witness(&text[..length]), None, "{count} networks, {length} bytes");
            }
            assert_eq!(parse_witness(&format!("{text}\n")), None);
        }
    }
}
