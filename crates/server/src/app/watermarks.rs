//! Opens the watermarks with the driver of the configuration, takes over what Signatory or another driver left, and keeps the copy for
//! Signatory.

use std::error::Error;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jwtis_base::Env;
use jwtis_signer::watermark::file::{FileError, FileWatermarks, Lost};
use jwtis_signer::watermark::import::{self, Busy, ImportError};
use jwtis_signer::watermark::mem::MemWatermarks;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::watermark::{RaisedBy, WatermarkObserver};
use jwtis_signer::{WatermarkError, Watermarks};
use jwtis_store::Store;
use jwtis_tezos::watermark::AllWatermarks;
use tracing::{error, info, warn};

use crate::config::signer::WatermarkDriver;

/// Time between two writes of the copy for Signatory.
const COPY_PAUSE: Duration = Duration::from_secs(1);

/// Mode of a base folder that is made here.
const BASE_DIR_MODE: u32 = 0o770;
/// What the name of a file that tries whether the folder can be written begins with.
const PROBE: &str = ".signatory_write_test_";

/// Why the watermarks cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum WatermarksError {
    /// The base folder cannot be made or written.
    #[error("base_dir {} cannot be written", path.display())]
    BaseDir {
        /// The folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file cannot be used: another process has it, or it is damaged or gone.
    #[error("the watermarks in {} cannot be used", path.display())]
    Files {
        /// The base folder.
        path: PathBuf,
        /// The reason.
        source: FileError,
    },
    /// Watermarks of another driver cannot be joined into the file.
    #[error("the watermarks of the store cannot be joined into the file")]
    File(#[source] WatermarkError),
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

/// Where the watermarks are.
pub(super) struct Keeping<'a> {
    /// What keeps them.
    pub(super) driver: WatermarkDriver,
    /// Where files of them are, or were.
    pub(super) base_dir: &'a Path,
    /// What to do where they are gone or have gone back.
    pub(super) lost: Lost,
}

/// The watermarks, ready to be asked.
///
/// # Errors
/// [`WatermarksError`]: without them a signer signs nothing.
pub(super) async fn open(
    keeping: Keeping<'_>,
    store: Option<&Store>,
    env: &Env,
    observer: Arc<dyn WatermarkObserver>,
) -> Result<Arc<dyn Watermarks>, WatermarksError> {
    let Keeping { driver, base_dir, lost } = keeping;
    if lost == Lost::BeginAnew && driver != WatermarkDriver::File {
        warn!("--new-watermarks does nothing here: it is for the watermark driver `file`");
    }
    match driver {
        WatermarkDriver::Store => {
            let store = store.ok_or(WatermarksError::NoStore)?;
            let watermarks = StoreWatermarks::new(store.clone(), observer);
            take_over(&watermarks, base_dir, env).await?;
            Ok(Arc::new(watermarks))
        }
        WatermarkDriver::File => {
            probe(base_dir, env)
                .map_err(|source| WatermarksError::BaseDir { path: base_dir.to_path_buf(), source })?;
            if lost == Lost::BeginAnew {
                warn!(
                    target: "jwtis::audit",
                    event = "watermarks_begun_anew",
                    by = "operator",
                    folder = %base_dir.display(),
                    "watermarks that are gone are not missed, since --new-watermarks was given: what they forbade can be signed again"
                );
            }
            let opened = FileWatermarks::open(base_dir, lost, env.now(), observer).await;
            let (watermarks, notices) =
                opened.map_err(|source| WatermarksError::Files { path: base_dir.to_path_buf(), source })?;
            for notice in notices {
                warn!("{notice}");
            }
            if let Some(back) = watermarks.rolled_back().await.map_err(WatermarksError::File)? {
                error!(hint = back.hint(), "{}: consensus keys sign nothing", back.why());
            }
            if let Some(store) = store {
                // The driver was another one before, perhaps: what it has signed is signed.
                let left = watermarks.left_in(store).await;
                let left =
                    left.map_err(|source| WatermarksError::Files { path: base_dir.to_path_buf(), source })?;
                join(&watermarks, &left, "the store", env).await.map_err(WatermarksError::File)?;
            }
            Ok(Arc::new(watermarks))
        }
        WatermarkDriver::Mem => {
            warn!("the watermark driver `mem` forgets at every restart what was signed: for tests only");
            Ok(Arc::new(MemWatermarks::default()))
        }
    }
}

/// Joins what lies below `base_dir`, of every version of Signatory and of the driver `file`, into the store. This happens at every start, so that a detour over Signatory is not forgotten.
async fn take_over(watermarks: &StoreWatermarks, base_dir: &Path, env: &Env) -> Result<(), WatermarksError> {
    let Some(found) = import::from_base_dir(base_dir, Busy::Refuse).await? else { return Ok(()) };
    for notice in &found.notices {
        warn!("{notice}");
    }
    let folder = found.folder.display().to_string();
    join(watermarks, &found.watermarks, &folder, env).await.map_err(WatermarksError::Store)
}

/// Raises the watermarks to those that were found elsewhere: of two the higher one stands.
async fn join(
    watermarks: &dyn Watermarks,
    found: &AllWatermarks,
    folder: &str,
    env: &Env,
) -> Result<(), WatermarkError> {
    let known = watermarks.all().await?;
    for (chain, found_watermarks) in found {
        let before = known.get(chain).cloned().unwrap_or_default();
        let mut joined = before.clone();
        joined.join(found_watermarks);
        watermarks.raise(*chain, found_watermarks, RaisedBy::Start(env.now())).await?;
        if joined == before {
            continue;
        }
        info!(
            target: "jwtis::audit",
            event = "watermarks_imported",
            by = "operator",
            folder,
            chain_id = %chain,
            keys = found_watermarks.iter().count(),
            "watermarks from elsewhere were taken over; where both had one, the higher stands"
        );
    }
    Ok(())
}

/// Brings the copy that other programs read up to date again and again, at most once in [`COPY_PAUSE`]. Never ends.
pub(super) async fn keep_copy<F: Future<Output = Result<(), WatermarkError>>>(write: impl Fn() -> F) {
    let mut failing = false;
    loop {
        tokio::time::sleep(COPY_PAUSE).await;
        let written = write().await;
        match &written {
            Err(error) if !failing => {
                warn!(
                    error = error as &dyn Error,
                    "the copy of the watermarks for Signatory cannot be written"
                );
            }
            Ok(()) if failing => warn!("the copy of the watermarks for Signatory can be written again"),
            Ok(()) | Err(_) => {}
        }
        failing = written.is_err();
    }
}

/// Says what became of the copy at the end.
pub(super) fn last_copy(written: Result<(), WatermarkError>) {
    if let Err(error) = written {
        warn!(
            error = &error as &dyn Error,
            "the copy of the watermarks for Signatory is not up to date: run `jwtis watermark export` before Signatory starts"
        );
    }
}

/// Makes the folder where it is not, and tries whether it can be written.
fn probe(folder: &Path, env: &Env) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(BASE_DIR_MODE).create(folder)?;
    let random = env.random().map(u64::from_le_bytes).map_err(io::Error::other)?;
    let path = folder.join(format!("{PROBE}{random:016x}"));
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_copy_is_written_once_a_second_and_a_failure_does_not_end_that() {
        let start = Instant::now();
        let writes = RefCell::new(Vec::new());
        let write = || async {
            writes.borrow_mut().push(start.elapsed().as_secs());
            let count = writes.borrow().len();
            match count {
                // Takes long.
                2 => tokio::time::sleep(Duration::from_secs(5)).await,
                3 => return Err(WatermarkError::Unavailable("no".into())),
                _ => {}
            }
            Ok(())
        };
        timeout(Duration::from_millis(10_500), keep_copy(write)).await.unwrap_err();
        assert_eq!(*writes.borrow(), [1, 2, 8, 9, 10]);
    }
}
