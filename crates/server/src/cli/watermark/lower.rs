//! `jwtis watermark lower`: sets a watermark lower than it stands, in every place from which a start would bring the higher one back.

use std::path::Path;

use clap::Args;
use jwtis_signer::watermark::import;
use jwtis_tezos::watermark::{AllWatermarks, Watermark, WatermarkKind};
use tracing::warn as audit;

use super::keeper::WatermarkKeeper;
use super::location::Location;
use super::table::{changes, show_changes};
use super::target::WatermarkTarget;
use crate::cli::failure::warn;
use crate::cli::{CliOutcome, Failure, Output, runtime};
use crate::telemetry::{self, LogFormat, LogSettings};

/// Name the highest level that the key has really signed on the chain.
#[derive(Debug, Args)]
pub(crate) struct Lower {
    #[command(flatten)]
    target: WatermarkTarget,
    /// Say that you know it: the key can sign a second message at each level between the two, and that costs its stake.
    #[arg(long)]
    accept_double_signing_risk: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    location: Location,
}

impl Lower {
    pub(super) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let watermark = self.target.watermark()?;
        if !self.accept_double_signing_risk {
            return Err(Failure::usage(
                "a lowered watermark lets the key sign twice at one level, which costs its stake; nothing was changed",
            )
            .hint("if the present level was never signed on the chain, say --accept-double-signing-risk"));
        }
        let log = LogSettings { verbose: false, format: LogFormat::Auto, filter: None };
        let _logging = telemetry::start(&log).map_err(|error| runtime::no_threads(&error))?;
        // The copies come first: as long as one of them is high, a start brings the higher watermark back.
        let (base_dir, keepers) = self.location.everywhere()?;
        self.no_older_folder_is_higher(&base_dir, watermark)?;
        runtime::runtime()?.block_on(self.lower(&keepers, watermark, out))
    }

    async fn lower(
        &self,
        keepers: &[WatermarkKeeper],
        watermark: Watermark,
        out: &mut Output<'_>,
    ) -> CliOutcome {
        let Some(own) = keepers.last() else { return Ok(()) };
        let target = &self.target;
        let before = own.all().await?;
        let is_higher = |kind: &WatermarkKind| is_above(target.stands(&before, *kind), watermark);
        let kinds: Vec<WatermarkKind> = target.kinds().into_iter().filter(is_higher).collect();
        if kinds.is_empty() {
            return Err(Failure::refused(format!("no watermark of that kind stands above {watermark}"))
                .hint("`jwtis watermark show` shows what stands; `jwtis watermark raise` raises"));
        }
        for keeper in keepers {
            let all = keeper.all().await?;
            for kind in &kinds {
                if is_above(target.stands(&all, *kind), watermark) {
                    keeper.danger_lower(target, *kind, watermark).await?;
                }
            }
        }
        let after = own.all().await?;
        self.say(&kinds, &before, watermark);
        show_changes(&changes(&target.set(&kinds, watermark), &before, &after), self.json, out)
    }

    /// Older folders are joined at every start: the next one would raise the watermark again.
    fn no_older_folder_is_higher(&self, base_dir: &Path, watermark: Watermark) -> CliOutcome {
        let folders = import::older_folders(base_dir).map_err(|error| {
            Failure::refused("an older folder of watermarks cannot be read")
                .because(&error)
                .hint("mend it, or move it away if it is not needed")
        })?;
        for found in folders {
            let is_higher = |kind| is_above(self.target.stands(&found.watermarks, kind), watermark);
            if self.target.kinds().into_iter().any(is_higher) {
                let folder = found.folder.display();
                let file = found.folder.join(format!("{}.json", self.target.chain));
                return Err(Failure::refused(format!(
                    "{} holds a higher watermark of this key, which may come back; nothing was changed",
                    file.display()
                ))
                .hint(format!("move {folder} out of the base folder, and run this again")));
            }
        }
        Ok(())
    }

    /// On standard error and in the audit trail.
    fn say(&self, kinds: &[WatermarkKind], before: &AllWatermarks, watermark: Watermark) {
        for kind in kinds {
            let stood = self.target.stands(before, *kind).map(ToString::to_string).unwrap_or_default();
            audit!(
                target: "jwtis::audit",
                event = "watermark_lowered",
                by = "operator",
                key = %self.target.key,
                chain_id = %self.target.chain,
                kind = kind.name(),
                before = stood,
                after = %watermark,
                "a watermark was lowered: the key can sign again what it may have signed"
            );
        }
        warn(
            "THE WATERMARK WAS LOWERED. Every level above it can be signed once more. If the key signed one of them, it loses its stake",
        );
    }
}

fn is_above(stands: Option<&Watermark>, watermark: Watermark) -> bool {
    stands.is_some_and(|stands| (stands.level(), stands.round()) > (watermark.level(), watermark.round()))
}
