//! The benchmark: what a request costs the server beyond its cryptography.
//!
//! A release server runs as a child on a scratch folder and is loaded over loopback; in the same run, in turns with it, the floor of
//! each scenario is measured: the same cryptographic calls in a tight loop. What counts is the ratio of the two, since it holds on
//! other machines; the figures themselves hold on the machine that the report names.

mod clock;
mod disk;
mod floor;
mod http;
mod load;
mod plot;
mod report;
mod scenario;
mod server;
mod size;
mod target;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::size::Extent;

/// What can go wrong; the benchmark ends there.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Measures a release build of jwtis; `make bench` builds it and runs this.
#[derive(Debug, Parser)]
struct Options {
    /// The program to measure.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Run only the scenarios of this server: issuer, issuer-eddsa, issuer-rsa, signer, signer-file.
    #[arg(long, default_value = "")]
    world: String,
    /// Run only scenarios whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Rounds: floor and server take turns so often.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load in each round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Measure starts with up to 100,000 clients and load with up to a million sessions instead. Takes minutes.
    #[arg(long)]
    size: bool,
    /// With --size: no more clients and no more sessions than this.
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    largest: u64,
    /// Where report.json goes, or with --size, size.json.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            report::complain(&fault);
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Fault> {
    let binary = server::binary(options.binary.clone())?;
    let time = Duration::from_secs_f64(options.seconds);
    if options.size {
        return size::run(
            &binary,
            &Extent { largest: options.largest, rounds: options.rounds, time },
            &options.out,
        );
    }
    let (mut rows, mut idle) = (Vec::new(), Vec::new());
    report::heading()?;
    for (name, start) in scenario::WORLDS {
        if !options.world.is_empty() && options.world != name {
            continue;
        }
        let mut world = start(&binary)?;
        idle.push((name, world.idle_kib));
        for scenario in &mut world.scenarios {
            if !scenario.name.contains(&options.only) {
                continue;
            }
            for connections in scenario.connections.clone() {
                let observed = (&world.server, &world.disk);
                let row = scenario.measure(observed, connections, options.rounds, time)?;
                report::line(&row)?;
                rows.push(row);
            }
        }
    }
    let verdicts = target::of_requests(&rows, &idle);
    report::targets(&verdicts)?;
    report::save(&options.out, &rows, &verdicts)
}
