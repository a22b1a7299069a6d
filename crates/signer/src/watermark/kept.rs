//! The file in which the driver `file` keeps watermarks: an unsealed file of the store's engine, in the folder of Signatory's files.
//!
//! ```text
//! <base_dir>/watermark_v2/watermarks.db        the watermarks, with times and allowances
//! <base_dir>/watermark_v2/watermarks.db.lock   the engine's lock
//! <base_dir>/watermarks.db.witness             the witness, outside of the folder, which may be gone or put back as a whole
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jwtis_store::{OpenError, read_unsealed};
use jwtis_tezos::ChainId;
use jwtis_tezos::watermark::format::ChainMarks;

use super::store::StoreWatermarks;
use super::{Keeper, WatermarkError, Watermarks as _, folder};

/// The file's name.
const NAME: &str = "watermarks.db";

/// Where the parts are.
pub(super) struct Places {
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
    pub(super) witness: PathBuf,
}

impl Places {
    pub(super) fn below(base_dir: &Path) -> Self {
        let folder = folder::below(base_dir);
        let file = folder.join(NAME);
        Self { folder, file, witness: base_dir.join(format!("{NAME}.witness")) }
    }
}

/// Why the file is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeptError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] WatermarkError),
}

/// The watermarks of the file below `base_dir`, which nobody may have open, and which is not changed; `None` where there is no such file.
pub(super) async fn read(base_dir: &Path) -> Result<Option<BTreeMap<ChainId, ChainMarks>>, KeptError> {
    let store = match read_unsealed(&Places::below(base_dir).file) {
        Err(OpenError::NotFound) => return Ok(None),
        opened => opened?,
    };
    Ok(Some(StoreWatermarks::kept_by(Keeper::File, store, Arc::new(())).all().await?))
}
