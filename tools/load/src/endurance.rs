//! The instrument for endurance: what a running jwtis survives.
//!
//! `crash` kills the real server at random moments under random work, and while it starts, and compares what it says after the
//! restart with what it had told its clients. `soak` loads it for a long time and watches memory, latency, the store file and open
//! files; then it floods the server with half-sent bodies, as `flood` does alone. All end with 1 and a reason where a promise is broken.

mod book;
mod client;
mod connection;
mod crash;
mod flood;
mod messages;
mod server;
mod soak;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

use crate::output::Fault;

pub(crate) use server::WatermarkStorage;

/// Kills the server `rounds` times under work, and some of its starts.
pub(crate) fn crash(
    binary: PathBuf,
    rounds: u64,
    seed: Option<u64>,
    watermark: WatermarkStorage,
) -> Result<(), Fault> {
    let some = || u64::from(std::process::id()).wrapping_mul(0x9e37_79b9) % 1_000_000_007;
    crash::run(binary, rounds, seed.unwrap_or_else(some), watermark)
}

/// Loads the server for `minutes`.
pub(crate) fn soak(binary: PathBuf, minutes: f64) -> Result<(), Fault> {
    soak::run(binary, Duration::from_secs_f64(minutes * 60.0))
}

/// Floods the server with bodies that never end.
pub(crate) fn flood(binary: PathBuf) -> Result<(), Fault> {
    flood::alone(binary)
}
