//! `jwtis watermark raise`, and the question that raising asks where a level is implausible.

use std::io::{self, IsTerminal as _};

use clap::Args;
use jwtis_base::Env;
use jwtis_tezos::watermark::{AllWatermarks, Judgement, JumpRules, Refusal, judge};

use super::location::Location;
use super::table::{WatermarkChange, WatermarkRow, rows, show_changes};
use super::target::WatermarkTarget;
use crate::cli::{CliOutcome, Failure, Output, prompt, runtime};

#[derive(Debug, Args)]
pub(crate) struct Raise {
    #[command(flatten)]
    target: WatermarkTarget,
    /// Do not ask where the level is higher than the chain can have gone.
    #[arg(long)]
    yes: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    location: Location,
}

impl Raise {
    pub(super) fn run(&self, out: &mut Output<'_>) -> CliOutcome {
        let watermarks = self.target.set(&self.target.kinds(), self.target.watermark()?);
        let changes = raise_all(&self.location, &watermarks, self.yes)?;
        show_changes(&changes, self.json, out)
    }
}

/// Raises watermarks, durably, and says what that did. Asks first where a level is implausible, unless `yes`.
pub(super) fn raise_all(
    location: &Location,
    watermarks: &AllWatermarks,
    yes: bool,
) -> Result<Vec<WatermarkChange>, Failure> {
    let jumps = location.jumps()?;
    let keeper = location.open()?;
    let runtime = runtime::runtime()?;
    if !yes {
        let before = runtime.block_on(keeper.all())?;
        let doubts = implausible(watermarks, &before, &jumps, Env::system().now().millis());
        if !doubts.is_empty() {
            confirm(&doubts)?;
        }
    }
    runtime.block_on(keeper.raise(watermarks))
}

/// What the signer would refuse as too high, by the same rule, in a line each.
fn implausible(
    watermarks: &AllWatermarks,
    before: &AllWatermarks,
    jumps: &JumpRules,
    now_ms: u64,
) -> Vec<String> {
    let doubt = |WatermarkRow { chain, key, kind, watermark }: WatermarkRow| {
        let stands = before
            .get(&chain)
            .and_then(|watermarks| watermarks.get(&key))
            .and_then(|watermarks| watermarks.get(kind));
        match judge(stands, &watermark, &jumps.on(&chain), now_ms) {
            Judgement::Refuse(Refusal::Jump { limit, .. }) => {
                let stands = stands.map_or_else(|| "nothing".to_owned(), ToString::to_string);
                Some(format!(
                    "{key} on {chain}, {kind}: from {stands} to {watermark}, where level {} at most is plausible now",
                    limit.highest
                ))
            }
            Judgement::Refuse(Refusal::NotAbove { .. }) | Judgement::Advance(_) | Judgement::Repeat(_) => {
                None
            }
        }
    };
    rows(watermarks).into_iter().filter_map(doubt).collect()
}

/// Asks whether such levels are meant: from then on nothing at or below them is signed.
fn confirm(doubts: &[String]) -> CliOutcome {
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
