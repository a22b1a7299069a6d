//! The benchmark: what a request costs the server beyond its cryptography.
//!
//! A release server runs as a child on a scratch folder and is loaded over loopback; in the same run, in turns with it, the floor of
//! each scenario is measured: the same cryptographic calls in a tight loop. What counts is the ratio of the two, since it holds on
//! other machines; the figures themselves hold on the machine that the report names.

mod connection;
mod disk;
mod floor;
mod load;
mod plot;
mod report;
mod scenario;
mod server;
mod size;
mod target;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::bench::size::Extent;
use crate::output::Fault;

/// How long, and where the reports go.
#[derive(Debug, Args)]
struct Rounds {
    /// Rounds: floor and server take turns so often.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load in each round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// The folder of the reports.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

/// Which requests are measured.
#[derive(Debug, Args)]
pub(crate) struct Requests {
    /// Run only the scenarios of this server: issuer, issuer-eddsa, issuer-rsa, signer, signer-file.
    #[arg(long, default_value = "")]
    world: String,
    /// Run only scenarios whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    #[command(flatten)]
    rounds: Rounds,
}

/// How far the sizes go.
#[derive(Debug, Args)]
pub(crate) struct Size {
    /// No more clients and no more sessions than this.
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    largest: u64,
    #[command(flatten)]
    rounds: Rounds,
}

/// Measures stores with many clients and sessions, and writes `size.json`.
pub(crate) fn size(binary: &Path, options: &Size) -> Result<(), Fault> {
    let Rounds { rounds, seconds, out } = &options.rounds;
    let time = Duration::from_secs_f64(*seconds);
    size::run(binary, &Extent { largest: options.largest, rounds: *rounds, time }, out)
}

/// Measures every kind of request, and writes `report.json`.
pub(crate) fn requests(binary: &Path, options: &Requests) -> Result<(), Fault> {
    let Rounds { rounds, seconds, out } = &options.rounds;
    let time = Duration::from_secs_f64(*seconds);
    let (mut rows, mut idle) = (Vec::new(), Vec::new());
    report::heading()?;
    for (name, start) in scenario::worlds::WORLDS {
        if !options.world.is_empty() && options.world != name {
            continue;
        }
        let mut world = start(binary)?;
        idle.push((name, world.idle_kib));
        for scenario in &mut world.scenarios {
            if !scenario.name.contains(&options.only) {
                continue;
            }
            for connections in scenario.connections.clone() {
                let observed = (&world.server, &world.disk);
                let row = scenario.measure(observed, connections, *rounds, time)?;
                report::line(&row)?;
                rows.push(row);
            }
        }
    }
    let verdicts = target::of_requests(&rows, &idle);
    report::targets(&verdicts)?;
    report::save(out, &rows, &verdicts)
}
