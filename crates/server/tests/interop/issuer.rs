//! Other people's JOSE libraries against the real server: they verify its tokens through the JWK set alone, and nested tokens, keys and
//! thumbprints go both ways.
//!
//! The programs are in `tools/interop/issuer`: npm `jose`, three libraries of Python, and two of Go from Debian's packages. Where npm, Python,
//! apt or the network are missing, the test says so and goes on without them; with `CI` set it fails.

use std::collections::BTreeMap;
use std::process::Command;

use jwtis_jose::{ContentEncryption, Unverified, jwt};
use jwtis_testkit::process::interop::{FindingsTable, ask, node_modules, note, python, root, succeeds, tell};
use jwtis_testkit::process::post;
use serde_json::{Value, json};

use crate::task::{self, Task};

/// Operations and what each is tried with, as columns of the page.
const MATRIX: [(&str, &[&str]); 6] = [
    ("verify", &SIGNATURES),
    ("sign", &SIGNATURES),
    ("renew", &["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"]),
    ("nest", &ENCRYPTIONS),
    ("decrypt", &ENCRYPTIONS),
    ("thumbprint", &["P-256", "P-384", "P-521", "Ed25519", "X25519", "RSA"]),
];
const SIGNATURES: [&str; 10] =
    ["ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const ENCRYPTIONS: [&str; 7] = [
    "RSA-OAEP",
    "RSA-OAEP-256",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
    "ECDH-ES on X25519",
];

/// Operations that leave tokens to look at.
const MADE: [&str; 3] = ["sign", "nest", "renew"];

/// What a library makes against the standard, and why it is refused: library, operation, first letters of algorithms, refusal.
///
/// The salt of RSASSA-PSS is as long as the hash (RFC 7518 §3.5). jwt-go 3 salts with as many bytes as the key has room for.
const REFUSED: [(&str, &str, &str, &str); 1] =
    [("Go jwt-go 3", "sign", "PS", "the signature does not belong to this token and key")];

#[test]
fn other_libraries_understand_the_issuer_and_are_understood() {
    let task = Task::new();
    let mut found = Found::default();
    let programs = programs();
    let complete = programs.len() == 3;
    for mut program in programs {
        for report in ask(&mut program, &task.json)["reports"].as_array().unwrap() {
            found.add(&task, report);
        }
    }
    let tables =
        MATRIX.map(|(operation, algorithms)| (operation, found.table(operation, algorithms, complete)));
    for (operation, table) in &tables {
        table.update(operation);
    }
    note("issuer", complete);
    assert!(found.failed.is_empty(), "{}", found.failed.join("\n"));
    for (operation, table) in &tables {
        table.is_on_the_page(operation);
    }
}

/// The programs that can be had here.
fn programs() -> Vec<Command> {
    let folder = root().join("tools/interop/issuer");
    let mut programs = Vec::new();
    if node_modules(&folder).is_some() {
        let mut node = Command::new("node");
        node.arg("jose.mjs").current_dir(&folder);
        programs.push(node);
    }
    if let Some(python) = python(&folder) {
        let mut command = Command::new(python);
        command.arg(folder.join("libraries.py"));
        programs.push(command);
    }
    let go = root().join("tools/scripts/debian-go");
    if !root().join(".tools/go").exists() {
        tell("fetching Debian's Go into .tools/go, about 90 MB");
    }
    if succeeds(Command::new(&go).arg("--build")).is_some() {
        programs.push(Command::new(go));
    }
    programs
}

/// What was found, by library, operation and algorithm.
#[derive(Default)]
struct Found {
    libraries: Vec<String>,
    verdicts: BTreeMap<(String, String, String), Vec<&'static str>>,
    failed: Vec<String>,
}

impl Found {
    /// Takes what a library has found itself, and looks at the tokens that it has made.
    fn add(&mut self, task: &Task, report: &Value) {
        let library = format!("{} {}", text(&report["library"]), text(&report["version"]));
        self.libraries.push(library.clone());
        for check in report["checks"].as_array().unwrap() {
            let makes_token = MADE.contains(&text(&check["operation"]));
            let verdict = match text(&check["verdict"]) {
                // Whether the token is a good one is seen below.
                "yes" if makes_token => continue,
                "yes" => Ok("yes"),
                "not supported" => Ok("–"),
                _ => Err(text(&check["why"]).to_owned()),
            };
            self.say(&library, check, verdict);
        }
        for made in report["made"].as_array().unwrap() {
            let verdict = match text(&made["operation"]) {
                "sign" => task.verifies(made),
                "nest" => task.opens(made),
                _ => task.refuses_to_renew(made),
            };
            self.say(&library, made, verdict.map(|()| "yes"));
        }
    }

    fn say(&mut self, library: &str, entry: &Value, verdict: Result<&'static str, String>) {
        let [operation, algorithm] = ["operation", "algorithm"].map(|name| text(&entry[name]).to_owned());
        let verdict = verdict.unwrap_or_else(|why| {
            let known = REFUSED.iter().any(|(known, doing, with, refusal)| {
                library.starts_with(known)
                    && operation == *doing
                    && algorithm.starts_with(with)
                    && why == *refusal
            });
            if known {
                return "refused";
            }
            self.failed.push(format!("{library}: {operation} {algorithm}: {why}"));
            "**no**"
        });
        self.verdicts.entry((library.to_owned(), operation, algorithm)).or_default().push(verdict);
    }

    /// A cell says yes if everything held, for each content encryption and curve.
    fn table(&self, operation: &str, algorithms: &[&str], complete: bool) -> FindingsTable {
        let cell = |library: &String, algorithm: &str| {
            let key = (library.clone(), operation.to_owned(), algorithm.to_owned());
            let verdicts =
                self.verdicts.get(&key).unwrap_or_else(|| panic!("nothing was said about {key:?}"));
            let same = verdicts.iter().all(|verdict| *verdict == verdicts[0]);
            (if same { verdicts[0] } else { "**no**" }).to_owned()
        };
        let row = |library: &String| {
            let cells = algorithms.iter().map(|algorithm| cell(library, algorithm));
            std::iter::once(library.clone()).chain(cells).collect()
        };
        let head = std::iter::once(&"Library").chain(algorithms).map(|name| (*name).to_owned()).collect();
        FindingsTable { head, rows: self.libraries.iter().map(row).collect(), complete }
    }
}

impl Task {
    /// A token that a library has signed with an exported key.
    fn verifies(&self, made: &Value) -> Result<(), String> {
        self.is_signed_message(text(&made["token"]), text(&made["algorithm"]))
    }

    fn is_signed_message(&self, token: &str, algorithm: &str) -> Result<(), String> {
        let key = self.keys.iter().find(|key| key.algorithm().name() == algorithm).unwrap();
        let token = Unverified::parse(token).map_err(|error| error.to_string())?;
        let verified = key.verifying_key().verify(&token).map_err(|error| error.to_string())?;
        same(
            &serde_json::from_slice::<Value>(verified.payload()).unwrap(),
            &serde_json::from_str(&self.message).unwrap(),
        )
    }

    /// A token that a library has signed and then encrypted to a public key of the jose crate.
    fn opens(&self, made: &Value) -> Result<(), String> {
        let recipient =
            self.recipients.iter().find(|recipient| recipient.key.kid() == made["recipient"]).unwrap();
        let enc: ContentEncryption = text(&made["enc"]).parse().unwrap();
        let signed = jwt::open_nested(&recipient.key, &[enc], text(&made["token"]))
            .map_err(|error| format!("{enc}: {error}"))?;
        self.is_signed_message(&signed, self.keys[recipient.signer].algorithm().name())?;
        let others: Vec<_> = ContentEncryption::ALL.iter().copied().filter(|other| *other != enc).collect();
        match jwt::open_nested(&recipient.key, &others, text(&made["token"])) {
            Err(_) => Ok(()),
            Ok(_) => Err(format!("{enc} is opened though it is not accepted")),
        }
    }

    /// Nested tokens that a library has made for a client of the server: a signed token of the server's own inside is read and found to be
    /// no refresh token, one of somebody else's signature is not valid, and neither is one that was changed.
    fn refuses_to_renew(&self, made: &Value) -> Result<(), String> {
        let (client, ours, theirs) = (text(&made["client"]), text(&made["ours"]), text(&made["theirs"]));
        let changed = task::with_changed_ciphertext(ours);
        for (token, code) in
            [(ours, "not_a_refresh_token"), (theirs, "invalid_token"), (&changed, "invalid_token")]
        {
            let body = json!({"kid": client, "refresh_token": token});
            let (status, answer) =
                post(&format!("{}/renew_token", self.server.url), &self.client_tokens[client], &body)
                    .unwrap();
            same(&json!([status, answer["code"]]), &json!([403, code]))?;
        }
        Ok(())
    }
}

fn same(found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found}, not {expected}")) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}
