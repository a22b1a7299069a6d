//! `jwtis watermark import` and `export`: from Signatory and back to it.

use std::fs;

use jwtis_testkit::process::Place;
use serde_json::{Value, json};

use crate::{MAINNET, TESTNET, TZ1, refused, with_store};

/// The file of docs/reference/signer-protocol.md, "Signatory's watermark files".
const KEY: &str = "tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf";
const HASH: &str = "vh1t57X81VSuU82o6bmChQMBc1xAu7qzfz3Uxwy22DwJyetwiRZx";

fn folder(place: &Place, name: &str, chain: &str, content: &Value) {
    let folder = place.path().join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{chain}.json")), serde_json::to_string(content).unwrap()).unwrap();
}

fn v2(level: i32, round: i32) -> Value {
    json!({ KEY: { "attestation": { "level": level, "round": round, "hash": HASH } } })
}

/// Kind, level and round of each watermark in the store.
fn watermarks(place: &Place) -> Vec<(String, i64, i64)> {
    let rows = place.json(&["watermark", "show", "--json", "--key", KEY]);
    let row = |row: &Value| {
        let number = |name: &str| row[name].as_i64().unwrap();
        (row["kind"].as_str().unwrap().to_owned(), number("level"), number("round"))
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn folders_of_every_version_are_taken_over_by_themselves_or_in_their_base() {
    let v1 = json!({ KEY: { "level": 120, "order": 2, "hash": HASH } });
    let v0 =
        json!({ "endorsement": { KEY: { "level": 120, "round": 1 } }, "block": { KEY: { "level": 121 } } });
    let all = ["attestation", "block", "preattestation"].map(|kind| (kind.to_owned(), 120, 0)).to_vec();
    let old = vec![("attestation".to_owned(), 120, 1), ("block".to_owned(), 121, 0)];
    for (name, content, wanted) in [
        ("watermark_v2", v2(120, 0), vec![("attestation".to_owned(), 120, 0)]),
        ("watermark_v1", v1, all),
        ("watermark", v0, old),
    ] {
        for given in ["base", &format!("base/{name}")] {
            let place = with_store();
            folder(&place, &format!("base/{name}"), TESTNET, &content);
            let said = place.json(&["watermark", "import", given, "--json"]);
            assert_eq!(said["raised"], wanted.len(), "{given}: {said}");
            assert_eq!(watermarks(&place), wanted, "{given}");
            let again = place.ok(&["watermark", "import", given]);
            assert!(again.contains("stays") && again.contains("taken over from"), "{again}");
        }
    }
}

#[test]
fn the_higher_watermark_wins_when_watermarks_come_in() {
    let place = with_store();
    folder(&place, "base/watermark_v2", TESTNET, &v2(120, 0));
    let raise = ["watermark", "raise", "--key", KEY, "--chain", TESTNET, "--kind", "attestation"];
    place.ok(&[&raise[..], &["--level", "121"]].concat());
    assert_eq!(place.json(&["watermark", "import", "base", "--json"])["raised"], 0);
    assert_eq!(watermarks(&place), [("attestation".to_owned(), 121, 0)]);
    folder(&place, "base/watermark_v2", TESTNET, &v2(122, 3));
    let said = place.json(&["watermark", "import", "base", "--json"]);
    assert_eq!(said["raised"], 1);
    assert_eq!(said["marks"][0]["before"], json!({ "level": 121, "round": 0, "hash": null }));
    assert_eq!(said["marks"][0]["after"], json!({ "level": 122, "round": 3, "hash": HASH }));
}

#[test]
fn a_folder_with_a_damaged_file_is_not_taken_over_at_all() {
    for (name, text) in [
        (TESTNET, "{"),
        (TESTNET, r#"{"tz1x": {}}"#),
        (TESTNET, &format!(r#"{{"{KEY}": {{"block": {{"level": -1, "round": 0}}}}}}"#)),
        (TESTNET, &format!(r#"{{"{KEY}": {{"blocks": {{"level": 1, "round": 0}}}}}}"#)),
        ("mainnet", "{}"),
    ] {
        let place = with_store();
        folder(&place, "base/watermark_v2", MAINNET, &v2(120, 0));
        fs::write(place.path().join(format!("base/watermark_v2/{name}.json")), text).unwrap();
        refused(&place.run(&["watermark", "import", "base"]), 1, "none was");
        assert_eq!(watermarks(&place), [], "{text}");
        for command in [&["watermark", "show", "--base-dir", "base"][..], &["watermark", "export", "base"]] {
            refused(&place.run(command), 1, "hint: mend or remove that file");
        }
    }
    let place = with_store();
    fs::create_dir(place.path().join("empty")).unwrap();
    refused(&place.run(&["watermark", "import", "empty"]), 1, "there are no watermarks in empty");
    refused(&place.run(&["watermark", "import", "missing"]), 2, "missing is not a folder");
}

#[test]
fn watermarks_go_back_to_signatory_byte_for_byte_and_join_what_is_there() {
    let place = with_store();
    folder(&place, "old/watermark_v2", TESTNET, &v2(120, 0));
    place.ok(&["watermark", "import", "old"]);
    let said = place.ok(&["watermark", "export", "new"]);
    assert!(said.contains("written to new/watermark_v2"), "{said}");
    let path = place.path().join(format!("new/watermark_v2/{TESTNET}.json"));
    let watermark = "{\n            \"level\": 120,\n            \"round\": 0,\n            \"hash\": \"HASH\"\n        }".replace("HASH", HASH);
    // Both names of the watermark, so that Signatory refuses what was refused here.
    let wanted = format!(
        "{{\n    \"{KEY}\": {{\n        \"attestation\": {watermark},\n        \"attestation_with_dal\": {watermark}\n    }}\n}}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted);

    // What Signatory has signed meanwhile stays, whichever name it has there, and other keys stay too.
    let meanwhile = json!({
        KEY: { "attestation_with_dal": { "level": 130, "round": 0, "hash": null }, "block": { "level": 7, "round": 0, "hash": null } },
        TZ1: { "block": { "level": 9, "round": 0, "hash": null } },
    });
    fs::write(&path, meanwhile.to_string()).unwrap();
    for given in ["new", "new/watermark_v2"] {
        place.ok(&["watermark", "export", given]);
        let now: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(now[KEY]["attestation"]["level"], 130, "{now}");
        assert_eq!(now[KEY]["attestation_with_dal"]["level"], 130);
        assert_eq!(now[KEY]["block"]["level"], 7);
        assert_eq!(now[TZ1]["block"]["level"], 9);
    }
    assert_eq!(watermarks(&place), [("attestation".to_owned(), 120, 0)], "an export changes nothing here");

    fs::write(&path, "{").unwrap();
    refused(&place.run(&["watermark", "export", "new"]), 1, "cannot be opened");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{");
    place.file("file", "");
    refused(&place.run(&["watermark", "export", "file"]), 1, "cannot be opened");
}

#[test]
fn an_export_of_a_store_that_has_gone_back_warns_and_is_written_all_the_same() {
    let place = with_store();
    place.ok(&["store", "backup", "backup.db"]);
    // There is no store to take over from, so this one is marked.
    place.ok(&["store", "restore", "backup.db", "-d", "elsewhere.db"]);
    let run = place.run(&["watermark", "export", "new", "-d", "elsewhere.db"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let warning = "the store was restored from a backup: watermarks may be lower than what was signed";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}
