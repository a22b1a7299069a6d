//! A store and a `base_dir` that commit 916b378 left open and work: `fixtures/916b378/make.py` made them with that program.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jwtis_testkit::process::signer::{Client, attestation};
use jwtis_testkit::process::{Place, Server, post};
use serde_json::{Value, json};

/// The fixture in a place of its own, and what it says of itself.
fn fixture() -> (Place, Value) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/916b378");
    let facts: Value = serde_json::from_slice(&fs::read(from.join("facts.json")).unwrap()).unwrap();
    let mut place = Place::new();
    place.set("JWTIS_PSWD", facts["password"].as_str().unwrap());
    place.set("JWTIS_DB_PATH", "keys.db");
    let store = place.path().join("keys.db");
    fs::write(&store, fs::read(from.join("keys.db")).unwrap()).unwrap();
    fs::set_permissions(&store, fs::Permissions::from_mode(0o600)).unwrap();
    let marks = place.path().join("marks/watermark_v2");
    fs::create_dir_all(&marks).unwrap();
    for entry in fs::read_dir(from.join("marks/watermark_v2")).unwrap() {
        let entry = entry.unwrap();
        fs::write(marks.join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap();
    }
    (place, facts)
}

/// A server over the fixture, its signer and the URL of its issuer.
fn serve(place: &Place, facts: &Value, driver: &str) -> (Server, Client, String) {
    let key = facts["key"].as_str().unwrap();
    let base = place.path().display();
    place.file(
        "jwtis.yaml",
        &format!(
            "issuer: {{listen: '127.0.0.1:0'}}\nstore: {{path: ./keys.db}}\nbase_dir: {base}/marks\nwatermark: {{driver: {driver}}}\n\
             server: {{address: '127.0.0.1:0', utility_address: 'off'}}\nvaults: {{keys: {{driver: store}}}}\ntezos:\n  {key}:\n    \
             allow: {{attestation: , generic: [transaction]}}\n    limits: {{per: {{window: 876000h, amount: 10tz}}}}\n"
        ),
    );
    let mut server = place.start(&["serve", "-c", "jwtis.yaml"]);
    let signer = Client::new(&server.url);
    let issuer = server.next_url();
    (server, signer, issuer)
}

/// A payment of `amount` mutez from some tz1 to some tz1.
fn payment(amount: u64) -> String {
    let natural = |mut number: u64| {
        let mut bytes = String::new();
        loop {
            let (low, rest) = (number & 0x7f, number >> 7);
            bytes += &format!("{:02x}", if rest == 0 { low } else { low | 0x80 });
            if rest == 0 {
                return bytes;
            }
            number = rest;
        }
    };
    let numbers: String = [1000, 2, 1000, 0, amount].map(natural).concat();
    format!("03{}6c{}{numbers}{}00", "00".repeat(32), "00".repeat(21), "00".repeat(22))
}

#[test]
fn tokens_verify_revocations_hold_and_watermarks_and_limits_refuse() {
    let (place, facts) = fixture();
    let key = facts["key"].as_str().unwrap();
    assert_eq!(place.json(&["store", "info", "--json"])["format"], 1);
    let checked = place.json(&["store", "check", "--json"]);
    assert_eq!((&checked["summarized"], &checked["damaged"]), (&json!(false), &json!([])));
    assert!(place.ok(&["store", "check"]).contains("whether records are missing cannot be told"));

    // The second start finds what the first has brought up to date.
    for round in 0..2_u32 {
        let (server, signer, issuer) = serve(&place, &facts, "store");
        let token = facts["client_token"].as_str().unwrap();
        let send = |path: &str, body: Value| post(&format!("{issuer}{path}"), token, &body).unwrap();
        let verdict = |session: &str| {
            send("/verify_token", json!({"kid": "shop", "auth_token": facts[session]["access_token"]})).1
        };
        for session in ["live", "renewed"] {
            assert_eq!(verdict(session)["active"], true, "{session}: {}", verdict(session));
        }
        for session in ["revoked", "revoked_by_subject"] {
            assert_eq!(verdict(session)["reason"], "revoked", "{session}: {}", verdict(session));
            let renewal = json!({"kid": "shop", "refresh_token": facts[session]["refresh_token"]});
            assert_eq!(send("/renew_token", renewal).0, 403, "{session}");
        }
        let renewal = json!({"kid": "shop", "refresh_token": facts["live"]["refresh_token"]});
        if round == 0 {
            assert_eq!(send("/renew_token", renewal).0, 201);
        }
        let admin = facts["admin_token"].as_str().unwrap();
        let (status, answer) = post(&format!("{issuer}/register/new-{round}"), admin, &json!({})).unwrap();
        assert_eq!(status, 201, "{answer}");

        // At the level of the store's watermark: the same message may be asked for again, another may not.
        assert_eq!(signer.sign(key, &attestation(100, 1)).0, 200);
        assert_eq!(signer.sign(key, &attestation(100, 2)).0, 409);
        assert_eq!(signer.sign(key, &attestation(99, 1)).0, 409);
        // 7 of 10 tez are spent.
        assert_eq!(signer.sign(key, &payment(3_000_001)).0, 403);
        assert_eq!(server.stop().code, Some(0));
    }

    assert_eq!(place.json(&["store", "info", "--json"])["format"], 2);
    assert!(place.ok(&["store", "check"]).contains("keys.db is whole"));
    // The driver `file` finds its folder, and what the store knew.
    let (server, signer, _) = serve(&place, &facts, "file");
    assert_eq!(signer.sign(key, &attestation(50, 2)).0, 409);
    let (status, text) = signer.sign(key, &attestation(101, 1));
    assert_eq!(status, 200, "{text}");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_backup_of_the_old_release_is_restored_and_its_copy_is_brought_up_to_date() {
    let (place, facts) = fixture();
    place.ok(&["store", "restore", "keys.db", "-d", "new/keys.db"]);
    let listed = place.ok(&["key", "list", "-d", "new/keys.db"]);
    assert!(listed.contains(facts["key"].as_str().unwrap()), "{listed}");
    assert_eq!(place.json(&["store", "info", "-d", "new/keys.db", "--json"])["format"], 2);
    assert_eq!(place.json(&["store", "info", "--json"])["format"], 1, "the backup is as it was");
}
