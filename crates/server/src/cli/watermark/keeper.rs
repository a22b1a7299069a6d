//! What keeps watermarks, as commands use it.

use std::path::PathBuf;

use jwtis_base::Env;
use jwtis_signer::watermark::copy;
use jwtis_signer::watermark::file::FileWatermarks;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::watermark::{RaisedBy, WatermarkError, Watermarks};
use jwtis_tezos::watermark::{AllWatermarks, Watermark, WatermarkKind};

use super::table::{WatermarkChange, changes};
use super::target::WatermarkTarget;
use crate::cli::Failure;

/// A keeper of watermarks that nobody else has open.
pub(super) enum WatermarkKeeper {
    /// The store.
    Store(StoreWatermarks),
    /// The driver `file`.
    File(FileWatermarks),
    /// Files of Signatory's alone, below this base folder.
    Signatory(PathBuf),
}

impl WatermarkKeeper {
    pub(super) async fn all(&self) -> Result<AllWatermarks, Failure> {
        match self {
            Self::Store(kept) => kept.all().await.map_err(|error| unavailable(&error)),
            Self::File(kept) => kept.all().await.map_err(|error| unavailable(&error)),
            Self::Signatory(base_dir) => copy::read(base_dir).map_err(|error| unavailable(&error)),
        }
    }

    /// Raises watermarks, durably, and says what that did.
    pub(super) async fn raise(&self, watermarks: &AllWatermarks) -> Result<Vec<WatermarkChange>, Failure> {
        let before = self.all().await?;
        let raised = async |kept: &dyn Watermarks| {
            for (chain, watermarks) in watermarks {
                kept.raise(*chain, watermarks, RaisedBy::Operator(Env::system().now())).await?;
            }
            kept.write_copy().await
        };
        match self {
            Self::Store(kept) => raised(kept).await.map_err(|error| unavailable(&error))?,
            Self::File(kept) => raised(kept).await.map_err(|error| unavailable(&error))?,
            Self::Signatory(base_dir) => {
                copy::export(base_dir, watermarks).map_err(|error| unavailable(&error))?;
            }
        }
        // What stands is asked, not computed.
        Ok(changes(watermarks, &before, &self.all().await?))
    }

    pub(super) async fn danger_lower(
        &self,
        target: &WatermarkTarget,
        kind: WatermarkKind,
        watermark: Watermark,
    ) -> Result<(), Failure> {
        let (chain, key) = (target.chain, target.key);
        let lowered: Result<(), WatermarkError> = match self {
            Self::Store(kept) => kept.danger_lower(chain, key, kind, watermark, Env::system().now()).await,
            Self::File(kept) => kept.danger_lower(chain, key, kind, watermark, Env::system().now()).await,
            Self::Signatory(base_dir) => {
                return copy::danger_lower(base_dir, chain, key, kind, watermark)
                    .map_err(|error| unavailable(&error));
            }
        };
        lowered.map_err(|error| unavailable(&error))
    }
}

pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::refused("the watermarks cannot be kept")
        .because(error)
        .hint("some may be changed already, which does no harm: look at the disk and run it again")
}
