//! The signer's commands as they are typed: keys, watermarks, policies, logins. Each test runs the real program.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../cli_support/mod.rs"]
mod cli_support;
mod keys;
mod keys_import;
mod login;
mod policy;
mod prompts;
mod watermarks;
mod watermarks_folders;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::sync::LazyLock;

use cli_support::{Place, Run};
use jwtis_store::{KdfParams, Password, create_redb};

/// The key triple of the specification's section 11.
const EDSK: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";
const EDPK: &str = "edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV";
const TZ1: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";
/// Mainnet, and the network of the specification's examples.
const MAINNET: &str = "NetXdQprcVkpaWU";
const TESTNET: &str = "NetXo5iVw1vBoxM";

const PASSWORD: &str = "the store's password";

/// A place with an empty store and its password, as a first start would leave it.
fn with_store() -> Place {
    // Copied from one that was made once: of a store that was open in this process, a child that another test starts just then may
    // inherit the lock for a moment.
    static EMPTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let place = Place::new();
        let path = place.path().join("keys.db");
        drop(create_redb(&path, &Password::new(PASSWORD), KdfParams::cheap_for_tests()).unwrap());
        fs::read(path).unwrap()
    });
    let mut place = Place::new();
    fs::create_dir(place.path().join("data")).unwrap();
    fs::write(place.store(), EMPTY.as_slice()).unwrap();
    place.set("JWTIS_PSWD", PASSWORD);
    place
}

/// Runs `jwtis` with this on its standard input.
fn piped(place: &Place, input: &str, arguments: &[&str]) -> Run {
    let mut command = place.command(env!("CARGO_BIN_EXE_jwtis"), arguments);
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().unwrap();
    // It may have ended without reading.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    Run::of(child.wait_with_output().unwrap())
}

/// Runs what must fail with `code`, nothing on standard output, `wanted` on standard error and a hint at its end.
#[track_caller]
fn refused(run: &Run, code: i32, wanted: &str) {
    assert_eq!(run.code, Some(code), "{}\n{}", run.stdout, run.stderr);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains(wanted), "{wanted} is not in\n{}", run.stderr);
    assert!(run.stderr.lines().last().unwrap().starts_with("hint: "), "{}", run.stderr);
}

#[test]
fn version_is_said_in_signatorys_words() {
    let place = Place::new();
    let wanted = concat!("Release Version: ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(place.ok(&["version"]), wanted);
    assert_eq!(place.ok(&["v"]), wanted);
}

#[test]
fn completions_know_the_signers_commands() {
    let script = Place::new().ok(&["completions", "bash"]);
    for wanted in ["export-public", "watermark", "list-kinds", "hash-password", "login"] {
        assert!(script.contains(wanted), "{wanted}");
    }
}
