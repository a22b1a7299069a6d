//! Other people's programs against the real server: Taquito's remote signer, the calls of octez-client and octez-baker, and pytezos,
//! which looks at the signatures.
//!
//! The scripts are in `tools/interop/signer`, where their packages are installed once, as its lock file says. Where npm, Python or the network
//! are missing, the tests say so and pass; with `CI` set they fail.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use jwtis_testkit::process::interop::{FindingsTable, ask, node_modules, note, python, root};
use jwtis_testkit::process::{Place, Run, Server};
use serde_json::Value;

#[test]
fn taquito_signs_with_every_guard() {
    let Some(report) = taquito() else { return };
    // Four for each curve but tz4, which has two and an authentication, and those of the guards.
    assert_all_hold(report, 24);
}

#[test]
fn the_calls_of_octez_are_answered_in_their_order() {
    let Some(report) = octez() else { return };
    assert_all_hold(report, 12);
}

#[test]
fn pytezos_verifies_what_was_signed() {
    let Some(report) = pytezos() else { return };
    assert_all_hold(report, 7);
}

#[test]
fn the_page_lists_what_holds_for_the_signer() {
    let reports = [taquito(), octez(), pytezos()];
    let mut rows = Vec::new();
    for report in reports.iter().flatten() {
        for check in report["checks"].as_array().unwrap() {
            let holds = if check["ok"] == true { "yes" } else { "**no**" };
            let [client, name] =
                [&report["client"], &check["name"]].map(|text| text.as_str().unwrap().to_owned());
            rows.push(vec![client, name, holds.to_owned()]);
        }
    }
    let head = ["Client", "What", "Holds"].map(str::to_owned).to_vec();
    let complete = reports.iter().all(Option::is_some);
    let table = FindingsTable { head, rows, complete };
    table.update("signer");
    note("signer-run", complete);
    table.is_on_the_page("signer");
}

/// One signer of `tools/interop/signer`, on free ports.
struct Signer {
    server: Server,
    _place: Place,
}

impl Signer {
    fn start(configuration: &str) -> Self {
        let text = fs::read_to_string(folder().join(configuration)).unwrap();
        let mut free = String::new();
        for part in text.split_inclusive("\"127.0.0.1:") {
            let port = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
            free.push_str(if port > 0 { "0" } else { "" });
            free.push_str(&part[port..]);
        }
        let place = Place::new();
        place.file(configuration, &free);
        Self { server: place.start(&["serve", "-c", configuration]), _place: place }
    }

    fn url(&self) -> String {
        let line = self.server.stdout.lines().find_map(|line| line.strip_prefix("signer is listening on "));
        line.unwrap_or_else(|| panic!("{}", self.server.stdout)).trim().to_owned()
    }
}

/// What `taquito.mjs` found, once for all tests.
fn taquito() -> Option<&'static Value> {
    static REPORT: OnceLock<Option<Value>> = OnceLock::new();
    let run = || {
        packages()?;
        let servers = ["open.yaml", "keys.yaml", "tokens.yaml"].map(Signer::start);
        let [open, keys, tokens] = servers.each_ref().map(Signer::url);
        Some(node(&["taquito.mjs", &open, &keys, &tokens]))
    };
    REPORT.get_or_init(run).as_ref()
}

/// What the replay of `octez.json` found.
fn octez() -> Option<&'static Value> {
    static REPORT: OnceLock<Option<Value>> = OnceLock::new();
    let run = || {
        packages()?;
        let servers = ["open.yaml", "keys.yaml"].map(Signer::start);
        let [open, keys] = servers.each_ref().map(Signer::url);
        Some(node(&["octez.mjs", "replay", &open, &keys]))
    };
    REPORT.get_or_init(run).as_ref()
}

/// What pytezos says of the signatures that Taquito was given.
fn pytezos() -> Option<&'static Value> {
    static REPORT: OnceLock<Option<Value>> = OnceLock::new();
    let run = || {
        let (signed, python) = (taquito()?, python(&folder())?);
        Some(ask(Command::new(python).arg(folder().join("verify.py")), signed))
    };
    REPORT.get_or_init(run).as_ref()
}

/// The packages of npm, installed by whichever test comes first.
fn packages() -> Option<()> {
    static INSTALLED: OnceLock<Option<()>> = OnceLock::new();
    *INSTALLED.get_or_init(|| node_modules(&folder()).map(drop))
}

fn node(arguments: &[&str]) -> Value {
    report(&Run::of(Command::new("node").args(arguments).current_dir(folder()).output().unwrap()))
}

fn report(run: &Run) -> Value {
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Every check of a report held, and there are as many as there were when the test was written, or more.
#[track_caller]
fn assert_all_hold(report: &Value, at_least: usize) {
    let checks = report["checks"].as_array().unwrap();
    let failed: Vec<String> = checks
        .iter()
        .filter(|check| check["ok"] != true)
        .map(|check| format!("{}\n  {}", check["name"], check["why"].as_str().unwrap_or_default()))
        .collect();
    assert!(failed.is_empty(), "{}:\n{}", report["client"], failed.join("\n"));
    assert!(checks.len() >= at_least, "{}: {} checks", report["client"], checks.len());
}

fn folder() -> PathBuf {
    root().join("tools/interop/signer")
}
