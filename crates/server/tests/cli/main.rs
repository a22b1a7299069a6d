//! The real program as it is typed: what it prints, how it ends, and what a process does that no router shows. What a request is answered
//! is shown by `tests/http`, and each rule where it lives.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

mod audit;
mod console;
mod crash;
mod disks;
mod docs;
mod failures;
mod keys;
mod keys_import;
mod login;
mod policy;
mod process;
mod prompts;
mod readme;
mod rollback;
mod signer_dev;
mod signer_reload;
mod signer_start;
mod signer_switch;
mod start;
mod store;
mod store_gone;
mod tools;
mod upgrade;
mod watermarks;
mod watermarks_folders;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use jwtis_base::{BearerSecret, Env, SecretKind};
use jwtis_issuer::{Issuer, IssuerSettings};
use jwtis_store::{KdfParams, Password, create_redb};
use jwtis_testkit::process::{Place, Run, Server, post};
use serde_json::json;

/// The key of docs/reference/signer-protocol.md, "Check values".
const EDSK: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";
const EDPK: &str = "edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV";
const TZ1: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";
/// Mainnet, and the network of the check values.
const MAINNET: &str = "NetXdQprcVkpaWU";
const TESTNET: &str = "NetXo5iVw1vBoxM";

const PASSWORD: &str = "s3cret-pass-word-of-the-store";
/// A server of which nobody will know the ports.
const SERVE: [&str; 4] = ["-l", "127.0.0.1:0", "--utility-address", "off"];

/// A place with a store, its password in the environment.
fn with_store() -> Place {
    with_admin().0
}

/// A place with a store as a first start leaves it, its password in the environment; and the admin token.
fn with_admin() -> (Place, String) {
    // Copied from one that was made once: of a store that was open in this process, a child that another test starts just then may
    // inherit the lock for a moment.
    static MADE: LazyLock<(Place, String)> = LazyLock::new(|| {
        let place = Place::new();
        fs::create_dir(place.path().join("data")).unwrap();
        let store = create_redb(&place.store(), &Password::new(PASSWORD), KdfParams::cheap_for_tests());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let admin = runtime.block_on(async {
            let issuer =
                Issuer::open(store.unwrap(), Env::system(), IssuerSettings::default()).await.unwrap();
            let admin = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
            issuer.set_admin_token(&admin).await.unwrap();
            admin.reveal().to_owned()
        });
        (place, admin)
    });
    let (made, admin) = &*MADE;
    let mut place = Place::new();
    fs::create_dir(place.path().join("data")).unwrap();
    for name in ["data/keys.db", "data/keys.db.witness"] {
        if let Ok(bytes) = fs::read(made.path().join(name)) {
            fs::write(place.path().join(name), bytes).unwrap();
        }
    }
    place.set("JWTIS_PSWD", PASSWORD);
    (place, admin.clone())
}

fn register(server: &Server, admin: &str, kid: &str) -> String {
    let (status, answer) = post(&format!("{}/register/{kid}", server.url), admin, &json!({})).unwrap();
    assert_eq!(status, 201, "{answer}");
    answer["client_token"].as_str().unwrap().to_owned()
}

/// That a run failed with `code` and nothing on standard output, said `wanted`, and ended with a hint.
#[track_caller]
fn refused(run: &Run, code: i32, wanted: &str) {
    assert_eq!(run.code, Some(code), "{wanted}\n{}\n{}", run.stdout, run.stderr);
    assert!(run.stderr.contains(wanted), "{wanted} is not in\n{}", run.stderr);
    let last = run.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("hint: "), "no hint at the end of\n{}", run.stderr);
    assert!(!run.stderr.chars().any(|c| c.is_control() && c != '\n'), "{:?}", run.stderr);
    assert_eq!(run.stdout, "");
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A file of these tests' folder.
fn fixture(name: &str) -> String {
    format!("{}/tests/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The public key hash of a secret key.
fn pkh(secret: &str) -> String {
    secret.parse::<jwtis_tezos::SecretKey>().unwrap().public_key().hash().to_string()
}

/// The key under a password, as octez-client writes it.
fn encrypted(secret: &str, password: &str) -> String {
    let key: jwtis_tezos::SecretKey = secret.parse().unwrap();
    format!("encrypted:{}", key.encrypt(password.as_bytes()).unwrap().to_base58())
}

#[test]
fn version_is_said_in_signatorys_words() {
    let place = Place::new();
    let wanted = concat!("Release Version: ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(place.ok(&["version"]), wanted);
    assert_eq!(place.ok(&["v"]), wanted);
}
