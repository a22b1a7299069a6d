//! The kill switch of a key in the real program: in a running signer, across restarts, and in a store at rest.

use jwtis_base::{BearerSecret, Env, SecretKind};
use jwtis_testkit::process::signer::{Client, KEY, NOOP, SECRET, config, server};
use jwtis_testkit::process::{Place, get};

/// A well-formed admin token of no store.
fn stranger() -> String {
    BearerSecret::generate(SecretKind::Admin, &Env::system()).unwrap().reveal().to_owned()
}

fn sections(watermark: &str) -> String {
    format!(
        "{}watermark: {{driver: {watermark}}}\nvaults:\n  local: {{driver: mem, config: [{SECRET}]}}\ntezos:\n  {KEY}: {{allow: {{generic: [failing_noop]}}}}\n",
        server("")
    )
}

#[test]
fn a_key_is_disabled_at_once_stays_so_over_a_restart_and_is_enabled_at_rest() {
    let mut place = Place::new();
    let file = config(&place, &sections("store"));
    // A store for a signer alone is made without an admin token.
    let running = place.start(&["-c", &file]);
    place.set("JWTIS_PSWD", &running.export("JWTIS_PSWD"));
    assert!(running.stdout.contains("jwtis store reset-admin-token"), "{}", running.stdout);
    assert_eq!(running.stop().code, Some(0));
    let made = place.ok(&["store", "reset-admin-token", "-c", &file]);
    let admin = made.split(['\'', ' ', '\n']).find(|word| word.starts_with("jat_")).unwrap().to_owned();
    let running = place.start(&["-c", &file]);
    let disabled = format!("{KEY} is disabled");
    let client = Client::new(&running.url);
    assert_eq!(client.sign(KEY, NOOP).0, 200);

    let disable = ["key", "disable", KEY, "--url", &running.url];
    let nobody = place.run(&disable);
    assert!(nobody.code == Some(2) && nobody.stderr.contains("no admin token"), "{}", nobody.stderr);
    place.set("JWTIS_ADMIN_TOKEN", &stranger());
    let stranger = place.run(&disable);
    assert!(stranger.stderr.contains("the admin token is missing or wrong"), "{}", stranger.stderr);
    assert_eq!(client.sign(KEY, NOOP).0, 200);
    place.set("JWTIS_ADMIN_TOKEN", &admin);
    let at_rest = place.run(&["key", "disable", KEY, "-c", &file]);
    assert!(at_rest.code == Some(1) && at_rest.stderr.contains("--url"), "{}", at_rest.stderr);

    assert!(place.ok(&disable).starts_with(&disabled));
    let (status, body) = client.sign(KEY, NOOP);
    assert!(status == 403 && body.contains(&disabled), "{status} {body}");
    assert_eq!(client.get(&format!("/keys/{KEY}")).0, 200);
    assert_eq!(get(&format!("{}/healthz", running.utility_url())).0, 200);
    let log = running.stop().stderr;
    assert!(log.contains("signing_key_disabled") && log.contains("\"by\":\"admin\""), "{log}");

    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, NOOP).0, 403, "after a restart");
    assert_eq!(running.stop().code, Some(0));
    assert_eq!(place.ok(&["key", "enable", KEY, "-c", &file]).trim(), format!("{KEY} is enabled"));
    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, NOOP).0, 200);
}

#[test]
fn the_list_of_keys_shows_which_are_disabled() {
    let mut place = Place::new();
    let running = place.serve(&[]);
    place.set("JWTIS_PSWD", &running.export("JWTIS_PSWD"));
    assert_eq!(running.stop().code, Some(0));
    place.ok(&["key", "generate", "--alias", "payouts"]);
    assert!(!place.ok(&["key", "list"]).contains("Disabled:"));
    place.ok(&["key", "disable", "payouts"]);
    assert!(place.ok(&["key", "list"]).contains("Disabled:                  since 2"));
    let listed = place.json(&["key", "list", "--json"]);
    assert_eq!(listed.pointer("/0/disabled"), Some(&true.into()), "{listed}");
}

#[test]
fn a_signer_without_a_store_has_no_switch_and_the_command_says_so() {
    let mut place = Place::new();
    let running = place.start(&["-c", &config(&place, &sections("mem"))]);
    place.set("JWTIS_ADMIN_TOKEN", &stranger());
    let run = place.run(&["key", "disable", KEY, "--url", &running.url]);
    assert!(run.stderr.contains("the admin token is missing or wrong"), "{}", run.stderr);
    assert!(run.stderr.contains("`tezos:`") && run.stderr.contains("SIGHUP"), "{}", run.stderr);
    assert_eq!(Client::new(&running.url).sign(KEY, NOOP).0, 200);
}
