//! Marks of Signatory, versions 0 to 2, read from its folders (§5.3).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jwtis_tezos::watermark::format::{ChainMarks, FormatError};
use jwtis_tezos::{ChainId, PublicKeyHash};
use serde_json::Value as Json;

use super::disk::{Disk, Entry, RealDisk};
use super::{WatermarkError, Watermarks};

/// Bytes of the longest file that is read, and written.
pub(super) const MAX_FILE_BYTES: u64 = 16 << 20;

/// Networks that one folder may have marks of.
pub(super) const MAX_NETWORKS: usize = 1024;

/// What a base folder of Signatory holds.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The marks, joined over what was read.
    pub marks: BTreeMap<ChainId, ChainMarks>,
    /// The folder that they come from; the base folder where there are several.
    pub folder: PathBuf,
    /// What the operator should know, for the log.
    pub notices: Vec<String>,
}

impl Found {
    /// Raises the marks of `watermarks` to at least these.
    ///
    /// # Errors
    /// [`WatermarkError::Unavailable`]; what was raised by then stays. It may be done again.
    pub async fn raise(&self, watermarks: &dyn Watermarks) -> Result<(), WatermarkError> {
        for (chain, marks) in &self.marks {
            watermarks.raise(*chain, marks).await?;
        }
        Ok(())
    }
}

/// Why marks cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct ImportError {
    /// The folder or file.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

impl ImportError {
    pub(super) fn new(path: &Path, reason: impl ToString) -> Self {
        Self { path: path.display().to_string(), reason: reason.to_string() }
    }
}

/// Reads `watermark_v2`, `watermark_v1` and `watermark` below `base_dir` and joins them: the higher mark stands. `None` where there is
/// none of them.
///
/// # Errors
/// [`ImportError`]: a mark that is passed over would be a mark that is forgotten.
pub fn from_base_dir(base_dir: &Path) -> Result<Option<Found>, ImportError> {
    let folders = folders(&RealDisk, base_dir, &[Version::V2, Version::V1, Version::V0])?;
    if folders.is_empty() {
        return Ok(None);
    }
    let joined: Vec<String> = folders
        .iter()
        .skip(1)
        .map(|older| {
            format!(
                "the watermarks of {} are joined with the newer ones: the higher one stands",
                older.folder.display()
            )
        })
        .collect();
    let mut found = join(base_dir, folders)?;
    found.notices.extend(joined);
    Ok(Some(found))
}

/// Reads one folder, of whichever version its files are.
///
/// # Errors
/// [`ImportError`].
pub fn from_folder(folder: &Path) -> Result<Found, ImportError> {
    if !is_folder(&RealDisk, folder)? {
        return Err(ImportError::new(folder, "there is no such folder"));
    }
    read(&RealDisk, folder, None, |_, _| Ok(()))
}

/// Reads every older folder below `base_dir`, each for itself: `watermark_v1` and `watermark`.
///
/// # Errors
/// [`ImportError`].
pub fn older_folders(base_dir: &Path) -> Result<Vec<Found>, ImportError> {
    older(&RealDisk, base_dir)
}

/// As [`older_folders`].
pub(super) fn older<D: Disk>(disk: &D, base_dir: &Path) -> Result<Vec<Found>, ImportError> {
    folders(disk, base_dir, &[Version::V1, Version::V0])
}

fn folders<D: Disk>(disk: &D, base_dir: &Path, versions: &[Version]) -> Result<Vec<Found>, ImportError> {
    let mut found = Vec::new();
    for version in versions {
        let folder = version.folder(base_dir);
        if is_folder(disk, &folder)? {
            found.push(read(disk, &folder, Some(*version), |_, _| Ok(()))?);
        }
    }
    Ok(found)
}

/// Joins what folders below `base_dir` hold: of two marks the higher one stands.
pub(super) fn join(base_dir: &Path, folders: Vec<Found>) -> Result<Found, ImportError> {
    let folder = match folders.as_slice() {
        [one] => one.folder.clone(),
        _ => base_dir.to_owned(),
    };
    let mut all = Found { folder, ..Found::default() };
    for found in folders {
        for (chain, marks) in &found.marks {
            all.marks.entry(*chain).or_default().join(marks);
        }
        all.notices.extend(found.notices);
    }
    if all.marks.len() > MAX_NETWORKS {
        return Err(ImportError::new(
            base_dir,
            format_args!("has marks of more than {MAX_NETWORKS} networks"),
        ));
    }
    Ok(all)
}

/// Whether there is a folder. Something else of that name is an error: it may be what is left of one.
pub(super) fn is_folder<D: Disk>(disk: &D, path: &Path) -> Result<bool, ImportError> {
    match disk.look(path).map_err(|error| ImportError::new(path, error))? {
        None => Ok(false),
        Some(Entry::Folder) => Ok(true),
        Some(Entry::File | Entry::Other) => Err(ImportError::new(path, "is not a folder")),
    }
}

/// Reads the files of a folder; `version` where it is known. `each` gets every file that was read.
pub(super) fn read<D: Disk>(
    disk: &D,
    folder: &Path,
    version: Option<Version>,
    mut each: impl FnMut(&D::File, ChainId) -> io::Result<()>,
) -> Result<Found, ImportError> {
    let mut found = Found { folder: folder.to_owned(), ..Found::default() };
    let mut names = disk.list(folder).map_err(|error| ImportError::new(folder, error))?;
    names.sort_by(|one, two| one.0.cmp(&two.0));
    for (name, entry) in names {
        let Some(chain) = name.strip_suffix(".json") else { continue };
        let path = folder.join(&name);
        if entry != Entry::File {
            found.notices.push(format!("{} is passed over: it is not a regular file", path.display()));
            continue;
        }
        let bad = |reason: &dyn ToString| ImportError::new(&path, reason.to_string());
        let chain: ChainId =
            chain.parse().map_err(|error| bad(&format_args!("the name is of no network: {error}")))?;
        let mut file = disk.open(&path).map_err(|error| bad(&error))?;
        let bytes = disk.read(&mut file, MAX_FILE_BYTES + 1).map_err(|error| bad(&error))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(bad(&format_args!("is longer than {MAX_FILE_BYTES} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|error| bad(&error))?;
        let version = version.unwrap_or_else(|| Version::of(&text, folder));
        let marks = version.parse(&text).map_err(|error| bad(&with_cause(&error)))?;
        each(&file, chain).map_err(|error| bad(&error))?;
        if marks.iter().next().is_some() {
            found.marks.insert(chain, marks);
        }
        if found.marks.len() > MAX_NETWORKS {
            return Err(ImportError::new(
                folder,
                format_args!("has marks of more than {MAX_NETWORKS} networks"),
            ));
        }
    }
    Ok(found)
}

fn with_cause(error: &FormatError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// How marks are laid out in files.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Version {
    /// Kinds, and keys within.
    V0,
    /// One joint mark for each key.
    V1,
    /// Keys, and kinds within.
    V2,
}

impl Version {
    /// The name of its folder.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V0 => "watermark",
            Self::V1 => "watermark_v1",
            Self::V2 => "watermark_v2",
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

    fn parse(self, text: &str) -> Result<ChainMarks, FormatError> {
        match self {
            Self::V0 => ChainMarks::parse_v0(text),
            Self::V1 => ChainMarks::parse_v1(text),
            Self::V2 => ChainMarks::parse_v2(text),
        }
    }
}

/// Names of kinds, old and new, with which a file of version 0 begins.
const KINDS: [&str; 6] =
    ["block", "preattestation", "attestation", "attestation_with_dal", "preendorsement", "endorsement"];
