//! `jwtis watermark show`, `raise` and `lower`: over the store and over files.

use std::fs;
use std::sync::Arc;

use jwtis_base::Timestamp;
use jwtis_signer::watermark::file::{FileWatermarks, Lost};
use jwtis_testkit::process::Place;
use serde_json::{Value, json};

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
fn watermarks(place: &Place, at: &[&str]) -> Vec<(String, i64, i64)> {
    let rows = place.json(&[&["watermark", "show", "--json"], at].concat());
    let row = |row: &Value| {
        let number = |name: &str| row[name].as_i64().unwrap();
        (row["kind"].as_str().unwrap().to_owned(), number("level"), number("round"))
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_watermark_is_raised_and_never_lowered() {
    let place = place();
    for at in DRIVERS {
        assert_eq!(place.ok(&[&["watermark", "show"], at].concat()), "no watermarks\n");
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
            assert_eq!(watermarks(&place, at), [("block".to_owned(), level, round)], "{at:?}");
        }
        let said = raise(&place, at, "all", "11", "0");
        assert_eq!(said["raised"], 2, "{at:?}");
        let all = ["attestation", "block", "preattestation"].map(|kind| (kind.to_owned(), 11, 0));
        assert_eq!(watermarks(&place, at), all);
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
            let watermarks = lines.lines().filter(|line| line.starts_with("Net")).count();
            assert_eq!(watermarks, count, "{filter:?}\n{lines}");
        }
        let table = place.ok(&[&["watermark", "show"], at].concat());
        assert!(table.starts_with("CHAIN            KEY"), "{table}");
    }
}

#[test]
fn the_configuration_says_who_keeps_the_watermarks() {
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
    assert_eq!(watermarks(&place, &["--base-dir", "base"]), [("block".to_owned(), 1, 0)]);
    assert_eq!(watermarks(&place, &[]), [("block".to_owned(), 2, 0)]);
    // --driver wins over the file.
    assert_eq!(watermarks(&place, &["-c", "file.yaml", "--driver", "store"]), [("block".to_owned(), 2, 0)]);
    assert_eq!(watermarks(&place, &["-c", "store.yaml", "--driver", "file"]), [("block".to_owned(), 1, 0)]);

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
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let base = place.path().join("base");
    let server = runtime
        .block_on(FileWatermarks::open(&base, Lost::Refuse, Timestamp::default(), Arc::new(())))
        .unwrap();
    assert_eq!(watermarks(&place, &at), [("block".to_owned(), 5, 0)]);
    assert!(place.run(&[&["watermark", "show"][..], &at].concat()).stderr.contains("a second old at most"));
    let asked = ["watermark", "raise", "--key", TZ1, "--chain", MAINNET, "--kind", "block", "--level", "9"];
    let run = place.run(&[&asked[..], &at].concat());
    refused(&run, 1, "cannot be opened");
    assert!(run.stderr.contains("hint: stop the server"), "{}", run.stderr);
    drop(server);
    assert_eq!(watermarks(&place, &at), [("block".to_owned(), 5, 0)]);
}

#[test]
fn a_watermark_that_cannot_be_is_refused_before_anything_is_opened() {
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

/// What a mistyped or malicious level is.
const FAR: &str = "2147483647";

fn asked<'a>(command: &'a str, level: &'a str) -> Vec<&'a str> {
    vec!["watermark", command, "--key", TZ1, "--chain", MAINNET, "--kind", "block", "--level", level]
}

#[test]
fn an_implausible_raise_asks_and_without_a_terminal_is_refused() {
    let place = place();
    for at in DRIVERS {
        let far = [&asked("raise", FAR)[..], at].concat();
        refused(&place.run(&far), 1, "higher than the chain can have gone");
        assert!(place.run(&far).stderr.contains("from nothing to level 2147483647"));
        assert_eq!(watermarks(&place, at), [], "{at:?}");
        place.ok(&[&asked("raise", "1000")[..], at].concat());
        // From now on time counts: 121 levels take some seconds.
        place.ok(&[&asked("raise", "1100")[..], at].concat());
        refused(
            &place.run(&[&asked("raise", "9000")[..], at].concat()),
            1,
            "from level 1100, round 0 to level 9000",
        );
        assert!(place.run(&[&asked("raise", "9000")[..], at].concat()).stderr.contains("give --yes"));
        place.ok(&[&asked("raise", "9000")[..], at, &["--yes"]].concat());
        assert_eq!(watermarks(&place, at), [("block".to_owned(), 9000, 0)], "{at:?}");
        // What is below stands anyhow.
        assert_eq!(place.json(&[&asked("raise", "5")[..], at, &["--json"]].concat())["raised"], 0);
    }
}

/// A signer over the store, whose base folder has watermarks as Signatory left them.
fn with_signatorys_copy(level: i64) -> Place {
    let place = place();
    fs::create_dir(place.path().join("base/watermark_v2")).unwrap();
    let row = json!({ "level": level, "round": 0, "hash": null });
    let text = json!({ TZ1: { "block": row, "attestation": row }, OTHER: { "block": row } });
    place.file(&format!("base/watermark_v2/{MAINNET}.json"), &text.to_string());
    place.file(
        "signer.yaml",
        &format!("store: {{path: data/keys.db}}\nbase_dir: base\nvaults: {{s: {{driver: store}}}}\ntezos: {{{TZ1}: }}\n"),
    );
    place
}

#[test]
fn a_lowered_watermark_is_lowered_in_the_copy_too_and_only_where_it_was_meant() {
    let place = with_signatorys_copy(i64::from(i32::MAX));
    let at = ["-c", "signer.yaml"];
    place.ok(&["watermark", "import", "base", "--yes", "-c", "signer.yaml"]);
    let lower = [&asked("lower", "1000")[..], &at].concat();
    refused(&place.run(&lower), 2, "costs its stake");
    let far = i64::from(i32::MAX);
    assert_eq!(watermarks(&place, &at).len(), 3);
    let run = place.run(&[&lower[..], &["--accept-double-signing-risk"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for wanted in ["THE WATERMARK WAS LOWERED", "watermark_lowered", "level 2147483647"] {
        assert!(run.stderr.contains(wanted), "{wanted}: {}", run.stderr);
    }
    let recorded = place.ok(&["audit", "export"]);
    assert!(
        recorded.contains("watermark_lowered") && recorded.contains("\"level_before\":2147483647"),
        "{recorded}"
    );
    // The store, and the folder that every start reads: the other kind and the other key stay as they are.
    for at in [&at[..], &["--driver", "file", "--base-dir", "base"]] {
        let of_key = [&["--key", TZ1], at].concat();
        let wanted = [("attestation".to_owned(), far, 0), ("block".to_owned(), 1000, 0)];
        assert_eq!(watermarks(&place, &of_key), wanted, "{at:?}");
        assert_eq!(
            watermarks(&place, &[&["--key", OTHER], at].concat()),
            [("block".to_owned(), far, 0)],
            "{at:?}"
        );
    }
    let again = place.run(&[&lower[..], &["--accept-double-signing-risk"]].concat());
    refused(&again, 1, "stands above level 1000");
}

#[test]
fn a_watermark_is_not_lowered_while_an_older_folder_would_bring_it_back() {
    for (folder, text) in [
        ("watermark_v1", json!({ TZ1: { "level": 2000, "order": 0 } })),
        ("watermark", json!({ "block": { TZ1: { "level": 2000 } } })),
    ] {
        let place = with_signatorys_copy(5000);
        place.ok(&["watermark", "import", "base", "-c", "signer.yaml"]);
        fs::create_dir(place.path().join("base").join(folder)).unwrap();
        place.file(&format!("base/{folder}/{MAINNET}.json"), &text.to_string());
        let at = ["-c", "signer.yaml", "--accept-double-signing-risk"];
        refused(
            &place.run(&[&asked("lower", "1000")[..], &at].concat()),
            1,
            &format!("base/{folder}/{MAINNET}.json holds a higher"),
        );
        assert_eq!(
            watermarks(&place, &["-c", "signer.yaml", "--key", OTHER]),
            [("block".to_owned(), 5000, 0)]
        );
        place.ok(&[&asked("lower", "2000")[..], &at].concat());
    }
}

#[test]
fn a_watermark_in_files_is_lowered_there_and_in_the_store_that_had_it_before() {
    let place = place();
    place.ok(&[&asked("raise", "7000")[..], &["--yes"]].concat());
    place.ok(&[&asked("raise", "9000")[..], &["--yes", "--base-dir", "base"]].concat());
    place.file(
        "signer.yaml",
        &format!("store: {{path: data/keys.db}}\nbase_dir: base\nwatermark: {{driver: file}}\nvaults: {{s: {{driver: store}}}}\ntezos: {{{TZ1}: }}\n"),
    );
    place.ok(&[&asked("lower", "1000")[..], &["-c", "signer.yaml", "--accept-double-signing-risk"]].concat());
    for at in DRIVERS {
        assert_eq!(watermarks(&place, at), [("block".to_owned(), 1000, 0)], "{at:?}");
    }
    let nobody = [&asked("lower", "10")[..], &["--accept-double-signing-risk"]].concat();
    refused(&place.run(&nobody), 2, "base folder");
}
