//! `jwtis watermark`: the marks against double signing, shown, raised, brought in from Signatory and written for it (§5 of the signer's
//! behaviour specification). No command lowers a mark.

mod place;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use jwtis_core::signer::watermark::import::{self, Found};
use jwtis_core::signer::watermark::{WatermarkError, Watermarks};
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{Mark, WatermarkKind};
use jwtis_tezos::{ChainId, PublicKeyHash};
use serde_json::json;

use super::failure::warn;
use super::{Failure, Outcome, Output, serve};
use place::Place;
use table::{Change, Row, changes, rows};

/// The folder below a base folder of Signatory in which its files are.
const V2_FOLDER: &str = "watermark_v2";

/// Marks by network.
type Marks = BTreeMap<ChainId, ChainMarks>;

#[derive(Debug, Subcommand)]
pub(crate) enum WatermarkCommand {
    /// Show the marks. Those of the driver `file` can be read while the server runs.
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
        place: Place,
    },
    /// Raise marks to a level and a round. What stands higher stays.
    Raise(Raise),
    /// Take over the marks of Signatory: its base folder, or a folder of marks of version 0, 1 or 2. The higher mark wins.
    Import {
        /// Signatory's `base_dir`, or the folder in it.
        folder: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Write the marks for Signatory, version 2, joined with what is there: the higher mark wins.
    Export {
        /// Signatory's `base_dir`, which gets a folder `watermark_v2`; or such a folder.
        folder: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Raise {
    /// The key.
    #[arg(long, value_name = "PKH")]
    key: PublicKeyHash,
    /// The network, like NetXdQprcVkpaWU.
    #[arg(long, value_name = "NET")]
    chain: ChainId,
    /// What may no longer be signed at or below that place.
    #[arg(long)]
    kind: Kind,
    /// The level.
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(0..))]
    level: i32,
    /// The round.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(0..))]
    round: i32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Copy, Clone, Debug, ValueEnum)]
enum Kind {
    /// Blocks.
    Block,
    /// Preattestations.
    Preattestation,
    /// Attestations, with and without DAL.
    Attestation,
    /// All three.
    All,
}

impl Kind {
    fn each(self) -> Vec<WatermarkKind> {
        match self {
            Self::Block => vec![WatermarkKind::Block],
            Self::Preattestation => vec![WatermarkKind::Preattestation],
            Self::Attestation => vec![WatermarkKind::Attestation],
            Self::All => WatermarkKind::ALL.to_vec(),
        }
    }
}

impl WatermarkCommand {
    pub(crate) fn run(&self, out: &mut Output<'_>) -> Outcome {
        match self {
            Self::Show { key, chain, json, place } => {
                let wanted = |row: &Row| {
                    key.is_none_or(|key| key == row.key) && chain.is_none_or(|chain| chain == row.chain)
                };
                let rows: Vec<Row> = rows(&place.read()?).into_iter().filter(wanted).collect();
                if *json { out.json(&table::json(&rows)) } else { out.line(table::text(&rows)) }
            }
            Self::Raise(raise) => raise.run(out),
            Self::Import { folder, json, place } => {
                let found = read_folder(folder)?;
                for notice in &found.notices {
                    warn(notice);
                }
                let changes = raise_all(place, &found.marks)?;
                show_changes(&changes, *json, out)?;
                said(*json, out, format_args!("taken over from {}", found.folder.display()))
            }
            Self::Export { folder, json, place } => {
                let marks = place.read()?;
                let base = base_folder(folder);
                let files = place::open_files(&base)?;
                let changes = serve::runtime()?.block_on(raise(&files, &marks))?;
                show_changes(&changes, *json, out)?;
                said(*json, out, format_args!("written to {}", base.join(V2_FOLDER).display()))
            }
        }
    }
}

impl Raise {
    fn run(&self, out: &mut Output<'_>) -> Outcome {
        let mark = Mark::new(self.level, self.round, None).ok_or_else(|| {
            Failure::usage("a mark is not below zero").hint("give --level and --round from 0 on")
        })?;
        let mut marks = ChainMarks::default();
        for kind in self.kind.each() {
            marks.entry(self.key).set(kind, mark);
        }
        let changes = raise_all(&self.place, &BTreeMap::from([(self.chain, marks)]))?;
        show_changes(&changes, self.json, out)
    }
}

/// Raises the marks of a place, durably, and says what that did.
fn raise_all(place: &Place, marks: &Marks) -> Result<Vec<Change>, Failure> {
    let keeper = place.open()?;
    serve::runtime()?.block_on(raise(keeper.as_ref(), marks))
}

async fn raise(keeper: &dyn Watermarks, marks: &Marks) -> Result<Vec<Change>, Failure> {
    let before = keeper.marks().await.map_err(|error| unavailable(&error))?;
    for (chain, marks) in marks {
        keeper.raise(*chain, marks).await.map_err(|error| unavailable(&error))?;
    }
    // What stands is asked, not computed.
    let after = keeper.marks().await.map_err(|error| unavailable(&error))?;
    Ok(changes(marks, &before, &after))
}

fn unavailable(error: &WatermarkError) -> Failure {
    Failure::refused("the marks cannot be kept")
        .because(error)
        .hint("some may be raised already, which does no harm: look at the disk and run it again")
}

/// The marks of a base folder of Signatory, or of a folder of marks.
fn read_folder(folder: &Path) -> Result<Found, Failure> {
    if !folder.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", folder.display()))
            .hint("name Signatory's base_dir, by default /var/lib/signatory, or a folder of marks in it"));
    }
    let found = match import::from_base_dir(folder) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => import::from_folder(folder),
        Err(error) => Err(error),
    };
    let found = found.map_err(|error| {
        Failure::refused("the marks cannot be taken over, and none was")
            .because(&error)
            .hint("mend or remove that file: a mark that is passed over would be a mark that is forgotten")
    })?;
    if found.marks.values().all(|marks| marks.iter().next().is_none()) {
        return Err(Failure::refused(format!("there are no marks in {}", folder.display()))
            .hint("name Signatory's base_dir, or the folder watermark_v2, watermark_v1 or watermark in it"));
    }
    Ok(found)
}

/// The base folder that `export` writes below.
fn base_folder(folder: &Path) -> PathBuf {
    match (folder.file_name(), folder.parent()) {
        (Some(name), Some(parent)) if name == V2_FOLDER && !parent.as_os_str().is_empty() => {
            parent.to_path_buf()
        }
        (Some(name), _) if name == V2_FOLDER => PathBuf::from("."),
        _ => folder.to_path_buf(),
    }
}

fn show_changes(changes: &[Change], as_json: bool, out: &mut Output<'_>) -> Outcome {
    if as_json {
        let raised = changes.iter().filter(|change| change.raised()).count();
        let marks: Vec<_> = changes.iter().map(Change::json).collect();
        return out.json(&json!({ "raised": raised, "marks": marks }));
    }
    out.line(table::changes_text(changes))
}

/// A last line for people.
fn said(as_json: bool, out: &mut Output<'_>, text: std::fmt::Arguments<'_>) -> Outcome {
    if as_json { Ok(()) } else { out.line(format_args!("\n{text}")) }
}
