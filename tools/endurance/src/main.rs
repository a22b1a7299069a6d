//! The instrument for endurance: what a running jwtis survives.
//!
//! `crash` kills the real server at random moments under random work, and while it starts, and compares what it says after the
//! restart with what it had told its clients. `soak` loads it for a long time and watches memory, latency, the store file and open
//! files; then it floods the server with half-sent bodies, as `flood` does alone. All end with 1 and a reason where a promise is broken.

mod book;
mod client;
mod crash;
mod flood;
mod http;
mod messages;
mod random;
mod server;
mod soak;
mod worker;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

/// What can go wrong; the run ends there.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Kills and loads a jwtis; `make crash` and `make soak` build it and run this.
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
    /// Random work by many clients, kill -9 at a random moment, restart, comparison; and again.
    Crash {
        /// How often the server is killed under work; some starts are killed besides.
        #[arg(long, default_value_t = 300)]
        rounds: u64,
        /// The seed of a run before, to choose the same work and the same moments again.
        #[arg(long)]
        seed: Option<u64>,
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
    let outcome = match options.command {
        Command::Crash { rounds, seed } => {
            let seed = seed
                .unwrap_or_else(|| u64::from(std::process::id()).wrapping_mul(0x9e37_79b9) % 1_000_000_007);
            crash::run(options.binary, rounds, seed)
        }
        Command::Flood => flood::alone(options.binary),
        Command::Soak { minutes } => soak::run(options.binary, Duration::from_secs_f64(minutes * 60.0)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _ = writeln!(io::stderr(), "endurance: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line.
pub(crate) fn say(line: &str) -> Result<(), Fault> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "an instrument measures time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "an instrument lets time pass")]
pub(crate) fn wait(time: Duration) {
    std::thread::sleep(time);
}
