//! `jwtis audit`: the trail of a store at rest, of a running server, and of a file of watermarks.

use jwtis_testkit::process::Place;
use serde_json::{Value, json};

use crate::{register, with_admin};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(records: &[Value]) -> Vec<(u64, &str, Option<&str>)> {
    records
        .iter()
        .map(|record| {
            (record["number"].as_u64().unwrap(), record["event"].as_str().unwrap(), record["client"].as_str())
        })
        .collect()
}

#[test]
fn a_running_server_and_its_store_at_rest_show_the_same_trail() {
    let (mut place, admin) = with_admin();
    let server = place.serve(&[]);
    for kid in ["shop", "bank"] {
        register(&server, &admin, kid);
    }
    place.set("JWTIS_ADMIN_TOKEN", &admin);
    place.set("JWTIS_URL", &server.url);
    let running = lines(&place.ok(&["audit", "export"]));
    let wanted = [
        (1, "admin_token_set", None),
        (2, "client_registered", Some("shop")),
        (3, "client_registered", Some("bank")),
    ];
    assert_eq!(said(&running), wanted);
    assert_eq!(lines(&place.ok(&["audit", "export", "--after", "2"])), running[2..]);
    assert!(place.ok(&["audit", "export", "--after", "3"]).is_empty());
    // As after a restore without the old store, whose new records have numbers that a follower knows for others.
    let ahead = place.run(&["audit", "export", "--after", "4"]);
    assert!(ahead.code != Some(0) && ahead.stderr.contains("the trail ends at number 3"), "{}", ahead.stderr);
    assert_eq!(place.json(&["audit", "list", "--json"]), json!(running));
    server.stop();
    place.unset("JWTIS_URL");
    place.unset("JWTIS_ADMIN_TOKEN");
    assert_eq!(lines(&place.ok(&["audit", "export"])), running);
    assert_eq!(place.json(&["audit", "list", "--json", "--client", "shop"]), json!(running[1..2]));
    assert_eq!(place.json(&["audit", "list", "--json", "--limit", "1"]), json!(running[2..]));
    assert_eq!(place.json(&["audit", "list", "--json", "--event", "admin_token_set"]), json!(running[..1]));
    assert_eq!(
        place.json(&["audit", "list", "--json", "--since", "24h", "--limit", "2"]),
        json!(running[1..])
    );
    let none = place.run(&["audit", "list", "--json", "--key", "tz1"]);
    assert_eq!((none.code, none.stdout.trim()), (Some(0), "[]"));
    assert!(none.stderr.contains("no records match"), "{}", none.stderr);
    let mistyped = place.run(&["audit", "list", "--event", "client_registerd"]);
    assert_eq!(mistyped.code, Some(2));
    assert!(mistyped.stderr.contains("similar value exists: 'client_registered'"), "{}", mistyped.stderr);
    let table = place.ok(&["audit", "list"]);
    let last = table.lines().last().unwrap();
    assert!(last.contains("client_registered") && last.contains("client=bank"), "{table}");
}

#[test]
fn the_trail_of_a_file_of_watermarks_is_read_without_a_password() {
    let place = Place::new();
    let key = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";
    std::fs::create_dir(place.path().join("base")).unwrap();
    let to = ["--key", key, "--chain", "NetXdQprcVkpaWU", "--kind", "block", "--level", "7", "--yes"];
    place.ok(&[&["watermark", "raise", "--driver", "file", "--base-dir", "base"][..], &to].concat());
    let trail = lines(&place.ok(&["audit", "export", "--watermarks", "base"]));
    assert_eq!(trail.len(), 1);
    assert_eq!((&trail[0]["event"], &trail[0]["key"]), (&json!("watermark_raised"), &json!(key)));
    assert_eq!((&trail[0]["by"], &trail[0]["level"]), (&json!("operator"), &json!(7)));
    let run = place.run(&["audit", "list", "--watermarks", "nowhere"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
}
