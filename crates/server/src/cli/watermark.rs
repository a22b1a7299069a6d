//! `jwtis watermark`: watermarks shown, raised, lowered, brought in from Signatory and written for it.

mod exchange;
mod keeper;
mod location;
mod lower;
mod raise;
mod table;
mod target;

use clap::Subcommand;
use jwtis_signer::watermark::import::Busy;
use jwtis_tezos::{ChainId, PublicKeyHash};

use self::exchange::{Export, WatermarkImport};
use self::location::Location;
use self::lower::Lower;
use self::raise::Raise;
use self::table::{WatermarkRow, rows};
use super::{CliOutcome, Output};

#[derive(Debug, Subcommand)]
pub(crate) enum WatermarkCommand {
    /// Show the watermarks. While a server has those of the driver `file`, the copy for Signatory is shown, which is a second old at most.
    Show {
        /// Of this key only.
        #[arg(long, value_name = "PKH")]
        key: Option<PublicKeyHash>,
        /// Of this network only.
        #[arg(long, value_name = "NET")]
        chain: Option<ChainId>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        location: Location,
    },
    /// Raise watermarks to a level and a round. What stands higher stays. Asks where the level is higher than the chain can have gone.
    Raise(Raise),
    /// Lower watermarks that stand higher than what was ever signed. Dangerous: the key can sign twice.
    Lower(Lower),
    /// Take over the watermarks of Signatory: its base folder, or a folder of version 0, 1 or 2. The higher watermark wins.
    Import(WatermarkImport),
    /// Write the watermarks for Signatory, version 2, joined with what is there: the higher watermark wins. Use it before Signatory starts
    /// after a crash: the copy that the driver `file` keeps may lack the last second.
    Export(Export),
}

impl WatermarkCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        match self {
            Self::Show { key, chain, json, location } => {
                let wanted = |row: &WatermarkRow| {
                    key.is_none_or(|key| key == row.key) && chain.is_none_or(|chain| chain == row.chain)
                };
                let all = location.read(Busy::ReadCopy)?;
                let rows: Vec<WatermarkRow> = rows(&all).into_iter().filter(wanted).collect();
                if *json { out.json(&table::json(&rows)) } else { out.line(table::text(&rows)) }
            }
            Self::Raise(raise) => raise.run(out),
            Self::Lower(lower) => lower.run(out),
            Self::Import(import) => import.run(out),
            Self::Export(export) => export.run(out),
        }
    }
}
