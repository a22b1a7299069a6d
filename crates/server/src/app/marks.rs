//! Opens the marks against double signing with the driver of the configuration (§5), and takes over what Signatory left or another driver.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwtis_base::Env;
use jwtis_signer::watermark::WatermarkObserver;
use jwtis_signer::watermark::file::{FileWatermarks, Lost};
use jwtis_signer::watermark::import;
use jwtis_signer::watermark::import::ImportError;
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::{WatermarkError, Watermarks};
use jwtis_store::{BoxError, Store};
use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::format::ChainMarks;
use tracing::{info, warn};

use crate::config::signer::WatermarkDriver;

/// Mode of a base folder that is made here (§3.1).
const BASE_DIR_MODE: u32 = 0o770;
/// What the name of a file that tries whether the folder can be written begins with (§3.1).
const PROBE: &str = ".signatory_write_test_";

/// Why the marks cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum MarksError {
    /// The base folder cannot be made or written.
    #[error("base_dir {} cannot be written", path.display())]
    BaseDir {
        /// The folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The files cannot be used: another process has them, or one of them is damaged.
    #[error("the watermarks in {} cannot be used", path.display())]
    Files {
        /// The base folder.
        path: PathBuf,
        /// The reason.
        source: BoxError,
    },
    /// What Signatory left cannot be read.
    #[error("the watermarks that Signatory left cannot be taken over")]
    Import(#[from] ImportError),
    /// The store cannot be read or written.
    #[error("the watermarks cannot be kept in the store")]
    Store(#[source] WatermarkError),
    /// The driver `store` without a store.
    #[error("the watermark driver `store` needs the store, which is not open")]
    NoStore,
}

/// Where the marks are.
pub(super) struct Place<'a> {
    /// What keeps them.
    pub(super) driver: WatermarkDriver,
    /// Where files of them are, or were.
    pub(super) base_dir: &'a Path,
    /// What to do where such files are gone.
    pub(super) lost: Lost,
}

/// The marks, ready to be asked.
///
/// # Errors
/// [`MarksError`]: without its marks a signer signs nothing.
pub(super) async fn open(
    place: Place<'_>,
    store: Option<&Store>,
    env: &Env,
    observer: Arc<dyn WatermarkObserver>,
) -> Result<Arc<dyn Watermarks>, MarksError> {
    let Place { driver, base_dir, lost } = place;
    if lost == Lost::BeginAnew && driver != WatermarkDriver::File {
        warn!("--new-watermarks does nothing here: it is for the watermark driver `file`");
    }
    match driver {
        WatermarkDriver::Store => {
            let store = store.ok_or(MarksError::NoStore)?;
            let marks = StoreWatermarks::new(store.clone(), observer);
            take_over(&marks, base_dir).await?;
            Ok(Arc::new(marks))
        }
        WatermarkDriver::File => {
            probe(base_dir, env)
                .map_err(|source| MarksError::BaseDir { path: base_dir.to_path_buf(), source })?;
            let unusable = |source| MarksError::Files { path: base_dir.to_path_buf(), source };
            if lost == Lost::BeginAnew {
                warn!(
                    target: "jwtis::audit",
                    event = "watermarks_begun_anew",
                    by = "operator",
                    folder = %base_dir.display(),
                    "watermarks that are gone are not missed, since --new-watermarks was given: what they forbade can be signed again"
                );
            }
            let (marks, notices) = FileWatermarks::open_or(base_dir, lost, observer).map_err(unusable)?;
            for notice in notices {
                warn!("{notice}");
            }
            if let Some(store) = store {
                // The driver was another one before, perhaps: what it has signed is signed.
                let left = StoreWatermarks::new(store.clone(), Arc::new(()));
                let left = left.marks().await.map_err(MarksError::Store)?;
                join(&marks, &left, "the store").await.map_err(|error| unusable(error.into()))?;
            }
            Ok(Arc::new(marks))
        }
        WatermarkDriver::Mem => {
            warn!("the watermark driver `mem` forgets at every restart what was signed: for tests only");
            Ok(Arc::new(MemWatermarks::default()))
        }
    }
}

/// Joins what lies below `base_dir`, of every version of Signatory, into the store. This happens at every start, so that a detour over Signatory is not forgotten.
async fn take_over(marks: &StoreWatermarks, base_dir: &Path) -> Result<(), MarksError> {
    let Some(found) = import::from_base_dir(base_dir)? else { return Ok(()) };
    for notice in &found.notices {
        warn!("{notice}");
    }
    join(marks, &found.marks, &found.folder.display().to_string()).await.map_err(MarksError::Store)
}

/// Raises the marks to those that were found elsewhere: of two the higher one stands.
async fn join(
    marks: &dyn Watermarks,
    found: &BTreeMap<ChainId, ChainMarks>,
    folder: &str,
) -> Result<(), WatermarkError> {
    let known = marks.marks().await?;
    for (chain, found_marks) in found {
        let before = known.get(chain).cloned().unwrap_or_default();
        let mut joined = before.clone();
        joined.join(found_marks);
        if joined == before {
            continue;
        }
        marks.raise(*chain, found_marks).await?;
        info!(
            target: "jwtis::audit",
            event = "watermarks_imported",
            by = "operator",
            folder,
            chain_id = %chain,
            keys = found_marks.iter().count(),
            "marks from elsewhere were taken over; where both had one, the higher stands"
        );
    }
    Ok(())
}

/// Makes the folder where it is not, and tries whether it can be written.
fn probe(folder: &Path, env: &Env) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(BASE_DIR_MODE).create(folder)?;
    let random = env.random().map(u64::from_le_bytes).map_err(io::Error::other)?;
    let path = folder.join(format!("{PROBE}{random:016x}"));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(path)
}
