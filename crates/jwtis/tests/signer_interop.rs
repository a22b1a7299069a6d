//! Other people's programs against the real server: Taquito's remote signer, the calls of octez-client and octez-baker, and pytezos,
//! which looks at the signatures.
//!
//! The scripts are in `interop/signer`, where their packages are installed once, as its lock file says. Where npm, Python or the network
//! are missing, the tests say so and pass; with `CI` set they fail.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod cli_support;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cli_support::{Place, Run, Server};
use serde_json::Value;

#[test]
fn taquito_signs_with_every_guard() {
    let Some(report) = taquito() else { return };
    // Four for each curve but tz4, which has two and an authentication, and those of the guards.
    assert_all_hold(report, 24);
}

#[test]
fn the_calls_of_octez_are_answered_in_their_order() {
    let Some(node_modules) = node_modules() else { return };
    assert!(node_modules.is_dir());
    let (open, keys) = (Signer::start("open.yaml"), Signer::start("keys.yaml"));
    let report = node(&["octez.mjs", "replay", &open.url(), &keys.url()]);
    assert_all_hold(&report, 12);
}

#[test]
fn pytezos_verifies_what_was_signed() {
    let (Some(signed), Some(python)) = (taquito(), python()) else { return };
    let mut child = Command::new(python)
        .arg(folder().join("verify.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(signed.to_string().as_bytes()).unwrap();
    let run = Run::of(child.wait_with_output().unwrap());
    assert_all_hold(&report(&run), 7);
}

/// One signer of `interop/signer`, on free ports.
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
        node_modules()?;
        let servers = ["open.yaml", "keys.yaml", "tokens.yaml"].map(Signer::start);
        let [open, keys, tokens] = servers.each_ref().map(Signer::url);
        Some(node(&["taquito.mjs", &open, &keys, &tokens]))
    };
    REPORT.get_or_init(run).as_ref()
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
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop/signer")
}

/// The packages of `package-lock.json`, installed without running anything of theirs.
fn node_modules() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let install = || {
        let npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        installed("node_modules", "package-lock.json", &[&npm])
    };
    FOLDER.get_or_init(install).as_deref()
}

/// A Python that has what `requirements.txt` lists.
fn python() -> Option<PathBuf> {
    let make = ["python3", "-m", "venv", ".venv"];
    let install =
        [".venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
    Some(installed(".venv", "requirements.txt", &[&make, &install])?.join("bin/python"))
}

/// A folder that `commands` make from `list`, unless they have made it from the same list before.
fn installed(name: &str, list: &str, commands: &[&[&str]]) -> Option<PathBuf> {
    let (folder, list) = (folder(), fs::read(folder().join(list)).unwrap());
    let (made, stamp) = (folder.join(name), folder.join(name).join(".made-from"));
    if fs::read(&stamp).is_ok_and(|stamp| stamp == list) {
        return Some(made);
    }
    tell(&format!("installing {name} into {}", folder.display()));
    for command in commands {
        let output = Command::new(command[0]).args(&command[1..]).current_dir(&folder).output();
        let why = match output {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        let line = format!("{} cannot be had: {}", command.join(" "), why.trim());
        assert!(std::env::var_os("CI").is_none(), "{line}");
        tell(&format!("SKIPPED, nothing was shown about other programs: {line}"));
        return None;
    }
    fs::write(stamp, list).unwrap();
    Some(made)
}

/// Says it even where the test passes, whose other output nobody sees.
fn tell(line: &str) {
    std::io::stderr().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}
