//! `jwtis watermark`: the marks against double signing, shown, raised, lowered, brought in from Signatory and written for it (§5 of the
//! signer's behaviour specification).

mod lower;
mod place;
mod table;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use jwtis_base::Env;
use jwtis_signer::watermark::import;
use jwtis_signer::watermark::import::Found;
use jwtis_signer::watermark::{WatermarkError, Watermarks};
use jwtis_tezos::watermark::format::ChainMarks;
use jwtis_tezos::watermark::{JumpRules, Mark, Pace, Refusal, Step, WatermarkKind, judge};
use jwtis_tezos::{ChainId, PublicKeyHash};
use serde_json::json;

use super::failure::warn;
use super::{Failure, Outcome, Output, prompt, serve};
use lower::Lower;
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
    /// Raise marks to a level and a round. What stands higher stays. Asks where the level is higher than the chain can have gone.
    Raise(Raise),
    /// Lower marks that stand higher than what was ever signed. Dangerous: the key can sign twice.
    Lower(Lower),
    /// Take over the marks of Signatory: its base folder, or a folder of marks of version 0, 1 or 2. The higher mark wins.
    Import {
        /// Signatory's `base_dir`, or the folder in it.
        folder: PathBuf,
        /// Do not ask where a level is higher than the chain can have gone.
        #[arg(long)]
        yes: bool,
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
    /// Do not ask where the level is higher than the chain can have gone.
    #[arg(long)]
    yes: bool,
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
            Self::Lower(lower) => lower.run(out),
            Self::Import { folder, yes, json, place } => {
                let found = read_folder(folder)?;
                for notice in &found.notices {
                    warn(notice);
                }
                let changes = raise_all(place, &found.marks, *yes)?;
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
        // The operator says that the chain is there now: from here time is counted.
        let mark = mark.with_pace(Some(Pace::at(Env::system().now().millis())));
        let mut marks = ChainMarks::default();
        for kind in self.kind.each() {
            marks.entry(self.key).set(kind, mark);
        }
        let changes = raise_all(&self.place, &BTreeMap::from([(self.chain, marks)]), self.yes)?;
        show_changes(&changes, self.json, out)
    }
}

/// Raises the marks of a place, durably, and says what that did. Asks first where a level is implausible, unless `yes`.
fn raise_all(place: &Place, marks: &Marks, yes: bool) -> Result<Vec<Change>, Failure> {
    let jumps = place.jumps()?;
    let keeper = place.open()?;
    let runtime = serve::runtime()?;
    if !yes {
        let before = runtime.block_on(keeper.marks()).map_err(|error| unavailable(&error))?;
        let doubts = implausible(marks, &before, &jumps, Env::system().now().millis());
        if !doubts.is_empty() {
            confirm(&doubts)?;
        }
    }
    runtime.block_on(raise(keeper.as_ref(), marks))
}

/// What the signer would refuse as too high, by the same rule, in a line each.
fn implausible(marks: &Marks, before: &Marks, jumps: &JumpRules, now_ms: u64) -> Vec<String> {
    let doubt = |Row { chain, key, kind, mark }: Row| {
        let stands = before.get(&chain).and_then(|marks| marks.get(&key)).and_then(|marks| marks.get(kind));
        match judge(stands, &mark, &jumps.on(&chain), now_ms) {
            Step::Refuse(Refusal::Jump { limit, .. }) => {
                let stands = stands.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                Some(format!(
                    "{key} on {chain}, {kind}: from {stands} to {mark}, where level {} at most is plausible now",
                    limit.highest
                ))
            }
            Step::Refuse(Refusal::NotAbove { .. }) | Step::Advance(_) | Step::Repeat(_) => None,
        }
    };
    rows(marks).into_iter().filter_map(doubt).collect()
}

/// Asks whether such levels are meant: from then on nothing at or below them is signed.
fn confirm(doubts: &[String]) -> Outcome {
    let failure = || {
        Failure::refused("a level is higher than the chain can have gone, and nothing was changed")
            .details(doubts.iter().cloned())
            .hint("compare it with the head of the chain; if it is right, run this on a terminal to be asked, or give --yes")
    };
    if !io::stdin().is_terminal() {
        return Err(failure());
    }
    let question = format!(
        "{}\nThe key signs nothing at or below that level any more. Type yes to go on: ",
        doubts.join("\n")
    );
    let typed = prompt::line(&question).map_err(|error| failure().because(&error))?;
    if typed.trim() == "yes" { Ok(()) } else { Err(failure()) }
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
