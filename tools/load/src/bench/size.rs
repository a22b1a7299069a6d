//! What size costs: the time from start to ready and the memory with many clients, and latency and memory with many live sessions that
//! have state.

mod fill;
pub(crate) mod measured;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use self::measured::{CONNECTIONS, Cost, Growth, Start};
use crate::bench::load::{self, Arrival};
use crate::bench::scenario::expected::Expected;
use crate::bench::scenario::issuer::{LISTENS, Registered, cycle, issue, once, renewing};
use crate::bench::scenario::{Users, median};
use crate::bench::server::Server;
use crate::bench::{floor, plot, report, target};
use crate::output::{Fault, say};

const CLIENTS: [u64; 3] = [10, 10_000, 100_000];
const SESSIONS: [u64; 3] = [1000, 100_000, 1_000_000];

/// How far and how long.
pub(crate) struct Extent {
    /// No more clients and no more sessions than this.
    pub(crate) largest: u64,
    pub(crate) rounds: usize,
    /// Load in each round.
    pub(crate) time: Duration,
}

impl Extent {
    /// These sizes, but for those above the largest: that one stands for them.
    fn sizes(&self, wanted: [u64; 3]) -> Vec<u64> {
        let mut sizes = wanted.map(|size| size.min(self.largest)).to_vec();
        sizes.dedup();
        sizes
    }
}

/// Starts and sessions; the report goes to the terminal and into `folder`.
pub(crate) fn run(binary: &Path, extent: &Extent, folder: &Path) -> Result<(), Fault> {
    say(&report::machine())?;
    // A server that starts has no load yet.
    let hash_ms = floor::alone(&mut floor::argon2id()?, Duration::from_millis(500))? / 1000.0;
    say(&format!("one password hash takes {hash_ms:.0} ms\n{}", Start::HEADING))?;
    let mut starts = Vec::new();
    for clients in extent.sizes(CLIENTS) {
        let start = starts_with(binary, extent, clients, hash_ms)?;
        say(&start.line())?;
        starts.push(start);
    }
    say(&format!("\n{}", Growth::HEADING))?;
    let mut growths = Vec::new();
    for sessions in extent.sizes(SESSIONS) {
        let growth = beside(binary, extent, sessions)?;
        for line in growth.lines() {
            say(&line)?;
        }
        growths.push(growth);
    }
    save(folder, hash_ms, &starts, &growths)
}

fn starts_with(binary: &Path, extent: &Extent, clients: u64, hash_ms: f64) -> Result<Start, Fault> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("keys.db");
    let filled = fill::fill(&path, clients, 0)?;
    let (mut ready, mut resident, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        let server = start(binary, &path)?;
        ready.push(server.ready_after.as_secs_f64() * 1e3);
        resident.push(server.process.resident_kib()? as f64);
        let address = server.address(LISTENS)?;
        for number in 0..clients.min(fill::KEPT_CLIENTS) {
            let client = Registered::new(address, &format!("client-{number}"), filled.secret(number)?);
            once(address, &issue(&client), Expected::TOKENS)?;
        }
        used.push(server.process.resident_kib()? as f64);
        // Killed, it would leave a store to be repaired by the next start.
        server.stop()?;
    }
    let ready_ms = median(&ready);
    Ok(Start {
        clients,
        store_mib: mebibytes(&path)?,
        ready_ms,
        beyond_hash_ms: ready_ms - hash_ms,
        resident_kib: median(&resident) as u64,
        used_kib: median(&used) as u64,
    })
}

fn beside(binary: &Path, extent: &Extent, sessions: u64) -> Result<Growth, Fault> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("keys.db");
    let filled = fill::fill(&path, 1, sessions)?;
    let store_mib = mebibytes(&path)?;
    let server = start(binary, &path)?;
    let address = server.address(LISTENS)?.to_owned();
    let client = Registered::new(&address, "client-0", filled.secret(0)?);
    let verify =
        |access: &String| client.post("/verify_token", json!({"kid": "client-0", "auth_token": access}));
    let kinds: [(&str, Users); 3] = [
        ("issue", cycle(vec![issue(&client)], Expected::TOKENS)),
        ("verify", cycle(filled.access_tokens.iter().map(verify).collect(), Expected::ACTIVE)),
        ("renew, refreshBoth", renewing(&client)),
    ];
    let mut costs = Vec::new();
    for (kind, users) in kinds {
        load::run(&address, users(CONNECTIONS)?, Arrival::Closed, extent.time / 2)?;
        let (mut server_us, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..extent.rounds {
            let users = users(CONNECTIONS)?;
            let before = server.process.cpu()?;
            let load = load::run(&address, users, Arrival::Closed, extent.time)?;
            let spent = server.process.cpu()?.saturating_sub(before);
            server_us.push(spent.as_secs_f64() * 1e6 / load.requests as f64);
            p50.push(load.latency.value_at_quantile(0.5) as f64 / 1e6);
            p99.push(load.latency.value_at_quantile(0.99) as f64 / 1e6);
        }
        costs.push(Cost { kind, server_us: median(&server_us), p50_ms: median(&p50), p99_ms: median(&p99) });
    }
    let resident_kib = server.process.resident_kib()?;
    server.stop()?;
    Ok(Growth { sessions, store_mib, costs, resident_kib })
}

fn start(binary: &Path, store: &Path) -> Result<Server, Fault> {
    let store = store.to_str().ok_or("a scratch folder with an odd name")?;
    Server::start(
        binary,
        &["serve", "-l", "127.0.0.1:0", "--utility-address", "off", "--dbPath", store],
        &[("JWTIS_PSWD", fill::PASSWORD)],
        &[LISTENS],
    )
}

fn mebibytes(path: &Path) -> Result<u64, Fault> {
    Ok(fs::metadata(path)?.len() / (1 << 20))
}

/// `size.json`, `size.md` and two plots.
fn save(folder: &Path, hash_ms: f64, starts: &[Start], growths: &[Growth]) -> Result<(), Fault> {
    let mut verdicts = target::of_starts(starts);
    verdicts.extend(target::of_sessions(growths));
    report::targets(&verdicts)?;

    fs::create_dir_all(folder)?;
    let json = json!({
        "machine": report::machine(),
        "password_hash_ms": hash_ms,
        "starts": starts.iter().map(Start::to_json).collect::<Vec<_>>(),
        "sessions": growths.iter().map(Growth::to_json).collect::<Vec<_>>(),
        "targets": report::verdicts_json(&verdicts),
    });
    fs::write(folder.join("size.json"), serde_json::to_vec_pretty(&json)?)?;
    let markdown = format!(
        "| Clients | Store MiB | Start to ready ms | Beyond the hash ms | RSS MiB | RSS MiB after a token of each of 1000 |\n\
        |---|---|---|---|---|---|\n{}\n\
        | Sessions | Store MiB | Request | Server µs | p50 ms | p99 ms | RSS MiB |\n|---|---|---|---|---|---|---|\n{}{}",
        starts.iter().map(Start::markdown).collect::<String>(),
        growths.iter().map(Growth::markdown).collect::<String>(),
        report::targets_markdown(&verdicts),
    );
    fs::write(folder.join("size.md"), markdown)?;
    fs::write(folder.join("starts.svg"), plot::starts(starts))?;
    fs::write(folder.join("sessions.svg"), plot::sessions(growths))?;
    say(&format!("size.json, size.md, starts.svg and sessions.svg are in {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_size_stands_for_those_above_it() {
        let sizes = |largest| Extent { largest, rounds: 1, time: Duration::ZERO }.sizes(SESSIONS);
        assert_eq!(sizes(u64::MAX), SESSIONS);
        assert_eq!(sizes(1_000_000), SESSIONS);
        assert_eq!(sizes(5000), [1000, 5000]);
        assert_eq!(sizes(10), [10]);
    }
}
