//! `jwtis watermark show` and `raise`: over the store and over files, and never down.

use std::fs;
use std::sync::Arc;

use jwtis_core::signer::watermark::file::FileWatermarks;
use serde_json::{Value, json};

use crate::cli_support::Place;
use crate::{MAINNET, TESTNET, TZ1, refused, with_store};

const OTHER: &str = "tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf";

/// How to reach each driver.
const DRIVERS: [&[&str]; 2] = [&["--driver", "store"], &["--driver", "file", "--base-dir", "base"]];

fn place() -> Place {
    let place = with_store();
    fs::create_dir(place.path().join("base")).unwrap();
    place
}

fn raise(place: &Place, at: &[&str], kind: &str, level: &str, round: &str) -> Value {
    let asked = ["watermark", "raise", "--key", TZ1, "--chain", MAINNET, "--kind", kind, "--json"];
    place.json(&[&asked[..], &["--level", level, "--round", round], at].concat())
}

/// Level and round by kind.
fn marks(place: &Place, at: &[&str]) -> Vec<(String, i64, i64)> {
    let rows = place.json(&[&["watermark", "show", "--json"], at].concat());
    let row = |row: &Value| {
        let number = |name: &str| row[name].as_i64().unwrap();
        (row["kind"].as_str().unwrap().to_owned(), number("level"), number("round"))
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_mark_is_raised_and_never_lowered() {
    let place = place();
    for at in DRIVERS {
        assert_eq!(place.ok(&[&["watermark", "show"], at].concat()), "no marks\n");
        for (level, round, raised, stands) in [
            ("10", "2", 1, (10, 2)),
            ("10", "2", 0, (10, 2)),
            ("10", "1", 0, (10, 2)),
            ("9", "7", 0, (10, 2)),
            ("10", "3", 1, (10, 3)),
            ("11", "0", 1, (11, 0)),
        ] {
            let said = raise(&place, at, "block", level, round);
            assert_eq!(said["raised"], raised, "{at:?} {level} {round}");
            let (level, round) = stands;
            assert_eq!(said["marks"][0]["after"], json!({ "level": level, "round": round, "hash": null }));
            assert_eq!(marks(&place, at), [("block".to_owned(), level, round)], "{at:?}");
        }
        let said = raise(&place, at, "all", "11", "0");
        assert_eq!(said["raised"], 2, "{at:?}");
        let all = ["attestation", "block", "preattestation"].map(|kind| (kind.to_owned(), 11, 0));
        assert_eq!(marks(&place, at), all);
    }
}

#[test]
fn show_filters_by_key_and_network() {
    let place = place();
    for at in DRIVERS {
        for (key, chain) in [(TZ1, MAINNET), (OTHER, MAINNET), (TZ1, TESTNET)] {
            let asked =
                ["watermark", "raise", "--key", key, "--chain", chain, "--kind", "block", "--level", "5"];
            place.ok(&[&asked[..], at].concat());
        }
        for (filter, count) in [
            (&[][..], 3),
            (&["--key", TZ1], 2),
            (&["--chain", MAINNET], 2),
            (&["--key", TZ1, "--chain", TESTNET], 1),
            (&["--key", OTHER, "--chain", TESTNET], 0),
        ] {
            let show = [&["watermark", "show"], filter, at].concat();
            let lines = place.ok(&show);
            let marks = lines.lines().filter(|line| line.starts_with("Net")).count();
            assert_eq!(marks, count, "{filter:?}\n{lines}");
        }
        let table = place.ok(&[&["watermark", "show"], at].concat());
        assert!(table.starts_with("CHAIN            KEY"), "{table}");
    }
}

#[test]
fn the_configuration_says_who_keeps_the_marks() {
    let place = place();
    let config = |driver: &str| {
        format!(
            "store: {{path: data/keys.db}}\nbase_dir: base\nwatermark: {{driver: {driver}}}\nvaults: {{s: {{driver: store}}}}\ntezos: {{{TZ1}: }}\nserver: {{address: \"127.0.0.1:0\"}}\n"
        )
    };
    for (level, driver) in [("1", "file"), ("2", "store")] {
        place.file(&format!("{driver}.yaml"), &config(driver));
        raise(&place, &["-c", &format!("{driver}.yaml")], "block", level, "0");
    }
    assert_eq!(marks(&place, &["--base-dir", "base"]), [("block".to_owned(), 1, 0)]);
    assert_eq!(marks(&place, &[]), [("block".to_owned(), 2, 0)]);
    // --driver wins over the file.
    assert_eq!(marks(&place, &["-c", "file.yaml", "--driver", "store"]), [("block".to_owned(), 2, 0)]);
    assert_eq!(marks(&place, &["-c", "store.yaml", "--driver", "file"]), [("block".to_owned(), 1, 0)]);

    place.file("mem.yaml", &config("mem"));
    refused(&place.run(&["watermark", "show", "-c", "mem.yaml"]), 2, "the driver `mem`");
    refused(&place.run(&["watermark", "show", "--driver", "file"]), 2, "--base-dir");
    refused(&place.run(&["watermark", "show", "--driver", "store", "--base-dir", "x"]), 2, "--base-dir");
    refused(&place.run(&["watermark", "show", "--base-dir", "bse"]), 2, "there is no folder bse");
    assert!(!place.path().join("bse").exists());
}

#[test]
fn files_that_a_server_keeps_are_shown_but_not_changed() {
    let place = place();
    let at = ["--base-dir", "base"];
    raise(&place, &at, "block", "5", "0");
    let server = FileWatermarks::open(&place.path().join("base"), Arc::new(())).unwrap();
    assert_eq!(marks(&place, &at), [("block".to_owned(), 5, 0)]);
    let asked = ["watermark", "raise", "--key", TZ1, "--chain", MAINNET, "--kind", "block", "--level", "9"];
    let run = place.run(&[&asked[..], &at].concat());
    refused(&run, 1, "cannot be opened");
    assert!(run.stderr.contains("hint: stop the server"), "{}", run.stderr);
    drop(server);
    assert_eq!(marks(&place, &at), [("block".to_owned(), 5, 0)]);
}

#[test]
fn a_mark_that_cannot_be_is_refused_before_anything_is_opened() {
    let place = Place::new();
    for (key, chain, kind, level, round) in [
        ("tz1x", MAINNET, "block", "1", "0"),
        (TZ1, "NetX", "block", "1", "0"),
        (TZ1, TZ1, "block", "1", "0"),
        (TZ1, MAINNET, "generic", "1", "0"),
        (TZ1, MAINNET, "block", "-1", "0"),
        (TZ1, MAINNET, "block", "1", "-1"),
        (TZ1, MAINNET, "block", "2147483648", "0"),
        (TZ1, MAINNET, "block", "soon", "0"),
    ] {
        let level = format!("--level={level}");
        let round = format!("--round={round}");
        let asked = ["watermark", "raise", "--key", key, "--chain", chain, "--kind", kind, &level, &round];
        refused(&place.run(&asked), 2, "invalid value");
    }
}
