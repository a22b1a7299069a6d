//! schemathesis against the real server: it makes requests out of the OpenAPI documents, well formed and not, and looks whether the
//! answers are what the documents promise, whether bad requests are refused and good ones taken, and whether a missing token is missed.
//!
//! `tools/interop/openapi` has its settings and what it cannot know. Where it cannot be installed, the tests say so and pass; with `CI` set they
//! fail. `SCHEMATHESIS_EXAMPLES` makes the round longer, `SCHEMATHESIS_SEED` another.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use jwtis_testkit::process::signer::Client;
use jwtis_testkit::process::{Place, Run, get};
use serde_json::Value;

#[test]
fn the_issuer_keeps_what_its_document_promises() {
    let Some(tool) = schemathesis() else { return };
    let place = Place::new();
    let server = place.serve(&[]);
    let token = server.export("JWTIS_ADMIN_TOKEN");
    let mut command = Command::new(tool);
    command.env("JWTIS_URL", &server.url).env("JWTIS_ADMIN_TOKEN", &token);
    let bearer = format!("Authorization: Bearer {token}");
    finds_nothing(
        command,
        "issuer.toml",
        &format!("{}/openapi.json", server.url),
        &server.url,
        &[bearer.as_str()],
        15,
    );
}

#[test]
fn the_signer_keeps_what_its_document_promises() {
    let Some(tool) = schemathesis() else { return };
    let place = Place::new();
    let configuration = std::fs::read_to_string(folder().join("signer.yaml")).unwrap();
    let configuration = format!("{configuration}base_dir: {}/marks\n", place.path().display());
    let server = place.start(&["serve", "-c", &place.file("signer.yaml", &configuration)]);
    let (status, token) = Client::new(&server.url).login("payouts", "Long-Enough-Pass-1");
    assert_eq!(status, 201, "{token}");
    let keys = [
        "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q",
        "tz2WpX7Mw91AGmLMJFPPEB3bhAdk9BsxrJkm",
        "tz4EZJVXGBHNdX2aweFn94HUijRSGkMDSfDX",
    ];
    let mut command = Command::new(tool);
    command.env("JWTIS_SIGNER_KEYS", keys.join(" "));
    let bearer = format!("Authorization: Bearer {token}");
    let headers = [bearer.as_str(), "username: payouts"];
    let document = format!("{}/openapi/signer.json", server.utility_url());
    finds_nothing(command, "signer.toml", &document, &server.url, &headers, 40);
}

#[test]
fn the_command_line_prints_what_the_server_serves() {
    let place = Place::new();
    let server = place.serve(&[]);
    let served = |url: String| serde_json::from_str::<Value>(&get(&url).1).unwrap();
    assert_eq!(place.json(&["openapi"]), served(format!("{}/openapi.json", server.url)));
    for api in ["issuer", "signer"] {
        let url = format!("{}/openapi/{api}.json", server.utility_url());
        assert_eq!(place.json(&["openapi", api]), served(url));
    }
}

/// Runs schemathesis; it must end well, and have tried something.
#[track_caller]
fn finds_nothing(
    mut command: Command,
    settings: &str,
    document: &str,
    url: &str,
    headers: &[&str],
    examples: u32,
) {
    let from_environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let examples = from_environment("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|| examples.to_string());
    let seed = from_environment("SCHEMATHESIS_SEED").unwrap_or_else(|| "1".to_owned());
    let scratch = tempfile::tempdir().unwrap();
    command.arg("--config-file").arg(folder().join(settings)).args(["run", document, "--url", url]);
    for header in headers {
        command.args(["--header", header]);
    }
    let fixed =
        ["--no-color", "--continue-on-failure", "--generation-database", "none", "--request-timeout", "30"];
    command.args(fixed).args(["--seed", &seed, "--max-examples", &examples]).current_dir(scratch.path());
    command.env("SCHEMATHESIS_HOOKS", "hooks").env("PYTHONPATH", folder()).env("NO_PROXY", "127.0.0.1");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let run = Run::of(command.output().unwrap());
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    let counted = run.stdout.lines().find(|line| line.contains(" generated, "));
    let counted = counted.unwrap_or_else(|| panic!("nothing was tried\n{}", run.stdout));
    tell(&format!("schemathesis, {settings}, seed {seed}, {examples} examples: {}", counted.trim()));
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/interop/openapi")
}

/// The tool, installed where it was not.
fn schemathesis() -> Option<PathBuf> {
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_installs = LOCK.lock().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/scripts/schemathesis");
    let why = match Command::new(&script).arg("--version").output() {
        Ok(output) if output.status.success() => return Some(script),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let line = format!("schemathesis cannot be had: {}", why.trim());
    assert!(std::env::var_os("CI").is_none(), "{line}");
    tell(&format!("SKIPPED, nothing was shown about the OpenAPI documents: {line}"));
    None
}

/// Says it even where the test passes, whose other output nobody sees.
fn tell(line: &str) {
    std::io::stderr().write_all(format!("\n{line}\n").as_bytes()).unwrap();
}
