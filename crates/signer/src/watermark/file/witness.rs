//! Which files of marks there are: `watermark_v2.witness` beside the folder, so that a file or folder that is gone is noticed.
//!
//! It is written once for each network: after the network's first file is durable, and before anybody is answered. So it never names a file
//! that was not there, and no signature was given that it does not know of. It is not in the folder, which may be gone as a whole.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use jwtis_tezos::ChainId;

use super::FileError;
use crate::watermark::disk::Disk;
use crate::watermark::import::{ImportError, MAX_FILE_BYTES};

const NAME: &str = "watermark_v2.witness";
/// What is being written; it is nobody's when it is found, since the folder's lock is held.
const UNFINISHED: &str = "watermark_v2.witness-new";

const FIRST_LINE: &str = "jwtis watermark witness 1";

/// The networks that had files. None where there is no witness: at the first start, and of a folder that Signatory made.
pub(super) fn read<D: Disk>(disk: &D, base_dir: &Path) -> Result<BTreeSet<ChainId>, FileError> {
    let path = path(base_dir);
    let io = |source| FileError::io(&path, source);
    if disk.look(&path).map_err(io)?.is_none() {
        return Ok(BTreeSet::new());
    }
    let mut file = disk.open(&path).map_err(io)?;
    let bytes = disk.read(&mut file, MAX_FILE_BYTES).map_err(io)?;
    let chains = std::str::from_utf8(&bytes).ok().and_then(parse);
    chains.ok_or_else(|| FileError::Marks(ImportError::new(&path, "is not a whole list of networks")))
}

/// Replaces it, durably.
pub(super) fn write<D: Disk>(disk: &D, base_dir: &Path, chains: &BTreeSet<ChainId>) -> io::Result<()> {
    let unfinished = base_dir.join(UNFINISHED);
    let mut file = match disk.create(&unfinished) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.remove(&unfinished)?;
            disk.create(&unfinished)?
        }
        created => created?,
    };
    disk.write(&mut file, print(chains).as_bytes())?;
    disk.sync(&file)?;
    disk.rename(&unfinished, &path(base_dir))?;
    disk.sync_folder(base_dir)
}

/// Where it is.
pub(super) fn path(base_dir: &Path) -> PathBuf {
    base_dir.join(NAME)
}

fn print(chains: &BTreeSet<ChainId>) -> String {
    let names: String = chains.iter().map(|chain| format!("{chain}\n")).collect();
    format!("{FIRST_LINE}\n{names}end {}\n", chains.len())
}

fn parse(text: &str) -> Option<BTreeSet<ChainId>> {
    let rest = text.strip_prefix(FIRST_LINE)?.strip_prefix('\n')?.strip_suffix('\n')?;
    let (names, end) = rest.rsplit_once('\n').unwrap_or(("", rest));
    let chains: Option<BTreeSet<ChainId>> = names.lines().map(|name| name.parse().ok()).collect();
    chains.filter(|chains| end == format!("end {}", chains.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back_and_nothing_shorter_or_longer_does() {
        for count in [0, 1, 3] {
            let chains: BTreeSet<ChainId> = (0..count).map(|n| ChainId::new([n; 4])).collect();
            let text = print(&chains);
            assert_eq!(parse(&text), Some(chains));
            for length in 0..text.len() {
                assert_eq!(parse(&text[..length]), None, "{count} networks, {length} bytes");
            }
            assert_eq!(parse(&format!("{text}\n")), None);
        }
    }
}
