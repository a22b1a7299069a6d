//! The file in which the driver `file` keeps watermarks: an unsealed file of the store's engine, in the folder of Signatory's files.
//!
//! ```text
//! <base_dir>/watermark_v2/watermarks.db        the watermarks, with times and allowances
//! <base_dir>/watermark_v2/watermarks.db.lock   the engine's lock
//! <base_dir>/watermarks.db.witness             the witness, outside of the folder, which may be gone or put back as a whole
//! <base_dir>/watermarks.db.witness.lock        the lock of a signer that runs, outside of the folder for the same reason
//! ```
//!
//! Where the folder is a symbolic link, the witness and its lock are beside the folder that it leads to: the file has one of each. Links on
//! the way to the file have locks of the engine's beside them. The file itself is no link.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwtis_base::rollback;
use jwtis_store::{OpenError, ReadError, Witnessed, read_unsealed_beside};
use jwtis_tezos::watermark::AllWatermarks;

use super::folder::{FolderLock, LOCK, says_kept};
use super::import_error::ImportError;
use super::store::StoreWatermarks;
use super::{KeptIn, WatermarkError, Watermarks as _, folder as folders};

/// The file's name.
const NAME: &str = "watermarks.db";

/// Where the parts are.
pub(super) struct Places {
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
    pub(super) witness: PathBuf,
    pub(super) lock: PathBuf,
}

impl Places {
    pub(super) fn below(base_dir: &Path) -> Self {
        let folder = folders::below(base_dir);
        let file = folder.join(NAME);
        let target = if folder.is_symlink() { folder.canonicalize().ok() } else { None };
        let home = target.as_deref().and_then(Path::parent).unwrap_or(base_dir);
        let witness = home.join(format!("{NAME}.witness"));
        let lock = home.join(format!("{NAME}.witness.lock"));
        Self { folder, file, witness, lock }
    }

    /// Refuses a file that is a link: it could be reached by two folders, each with a witness of its own.
    pub(super) fn check(&self) -> Result<(), ImportError> {
        if self.file.is_symlink() {
            return Err(ImportError::new(
                &self.file,
                "is a symbolic link; put the file itself there, and make the folder or base_dir a link where you need one",
            ));
        }
        Ok(())
    }
}

/// Why the file is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeptError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] WatermarkError),
    #[error(transparent)]
    Watermark(#[from] ReadError),
}

/// What is read.
#[derive(Default)]
pub(super) struct KeptFile {
    /// The watermarks; `None` where there is no such file.
    pub(super) watermarks: Option<AllWatermarks>,
    /// Why they may be less than what was signed.
    pub(super) lost: Option<String>,
}

/// The watermarks of the file below `base_dir`, which nobody may have open, and which is not changed. The witness is looked at.
pub(super) async fn read(base_dir: &Path) -> Result<KeptFile, KeptError> {
    let Places { folder, file, witness, lock } = Places::below(base_dir);
    // The file at its path may be another than the one that the signer has open.
    if FolderLock::is_held(&lock).map_err(OpenError::Io)? {
        return Err(OpenError::InUse.into());
    }
    let (store, said) = match read_unsealed_beside(&file, &witness) {
        Err(OpenError::NotFound) => {
            let kept = [folder.join(LOCK), lock]
                .iter()
                .try_fold(false, |kept, lock| says_kept(lock).map(|says| kept || says));
            let lost = kept
                .map_err(OpenError::Io)?
                .then(|| "is gone, and a lock file says that it was there".to_owned());
            return Ok(KeptFile { watermarks: None, lost });
        }
        Err(OpenError::StoreGone { witness }) => {
            let lost = format!("is gone, and its witness {} says that it held watermarks", witness.display());
            return Ok(KeptFile { watermarks: None, lost: Some(lost) });
        }
        opened => opened?,
    };
    let lost = match said {
        Witnessed::Behind { .. } => Some("is older than its witness".to_owned()),
        Witnessed::OfAnother => Some(format!("is not the file of its witness {}", witness.display())),
        Witnessed::Damaged => Some(format!("has a damaged witness, {}", witness.display())),
        // A start has found it, and nobody has accepted it.
        Witnessed::Nothing | Witnessed::UpToDate => rollback::mark(&store)
            .await?
            .map(|_| "has gone back to an earlier state, and nobody has accepted that".to_owned()),
    };
    let watermarks = StoreWatermarks::kept_in(KeptIn::File, store, Arc::new(())).all().await?;
    Ok(KeptFile { watermarks: Some(watermarks), lost })
}
