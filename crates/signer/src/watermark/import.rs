//! Watermarks below a base folder: Signatory's, versions 0 to 2, and those of our driver `file`.

use std::path::{Path, PathBuf};

use jwtis_store::OpenError;
use jwtis_tezos::watermark::{AllWatermarks, ChainWatermarks, FormatError};
use jwtis_tezos::{ChainId, PublicKeyHash};
use serde_json::Value as Json;

use super::folder::{self, FolderEntry};
pub use super::import_error::{ImportError, ImportFault};
use super::kept::{self, KeptError, KeptFile, Places};
use super::{RaisedBy, WatermarkError, Watermarks};
use crate::text::in_one_line;

/// Bytes of the longest file that is read, and written.
pub(super) const MAX_FILE_BYTES: u64 = 16 << 20;

/// What a base folder holds.
#[derive(Clone, Debug, Default)]
pub struct FoundWatermarks {
    /// The watermarks, joined over what was read.
    pub watermarks: AllWatermarks,
    /// The folder that they come from; the base folder where there are several.
    pub folder: PathBuf,
    /// What the operator should know, for the log.
    pub notices: Vec<String>,
}

impl FoundWatermarks {
    /// Raises those of `watermarks` to at least these.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`]; what was raised by then stays. It may be done again.
    pub async fn raise(&self, keeper: &dyn Watermarks, by: RaisedBy) -> Result<(), WatermarkError> {
        for (chain, watermarks) in &self.watermarks {
            keeper.raise(*chain, watermarks, by).await?;
        }
        Ok(())
    }
}

/// What is done about a file that a running signer has open, or whose witness says that it held more.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Busy {
    /// Refused: the last watermarks are in that file alone.
    Refuse,
    /// What is there is read, with a notice: of an open file the copy, which is a second old at most.
    ReadCopy,
}

/// Reads all that is below `base_dir` and joins it, the higher watermark stands: the file of our driver `file`, `watermark_v2`, `watermark_v1`
/// and `watermark`. `None` where there is none of them.
///
/// # Errors
/// [`ImportError`]: a watermark that is passed over would be one that is forgotten.
pub async fn from_base_dir(base_dir: &Path, busy: Busy) -> Result<Option<FoundWatermarks>, ImportError> {
    let places = Places::below(base_dir);
    places.check()?;
    let Places { folder, file, .. } = places;
    let mut notices = Vec::new();
    let KeptFile { watermarks: kept, lost } = match kept::read(base_dir).await {
        Ok(kept) => kept,
        Err(KeptError::Open(OpenError::InUse)) if busy == Busy::ReadCopy => {
            notices.push(format!(
                "a signer has {} open: these watermarks are of the copy beside it, which is a second old at most",
                file.display()
            ));
            KeptFile::default()
        }
        Err(error) => {
            let fault = match error {
                KeptError::Open(OpenError::InUse) => ImportFault::InUse,
                KeptError::Open(_) | KeptError::Read(_) | KeptError::Watermark(_) => ImportFault::Unreadable,
            };
            return Err(ImportError { fault, ..ImportError::new(&file, in_one_line(&error)) });
        }
    };
    if let Some(lost) = lost {
        let error = ImportError { fault: ImportFault::Lost, ..ImportError::new(&file, lost) };
        match busy {
            Busy::Refuse => return Err(error),
            Busy::ReadCopy => notices.push(format!("{error}: watermarks may be lower than what was signed")),
        }
    }
    let blank = if kept.is_some() { Blank::PassedOver } else { Blank::Refused };
    let mut folders = Vec::new();
    if is_folder(&folder)? {
        folders.push(read(&folder, Some(SignatoryVersion::V2), blank)?);
    }
    folders.extend(older_folders(base_dir)?);
    if let Some(watermarks) = kept {
        // Before the others, of which one is the copy.
        folders.insert(0, FoundWatermarks { watermarks, folder: folder.clone(), notices: Vec::new() });
    }
    if folders.is_empty() && notices.is_empty() {
        return Ok(None);
    }
    let older = folders.iter().skip(1).filter(|older| older.folder != folder);
    notices.extend(older.map(|older| {
        format!(
            "the watermarks of {} are joined with the newer ones: the higher one stands",
            older.folder.display()
        )
    }));
    let mut found = join(base_dir, folders);
    found.notices.extend(notices);
    Ok(Some(found))
}

/// Reads one folder, of whichever version its files are.
///
/// # Errors
/// [`ImportError`].
pub fn from_folder(folder: &Path) -> Result<FoundWatermarks, ImportError> {
    if !is_folder(folder)? {
        return Err(ImportError::new(folder, "there is no such folder"));
    }
    read(folder, None, Blank::Refused)
}

/// Reads every older folder below `base_dir`, each for itself: `watermark_v1` and `watermark`.
///
/// # Errors
/// [`ImportError`].
pub fn older_folders(base_dir: &Path) -> Result<Vec<FoundWatermarks>, ImportError> {
    let mut found = Vec::new();
    for version in [SignatoryVersion::V1, SignatoryVersion::V0] {
        let folder = version.folder(base_dir);
        if is_folder(&folder)? {
            found.push(read(&folder, Some(version), Blank::Refused)?);
        }
    }
    Ok(found)
}

/// Joins what folders below `base_dir` hold: of two watermarks the higher one stands.
pub(super) fn join(base_dir: &Path, folders: Vec<FoundWatermarks>) -> FoundWatermarks {
    let one = folders.first().map(|first| first.folder.clone());
    let folder = one.filter(|one| folders.iter().all(|found| found.folder == *one));
    let mut all = FoundWatermarks {
        folder: folder.unwrap_or_else(|| base_dir.to_owned()),
        ..FoundWatermarks::default()
    };
    for found in folders {
        for (chain, watermarks) in &found.watermarks {
            all.watermarks.entry(*chain).or_default().join(watermarks);
        }
        all.notices.extend(found.notices);
    }
    all
}

/// Whether there is a folder. Something else of that name is an error: it may be what is left of one.
pub(super) fn is_folder(path: &Path) -> Result<bool, ImportError> {
    match folder::look(path).map_err(|error| ImportError::new(path, error))? {
        None => Ok(false),
        Some(FolderEntry::Folder) => Ok(true),
        Some(FolderEntry::File | FolderEntry::Other) => Err(ImportError::new(path, "is not a folder")),
    }
}

/// What is done about a file that has no bytes, or zeros alone: a power cut can leave one that was not synced like that.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Blank {
    /// Refused: it may have been all that there was.
    Refused,
    /// Passed over, with a notice: it is a copy of a file that is there.
    PassedOver,
}

/// Reads the files of a folder; `version` where it is known. A file without watermarks has an entry where it names a key.
pub(super) fn read(
    folder: &Path,
    version: Option<SignatoryVersion>,
    blank: Blank,
) -> Result<FoundWatermarks, ImportError> {
    let mut found = FoundWatermarks { folder: folder.to_owned(), ..FoundWatermarks::default() };
    for (name, entry) in folder::list(folder).map_err(|error| ImportError::new(folder, error))? {
        let Some(chain) = name.strip_suffix(".json") else { continue };
        let path = folder.join(&name);
        let bad = |reason: &dyn ToString| ImportError::new(&path, reason.to_string());
        if folder::look(&path).map_err(|error| bad(&error))? != Some(FolderEntry::File) {
            return Err(bad(&"is not a regular file, nor a link to one, so what it forbids cannot be read"));
        }
        if entry == FolderEntry::Other {
            found.notices.push(format!(
                "{} is a link, and what it points to was read; a copy for Signatory that is written here takes the place of the link",
                path.display()
            ));
        }
        let chain: ChainId =
            chain.parse().map_err(|error| bad(&format_args!("the name is of no network: {error}")))?;
        let bytes = folder::read(&path, MAX_FILE_BYTES + 1).map_err(|error| bad(&error))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(bad(&format_args!("is longer than {MAX_FILE_BYTES} bytes")));
        }
        if blank == Blank::PassedOver && bytes.iter().all(|byte| *byte == 0) {
            found.notices.push(format!(
                "{} is blank, as a power cut can leave it, and is written anew; if Signatory signed with this folder since jwtis did, raise the watermarks with `jwtis watermark raise`",
                path.display()
            ));
            continue;
        }
        let text = String::from_utf8(bytes).map_err(|error| bad(&error))?;
        let version = version.unwrap_or_else(|| SignatoryVersion::of(&text, folder));
        let watermarks = version.parse(&text).map_err(|error| bad(&in_one_line(&error)))?;
        if watermarks.iter().next().is_some() {
            found.watermarks.insert(chain, watermarks);
        }
    }
    Ok(found)
}

/// How watermarks are laid out in files.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum SignatoryVersion {
    /// Kinds, and keys within.
    V0,
    /// One joint watermark for each key.
    V1,
    /// Keys, and kinds within.
    V2,
}

impl SignatoryVersion {
    /// The name of its folder.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V0 => "watermark",
            Self::V1 => "watermark_v1",
            Self::V2 => folder::NAME,
        }
    }

    /// Its folder.
    pub(super) fn folder(self, base_dir: &Path) -> PathBuf {
        base_dir.join(self.name())
    }

    /// The version of a file: by what it says, or else by the name of its folder.
    fn of(text: &str, folder: &Path) -> Self {
        let file: Json = serde_json::from_str(text).unwrap_or_default();
        let first = file.as_object().and_then(|file| file.iter().next());
        match first {
            Some((name, row)) if name.parse::<PublicKeyHash>().is_ok() => match row.get("level") {
                Some(level) if !level.is_object() => Self::V1,
                _ => Self::V2,
            },
            Some((name, _)) if KINDS.contains(&name.as_str()) => Self::V0,
            _ => [Self::V0, Self::V1]
                .into_iter()
                .find(|version| folder.file_name().is_some_and(|name| name == version.name()))
                .unwrap_or(Self::V2),
        }
    }

    fn parse(self, text: &str) -> Result<ChainWatermarks, FormatError> {
        match self {
            Self::V0 => ChainWatermarks::parse_v0(text),
            Self::V1 => ChainWatermarks::parse_v1(text),
            Self::V2 => ChainWatermarks::parse_v2(text),
        }
    }
}

/// Names of kinds, old and new, with which a file of version 0 begins.
const KINDS: [&str; 6] =
    ["block", "preattestation", "attestation", "attestation_with_dal", "preendorsement", "endorsement"];
