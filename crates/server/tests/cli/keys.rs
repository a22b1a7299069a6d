//! `jwtis key`: made, listed, exported, deleted.

use jwtis_testkit::process::Place;
use serde_json::{Value, json};

use crate::{EDPK, EDSK, PASSWORD, TZ1, refused, with_store};

fn listed(place: &Place) -> Vec<Value> {
    place.json(&["key", "list", "--json"]).as_array().unwrap().clone()
}

/// A value of a block, which begins at column 28.
fn value<'a>(block: &'a str, name: &str) -> &'a str {
    let line = block.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(line.len() <= name.len() || line.as_bytes().get(26) == Some(&b' '), "{line}");
    line.get(27..).unwrap_or_default()
}

#[test]
fn a_new_key_of_each_kind_is_shown_listed_and_exported() {
    let place = with_store();
    for (kind, hash, public) in [
        ("tz1", "tz1", "edpk"),
        ("ed25519", "tz1", "edpk"),
        ("tz2", "tz2", "sppk"),
        ("secp256k1", "tz2", "sppk"),
        ("tz3", "tz3", "p2pk"),
        ("P256", "tz3", "p2pk"),
        ("tz4", "tz4", "BLpk"),
        ("bls", "tz4", "BLpk"),
    ] {
        let alias = format!("key-{kind}");
        let block = place.ok(&["key", "generate", "--type", kind, "--alias", &alias]);
        let pkh = value(&block, "Public Key Hash:");
        assert!(pkh.starts_with(hash), "{block}");
        assert!(value(&block, "Public Key:").starts_with(public), "{block}");
        assert_eq!(value(&block, "Vault:"), "Store");
        assert_eq!(value(&block, "Alias:"), alias);
        assert!(block.contains(&format!("\ntezos:\n  {pkh}:\n")), "{block}");
        for name in [pkh, alias.as_str()] {
            let exported = place.ok(&["key", "export-public", name]);
            assert_eq!(exported.trim_end(), value(&block, "Public Key:"));
        }
        let one = place.json(&["key", "export-public", pkh, "--json"]);
        assert_eq!((&one["public_key_hash"], &one["alias"]), (&json!(pkh), &json!(alias)));
    }
    assert_eq!(listed(&place).len(), 8);
    let made = place.json(&["key", "generate", "-n", "3", "--json"]);
    assert_eq!(made.as_array().unwrap().len(), 3);
    assert_eq!(listed(&place).len(), 11);
    assert_eq!(place.ok(&["key", "list"]).matches("Public Key Hash:").count(), 11);
}

#[test]
fn a_list_beside_a_configuration_says_what_may_be_signed() {
    let place = with_store();
    assert_eq!(place.piped(EDSK, &["key", "import"]).code, Some(0));
    place.ok(&["key", "generate", "--alias", "idle"]);
    place.file(
        "signer.yaml",
        &format!(
            "server: {{address: \"127.0.0.1:0\"}}\nvaults: {{s: {{driver: store}}}}\nbase_dir: .\ntezos:\n  {TZ1}:\n    allow: {{block: , generic: [reveal, \"ballot:yay\"]}}\n"
        ),
    );
    let blocks = place.ok(&["key", "list", "-c", "signer.yaml"]);
    let of = |name: &str| blocks.split("\n\n").find(|block| block.contains(name)).unwrap().to_owned();
    let active = of(TZ1);
    assert_eq!(value(&active, "Active:"), "true");
    assert_eq!(value(&active, "Allowed Requests:"), "[block generic]");
    assert_eq!(value(&active, "Allowed Operations:"), "[ballot:yay reveal]");
    assert_eq!(value(&active, "Allow Proof of Possession:"), "false");
    let idle = of("idle");
    assert_eq!(value(&idle, "Active:"), "false");
    assert!(!idle.contains("Allowed"), "{idle}");
    let keys = place.json(&["key", "list", "-c", "signer.yaml", "--json"]);
    let first = keys.as_array().unwrap().iter().find(|key| key["public_key_hash"] == TZ1).unwrap();
    assert_eq!(first["allowed_requests"], json!(["block", "generic"]));
    assert!(!place.ok(&["key", "list"]).contains("Active:"));
}

#[test]
fn a_key_is_deleted_when_its_whole_hash_is_typed() {
    let place = with_store();
    assert_eq!(place.piped(EDSK, &["key", "import", "--alias", "old"]).code, Some(0));
    for typed in ["", "y\n", "old\n", "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2\n"] {
        let run = place.piped(typed, &["key", "delete", "old"]);
        refused(&run, 2, "nothing was deleted");
        assert!(run.stderr.contains(TZ1), "it says which: {}", run.stderr);
        assert_eq!(listed(&place).len(), 1, "{typed:?}");
    }
    let run = place.piped(&format!("{TZ1}\n"), &["key", "delete", "old"]);
    assert_eq!((run.code, run.stdout.trim_end()), (Some(0), format!("{TZ1} is deleted").as_str()));
    assert_eq!(listed(&place).len(), 0);
    refused(&place.run(&["key", "delete", "old", "--yes"]), 1, "the store has no key old");

    assert_eq!(
        place.piped(EDSK, &["key", "import", "--alias", "old"]).code,
        Some(0),
        "the alias is free again"
    );
    place.ok(&["key", "delete", TZ1, "--yes"]);
    assert_eq!(listed(&place).len(), 0);
}

#[test]
fn aliases_name_one_key_each() {
    let place = with_store();
    place.ok(&["key", "generate", "--alias", "payouts"]);
    refused(&place.run(&["key", "generate", "--alias", "payouts"]), 1, "another key has the alias `payouts`");
    refused(
        &place.run(&["key", "generate", "-n", "2", "--alias", "x"]),
        2,
        "an alias is the name of one key",
    );
    for alias in ["", " x", TZ1, &"x".repeat(65)] {
        refused(&place.run(&["key", "generate", "--alias", alias]), 2, "--alias");
    }
    assert_eq!(listed(&place).len(), 1);
}

#[test]
fn a_store_that_a_server_has_open_is_left_alone() {
    let place = with_store();
    let server = place.serve(&[]);
    let raise =
        ["watermark", "raise", "--key", TZ1, "--chain", "NetXdQprcVkpaWU", "--kind", "all", "--level", "1"];
    for command in [&["key", "list"][..], &["key", "generate"], &["watermark", "show"], &raise] {
        let run = place.run(command);
        refused(&run, 1, "is locked");
        assert!(run.stderr.contains("hint: stop the server"), "{}", run.stderr);
    }
    refused(&place.piped(EDSK, &["key", "import"]), 1, "is locked");
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(listed(&place).len(), 0);
}

#[test]
fn without_a_store_or_its_password_nothing_is_made() {
    let mut place = Place::new();
    for command in [&["key", "generate"][..], &["key", "list"], &["watermark", "show"]] {
        let run = place.run(command);
        refused(&run, 1, "there is no store");
        assert!(run.stderr.contains("`jwtis serve` makes a store"), "{}", run.stderr);
    }
    assert!(!place.path().join("data").exists());
    place = with_store();
    place.unset("JWTIS_PSWD");
    refused(&place.run(&["key", "generate"]), 2, "opens only with its password");
    place.set("JWTIS_PSWD", "wrong");
    refused(&place.run(&["key", "generate"]), 2, "wrong password");
    // The store and its password may come from the server's file, as for `jwtis store`.
    place.unset("JWTIS_PSWD");
    place.file("pswd", PASSWORD);
    place.file("c.yaml", "store: {path: data/keys.db, password_file: pswd}\n");
    assert_eq!(place.ok(&["key", "list", "-c", "c.yaml"]), "");
}

#[test]
fn a_secret_key_as_an_argument_is_refused_and_no_command_prints_one() {
    let place = with_store();
    for command in [
        &["key", "import", EDSK][..],
        &["key", "import", "unencrypted:edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd"],
        &["key", "import", "--alias", EDSK],
        &["key", "generate", "--alias", EDSK],
        &["key", "export-public", EDSK],
        &["key", "delete", "--yes", EDSK],
    ] {
        let run = place.run(command);
        refused(&run, 2, "a secret key is not taken as an argument");
        assert!(!run.stderr.contains("edsk4"), "{}", run.stderr);
    }
    assert_eq!(listed(&place).len(), 0);
    let imported = place.piped(EDSK, &["key", "import"]);
    assert!(imported.stdout.contains(EDPK), "{}", imported.stderr);
    for command in
        [&["key", "list"][..], &["key", "list", "--json"], &["key", "export-public", TZ1, "--json"]]
    {
        assert!(!place.ok(command).contains("edsk"));
    }
    assert!(!imported.stdout.contains("edsk") && !imported.stderr.contains("edsk"));
    let file = std::fs::read(place.store()).unwrap();
    assert!(!file.windows(5).any(|window| window == b"edsk4"), "the store is sealed");
}
