//! `jwtis watermark lower`: sets a watermark lower than it stands, in every place from which a start would bring the higher one back.

use std::path::Path;

use clap::Args;
use jwtis_base::Env;
use jwtis_signer::watermark::file::FileWatermarks;
use jwtis_signer::watermark::import;
use jwtis_signer::watermark::store::StoreWatermarks;
use jwtis_signer::watermark::{WatermarkError, Watermarks};
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{Mark, Pace, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use tracing::warn as audit;

use super::place::{self, Copies, Place};
use super::table::changes;
use super::{Kind, Marks, show_changes, unavailable};
use crate::cli::failure::warn;
use crate::cli::{Failure, Outcome, Output, serve};
use crate::telemetry::{self, LogFormat, LogSettings};

#[derive(Debug, Args)]
pub(crate) struct Lower {
    /// The key.
    #[arg(long, value_name = "PKH")]
    key: PublicKeyHash,
    /// The network, like NetXdQprcVkpaWU.
    #[arg(long, value_name = "NET")]
    chain: ChainId,
    /// Which watermarks.
    #[arg(long)]
    kind: Kind,
    /// The highest level that the key has really signed on the chain.
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(0..))]
    level: i32,
    /// The round.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(0..))]
    round: i32,
    /// Say that you know it: the key can sign a second message at each level between the two, and that costs its stake.
    #[arg(long)]
    accept_double_signing_risk: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// A keeper that can be lowered.
enum Keeper {
    Store(StoreWatermarks),
    Files(FileWatermarks),
}

impl Keeper {
    fn marks(&self) -> &dyn Watermarks {
        match self {
            Self::Store(marks) => marks,
            Self::Files(marks) => marks,
        }
    }

    async fn danger_lower(
        &self,
        chain: ChainId,
        key: PublicKeyHash,
        kind: WatermarkKind,
        mark: Mark,
    ) -> Result<(), WatermarkError> {
        match self {
            Self::Store(marks) => marks.danger_lower(chain, key, kind, mark).await,
            Self::Files(marks) => marks.danger_lower(chain, key, kind, mark).await,
        }
    }
}

impl Lower {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> Outcome {
        let mark = Mark::new(self.level, self.round, None).ok_or_else(|| {
            Failure::usage("a watermark is not below zero").hint("give --level and --round from 0 on")
        })?;
        if !self.accept_double_signing_risk {
            return Err(Failure::usage(
                "a lowered watermark lets the key sign twice at one level, which costs its stake; nothing was changed",
            )
            .hint("if the present level was never signed on the chain, say --accept-double-signing-risk"));
        }
        let log = LogSettings { verbose: false, format: LogFormat::Auto, filter: None };
        let _logging = telemetry::start(&log).map_err(|error| serve::no_threads(&error))?;
        let Copies { is_store, base_dir, store } = self.place.copies()?;
        self.no_older_folder_is_higher(&base_dir, mark)?;
        let store = store.map(|store| Keeper::Store(StoreWatermarks::new(store, place::nobody())));
        let has_files = !is_store || place::has_files(&base_dir);
        let files = has_files.then(|| place::open_files(&base_dir).map(Keeper::Files)).transpose()?;
        // The copy first: as long as one of them is high, a start brings the higher watermark back.
        let (copy, own) = if is_store { (files, store) } else { (store, files) };
        let keepers: Vec<Keeper> = copy.into_iter().chain(own).collect();
        serve::runtime()?.block_on(self.lower(&keepers, mark, out))
    }

    async fn lower(&self, keepers: &[Keeper], mark: Mark, out: &mut Output<'_>) -> Outcome {
        let failed = |error: WatermarkError| unavailable(&error);
        let Some(own) = keepers.last() else { return Ok(()) };
        let before = own.marks().marks().await.map_err(failed)?;
        let kinds: Vec<WatermarkKind> =
            self.kind.each().into_iter().filter(|kind| is_above(self.stands(&before, *kind), mark)).collect();
        if kinds.is_empty() {
            return Err(Failure::refused(format!("no watermark of that kind stands above {mark}"))
                .hint("`jwtis watermark show` shows what stands; `jwtis watermark raise` raises"));
        }
        // From now on time is counted: the next signature is just above.
        let mark = mark.with_pace(Some(Pace::at(Env::system().now().millis())));
        for keeper in keepers {
            let marks = keeper.marks().marks().await.map_err(failed)?;
            for kind in &kinds {
                if is_above(self.stands(&marks, *kind), mark) {
                    keeper.danger_lower(self.chain, self.key, *kind, mark).await.map_err(failed)?;
                }
            }
        }
        let after = own.marks().marks().await.map_err(failed)?;
        self.say(&kinds, &before, mark);
        let mut asked = ChainMarks::default();
        kinds.iter().for_each(|kind| asked.entry(self.key).set(*kind, mark));
        show_changes(&changes(&Marks::from([(self.chain, asked)]), &before, &after), self.json, out)
    }

    fn stands<'a>(&self, marks: &'a Marks, kind: WatermarkKind) -> Option<&'a Mark> {
        marks.get(&self.chain)?.get(&self.key)?.get(kind)
    }

    /// Older folders are joined at every start: the next one would raise the watermark again.
    fn no_older_folder_is_higher(&self, base_dir: &Path, mark: Mark) -> Outcome {
        let folders = import::older_folders(base_dir).map_err(|error| {
            Failure::refused("an older folder of watermarks cannot be read")
                .because(&error)
                .hint("mend it, or move it away if it is not needed")
        })?;
        for found in folders {
            let is_higher = |kind| is_above(self.stands(&found.marks, kind), mark);
            if self.kind.each().into_iter().any(is_higher) {
                let folder = found.folder.display();
                let file = found.folder.join(format!("{}.json", self.chain));
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
    fn say(&self, kinds: &[WatermarkKind], before: &Marks, mark: Mark) {
        for kind in kinds {
            let stood = self.stands(before, *kind).map(ToString::to_string).unwrap_or_default();
            audit!(
                target: "jwtis::audit",
                event = "watermark_lowered",
                by = "operator",
                key = %self.key,
                chain_id = %self.chain,
                kind = kind.name(),
                before = stood,
                after = %mark,
                "a watermark was lowered: the key can sign again what it may have signed"
            );
        }
        warn(
            "THE WATERMARK WAS LOWERED. Every level above it can be signed once more. If the key signed one of them, it loses its stake",
        );
    }
}

fn is_above(stands: Option<&Mark>, mark: Mark) -> bool {
    stands.is_some_and(|stands| (stands.level(), stands.round()) > (mark.level(), mark.round()))
}
