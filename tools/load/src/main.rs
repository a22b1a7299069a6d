//! The instruments that start a real server as a child process and load it.
//!
//! `bench` and `size` measure what requests cost beyond their cryptography (docs/reference/performance.md). `crash`, `soak` and `flood` find out
//! what a server survives (docs/reference/reliability.md). All end with 1 and a reason where a promise is broken.

mod bench;
mod clock;
mod endurance;
mod output;
mod process;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures, kills and loads a jwtis; `make bench`, `make crash` and `make soak` build it and run this.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
    /// The server to try; the one beside this program when left out.
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What each kind of request costs the server beyond its cryptography.
    Bench(bench::Requests),
    /// Starts with up to 100,000 clients, and load with up to a million sessions. Takes minutes.
    Size(bench::Size),
    /// Random work by many clients, kill -9 at a random moment, restart, comparison; and again.
    Crash {
        /// How often the server is killed under work; some starts are killed besides.
        #[arg(long, default_value_t = 300)]
        rounds: u64,
        /// The seed of a run before, to choose the same work and the same moments again.
        #[arg(long)]
        seed: Option<u64>,
        /// Where the signer keeps its watermarks.
        #[arg(long, value_enum, default_value_t)]
        watermark: endurance::WatermarkStorage,
    },
    /// Load at 70 % of what the server can do, for a long time.
    Soak {
        /// How long, in minutes.
        #[arg(long, default_value_t = 20.0)]
        minutes: f64,
    },
    /// Bodies that are never sent to their end, many at once; the last part of `soak`, alone.
    Flood,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = process::binary(options.binary).and_then(|binary| match options.command {
        Command::Bench(requests) => bench::requests(&binary, &requests),
        Command::Size(size) => bench::size(&binary, &size),
        Command::Crash { rounds, seed, watermark } => endurance::crash(binary, rounds, seed, watermark),
        Command::Soak { minutes } => endurance::soak(binary, minutes),
        Command::Flood => endurance::flood(binary),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _ = writeln!(io::stderr(), "error: {fault}");
            ExitCode::FAILURE
        }
    }
}
