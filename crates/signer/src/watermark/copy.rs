//! Watermarks written as Signatory reads them: version 2, one file for each network.
//!
//! The driver `file` keeps such a copy beside its own file, so that an operator can return to Signatory. It is renamed into its place, so that
//! it is never half of one. It is not synced, since nothing is signed on the strength of it. An export is synced.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jwtis_tezos::watermark::{AllWatermarks, Printer, Watermark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};

use super::file_error::FileError;
use super::folder::{self, FolderLock};
use super::import::{self, Blank, MAX_FILE_BYTES, SignatoryVersion};
use super::kept::Places;

/// How names begin of files that are being written; digits follow, as in Signatory.
const TEMPORARY: &str = "watermark";

/// Writes watermarks for Signatory below `base_dir`, durably, joined with what is in its folder of version 2: the higher one stands. Answers
/// what stood there and what stands.
///
/// # Errors
/// A [`FileError`]: a signer of ours uses the folder, or a file there cannot be read or written.
pub fn export(
    base_dir: &Path,
    watermarks: &AllWatermarks,
) -> Result<(AllWatermarks, AllWatermarks), FileError> {
    change(base_dir, |all| {
        for (chain, watermarks) in watermarks {
            all.entry(*chain).or_default().join(watermarks);
        }
    })
}

/// Sets a watermark in Signatory's folder of version 2 below `base_dir` to `watermark`, durably, be it lower than what stands. See
/// [`StoreWatermarks::danger_lower`](super::store::StoreWatermarks::danger_lower).
///
/// # Errors
/// As [`export`].
pub fn danger_lower(
    base_dir: &Path,
    chain: ChainId,
    key: PublicKeyHash,
    kind: WatermarkKind,
    watermark: Watermark,
) -> Result<(), FileError> {
    change(base_dir, |all| all.entry(chain).or_default().entry(key).set(kind, watermark)).map(drop)
}

/// What is in Signatory's folder of version 2 below `base_dir`.
///
/// # Errors
/// A [`FileError`].
pub fn read(base_dir: &Path) -> Result<AllWatermarks, FileError> {
    let folder = folder::below(base_dir);
    if !import::is_folder(&folder)? {
        return Ok(AllWatermarks::new());
    }
    Ok(import::read(&folder, Some(SignatoryVersion::V2), Blank::Refused)?.watermarks)
}

fn change(
    base_dir: &Path,
    change: impl FnOnce(&mut AllWatermarks),
) -> Result<(AllWatermarks, AllWatermarks), FileError> {
    let folder = folder::below(base_dir);
    let io = |source| FileError::io(&folder, source);
    if !import::is_folder(&folder)? {
        folder::make(&folder).map_err(io)?;
    }
    let lock = FolderLock::take(&folder).map_err(io)?;
    let _lock = lock.ok_or_else(|| FileError::InUse(folder.display().to_string()))?;
    // Where our own file is there, these are its copies, which a power cut can leave blank.
    let blank = if Places::below(base_dir).file.exists() { Blank::PassedOver } else { Blank::Refused };
    let before = import::read(&folder, Some(SignatoryVersion::V2), blank)?.watermarks;
    let mut after = before.clone();
    change(&mut after);
    SignatoryCopy::new(folder.clone()).write(&after, Durable::Yes).map_err(io)?;
    Ok((before, after))
}

/// Whether what is written is to survive a power cut.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Durable {
    Yes,
    No,
}

/// The files of a folder.
pub(super) struct SignatoryCopy {
    folder: PathBuf,
    state: Mutex<CopyState>,
}

#[derive(Default)]
struct CopyState {
    /// Texts of the watermarks that do not move.
    printers: BTreeMap<ChainId, Printer>,
    /// What is in each file.
    written: BTreeMap<ChainId, String>,
    /// Number of the next temporary file.
    next: u64,
}

impl SignatoryCopy {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, state: Mutex::default() }
    }

    /// Replaces the files that say something else.
    pub(super) fn write(&self, watermarks: &AllWatermarks, durable: Durable) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (chain, watermarks) in watermarks {
            let text = state.printers.entry(*chain).or_default().print_v2(watermarks);
            if text.len() as u64 > MAX_FILE_BYTES {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            let target = self.folder.join(format!("{chain}.json"));
            let is_there = match state.written.get(chain) {
                Some(written) => *written == text,
                None => is_file_with(&target, &text),
            };
            if !is_there {
                self.replace(&target, &text, &mut state.next, durable)?;
            }
            state.written.insert(*chain, text);
        }
        match durable {
            Durable::Yes => folder::sync(&self.folder),
            Durable::No => Ok(()),
        }
    }

    fn replace(&self, target: &Path, text: &str, next: &mut u64, durable: Durable) -> io::Result<()> {
        let temporary = self.folder.join(format!("{TEMPORARY}{next}"));
        *next = next.wrapping_add(1);
        let fill = || {
            let mut file = folder::create(&temporary)?;
            file.write_all(text.as_bytes())?;
            match durable {
                Durable::Yes => file.sync_all(),
                Durable::No => Ok(()),
            }
        };
        let replaced = fill().and_then(|()| fs::rename(&temporary, target));
        if replaced.is_err() {
            // If it stays, the next start removes it.
            drop(fs::remove_file(&temporary));
        }
        replaced
    }
}

/// Whether `text` is in a regular file at `path`. Nothing is written behind a link.
fn is_file_with(path: &Path, text: &str) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_file())
        && folder::read(path, MAX_FILE_BYTES).is_ok_and(|bytes| bytes == text.as_bytes())
}

/// Removes what processes left behind that were killed while they wrote a file. Under the folder's lock, so that it is nobody's.
pub(super) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for (name, entry) in folder::list(folder)? {
        if entry == folder::FolderEntry::File && is_numbered(&name, TEMPORARY) {
            fs::remove_file(folder.join(name))?;
        }
    }
    Ok(())
}

pub(super) fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}
