//! `jwtis key import`: every way in, and what is turned back at the door.

use jwtis_testkit::process::{Place, Run};
use jwtis_tezos::SecretKey;
use serde_json::json;

use crate::{EDPK, EDSK, TZ1, refused, with_store};

fn sealed(key: &SecretKey, password: &str) -> String {
    key.encrypt(password.as_bytes()).unwrap().to_base58()
}

fn names(place: &Place) -> Vec<(String, String)> {
    let keys = place.json(&["key", "list", "--json"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| (text(&key["alias"]), text(&key["public_key_hash"]))).collect()
}

fn import(place: &Place, input: &str, arguments: &[&str]) -> Run {
    place.piped(input, &[&["key", "import"], arguments].concat())
}

#[test]
fn a_key_comes_in_by_a_pipe_a_dash_or_a_file_and_has_the_hash_that_it_has_everywhere() {
    let place = with_store();
    place.file("key", &format!("{EDSK}\n"));
    place.file("octez", &format!("unencrypted:{EDSK}"));
    place.file("locked", &format!("encrypted:{}\n", sealed(&EDSK.parse().unwrap(), "pässword")));
    place.file("password", "pässword\n");
    for (input, arguments) in [
        (format!("{EDSK}\n"), &[][..]),
        (EDSK.to_owned(), &["-"]),
        (String::new(), &["--from", "key"]),
        (String::new(), &["-f", "octez"]),
        (String::new(), &["--from", "locked", "--password-file", "password"]),
        (sealed(&EDSK.parse().unwrap(), "pässword"), &["--password-file", "password"]),
    ] {
        let run = import(&place, &input, &[arguments, &["--json"]].concat());
        assert_eq!(run.code, Some(0), "{arguments:?}\n{}", run.stderr);
        let shown: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(shown[0]["public_key_hash"], TZ1, "{arguments:?}");
        assert_eq!(shown[0]["public_key"], EDPK, "{arguments:?}");
        refused(&import(&place, EDSK, &[]), 1, "is in the store already");
        place.ok(&["key", "delete", TZ1, "--yes"]);
    }
}

#[test]
fn all_of_secret_keys_come_in_or_one_by_its_name() {
    let place = with_store();
    let keys: Vec<SecretKey> =
        jwtis_tezos::Curve::ALL.into_iter().map(|curve| SecretKey::generate(curve).unwrap()).collect();
    let entries: Vec<_> = keys
        .iter()
        .zip(["ed", "sp", "p2", "bl"])
        .map(|(key, name)| match name {
            "p2" => json!({ "name": name, "value": format!("encrypted:{}", sealed(key, "pw")) }),
            _ => {
                json!({ "name": name, "value": format!("unencrypted:{}", *key.danger_to_base58().unwrap()) })
            }
        })
        .collect();
    place.file("secret_keys", &serde_json::to_string(&entries).unwrap());
    place.file("password", "pw\n");
    let hash = |index: usize| keys.get(index).unwrap().public_key().hash().to_string();

    // Without the password of one, none comes in.
    refused(&import(&place, "", &["--from", "secret_keys"]), 2, "p2 is encrypted");
    assert_eq!(names(&place), []);

    let run = import(&place, "", &["--from", "secret_keys", "--name", "sp", "--alias", "payouts"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(names(&place), [("payouts".to_owned(), hash(1))]);
    refused(&import(&place, "", &["--from", "secret_keys", "--name", "no"]), 2, "has no key no");
    refused(&import(&place, "", &["--from", "secret_keys", "--alias", "x"]), 2, "the file has several");

    // What is there already is said and passed over, so that an import can be repeated.
    for _ in 0..2 {
        let run = import(&place, "", &["--from", "secret_keys", "--password-file", "password"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(
            run.stderr.contains(&format!("warning: {} is in the store already", hash(1))),
            "{}",
            run.stderr
        );
    }
    let wanted = [("bl", 3), ("ed", 0), ("p2", 2), ("payouts", 1)];
    assert_eq!(names(&place), wanted.map(|(name, index)| (name.to_owned(), hash(index))));
}

#[test]
fn entries_of_ledgers_and_remote_signers_are_named_and_the_others_are_imported() {
    let place = with_store();
    let entries = json!([
        { "name": "far", "value": "http://u:pass@localhost:6732/tz1aSkwEot3L2kmUvcoxzjMomb9mvBNuzFK6" },
        { "name": "nano", "value": "ledger://major-squirrel-thick-hedgehog/ed25519/0h/0h" },
        { "name": "good", "value": format!("unencrypted:{EDSK}") },
    ]);
    place.file("secret_keys", &entries.to_string());
    let run = import(&place, "", &["--from", "secret_keys"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for wanted in [
        "the secret of far is not in secret_keys (http)",
        "the secret of nano is not in secret_keys (ledger)",
    ] {
        assert!(run.stderr.contains(wanted), "{}", run.stderr);
    }
    assert!(!run.stderr.contains("pass"), "{}", run.stderr);
    assert_eq!(names(&place), [("good".to_owned(), TZ1.to_owned())]);
    refused(&import(&place, "", &["--from", "secret_keys", "--name", "nano"]), 2, "but with `ledger:`");
    place.file("ledgers", &json!([{ "name": "nano", "value": "ledger://x" }]).to_string());
    refused(&import(&place, "", &["--from", "ledgers"]), 2, "ledgers has no secret keys");
}

#[test]
fn one_bad_entry_keeps_the_whole_file_out_but_not_the_others_by_name() {
    let place = with_store();
    let entries = json!([
        { "name": "good", "value": format!("unencrypted:{EDSK}") },
        { "name": "bad", "value": format!("unencrypted:{EDSK}x") },
    ]);
    place.file("secret_keys", &entries.to_string());
    let run = import(&place, "", &["--from", "secret_keys"]);
    refused(&run, 2, "secret key \"bad\"");
    assert!(run.stderr.contains("--name"), "{}", run.stderr);
    assert_eq!(names(&place), []);
    assert_eq!(import(&place, "", &["--from", "secret_keys", "--name", "good"]).code, Some(0));
    assert_eq!(names(&place), [("good".to_owned(), TZ1.to_owned())]);
}

#[test]
fn what_is_no_secret_key_is_said_and_never_repeated() {
    let place = with_store();
    let wrong = EDSK.replace("Hq", "Hr");
    let locked = sealed(&EDSK.parse().unwrap(), "right");
    place.file("wrong-password", "wrong");
    for (name, text) in [
        ("pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("empty", "\n"),
        ("typo", wrong.as_str()),
        ("list", "[]"),
        ("no-list", r#"[{"name": "x"}]"#),
    ] {
        place.file(name, text);
    }
    for (input, arguments, code, wanted) in [
        ("", &[][..], 2, "standard input has no secret key"),
        ("hello", &[], 2, "standard input has no usable secret key"),
        (wrong.as_str(), &[], 2, "checksum"),
        (EDPK, &[], 2, "not a secret key"),
        (locked.as_str(), &[], 2, "nobody is there to type its password"),
        (locked.as_str(), &["--password-file", "wrong-password"], 2, "wrong password"),
        (locked.as_str(), &["--password-file", "missing"], 2, "no password of the secret key"),
        ("", &["--from", "missing"], 2, "missing"),
        ("", &["--from", "pem"], 2, "is PEM"),
        ("", &["--from", "empty"], 2, "empty has no secret key"),
        ("", &["--from", "typo"], 2, "typo has no usable secret key"),
        ("", &["--from", "list"], 2, "list has no secret keys"),
        ("", &["--from", "no-list"], 2, "not a list of secret keys"),
        ("", &["--from", "typo", "--name", "x"], 2, "--name has no use"),
        ("", &["--name", "x"], 2, "--from"),
        ("", &["--from", "typo", "-"], 2, "cannot be used with"),
    ] {
        let run = import(&place, input, arguments);
        refused(&run, code, wanted);
        for secret in ["edsk4", "edesk1", "AAAA"] {
            assert!(!run.stderr.contains(secret), "{arguments:?}\n{}", run.stderr);
        }
    }
    assert_eq!(names(&place), []);
}
