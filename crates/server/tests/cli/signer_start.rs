//! How the signer of the real program starts: with and without a store, its vaults, its watermarks, and what stops it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use jwtis_testkit::process::signer::{
    Client, KEY, NOOP, OTHER_SECRET, SECRET, attestation, config, secret_keys, server,
};
use jwtis_testkit::process::{Place, get, post, wait_until};
use serde_json::json;

use crate::{encrypted, pkh};

/// A signer alone that keeps its watermarks in files and its key in one.
fn pure(place: &Place) -> String {
    let keys = place.file("secret_keys", &secret_keys(&[("demo", &format!("unencrypted:{SECRET}"))]));
    let sections = format!(
        "{}watermark: {{driver: file}}\nvaults:\n  local: {{driver: file, config: {{file: {keys}}}}}\ntezos:\n  {KEY}:\n    allow: {{attestation: , generic: [failing_noop]}}\n",
        server("")
    );
    config(place, &sections)
}

/// A signer alone that keeps its watermarks in the store and its key in the configuration.
fn with_store(place: &Place) -> String {
    let sections =
        format!("{}vaults:\n  local: {{driver: mem, config: [{SECRET}]}}\ntezos:\n  {KEY}:\n", server(""));
    config(place, &sections)
}

#[test]
fn a_signer_that_needs_no_store_makes_none() {
    let place = Place::new();
    let running = place.start(&["-v", "-c", &pure(&place)]);
    assert!(running.stdout.contains("signer is listening on http://127.0.0.1:"), "{}", running.stdout);
    let client = Client::new(&running.url);
    let (status, body) = client.sign(KEY, NOOP);
    assert_eq!(status, 200, "{body}");
    // docs/reference/signer-protocol.md, "Check values".
    assert!(body.contains(
        "edsigtendgcUcFnp2YNtrCSLoZdpztnZjfKvHqUH8SaQxZFbQeoNroc3yafZVmaP5LJ8rNpu9Q2kBYZ2JQvUyGiTfM6iYAoP8Pg"
    ));
    assert_eq!(client.sign(KEY, &attestation(7, 1)).0, 200);
    assert_eq!(client.sign(KEY, &attestation(7, 2)).0, 409);
    assert_eq!(client.get(&format!("/keys/{KEY}")).0, 200);
    assert_eq!(get(&format!("{}/healthz", running.utility_url())), (200, "{\"ready\":true}\n".to_owned()));
    let run = running.stop();
    assert_eq!(run.code, Some(0));
    assert!(!place.path().join("data").exists(), "a store was made");
    assert!(place.path().join("marks/watermark_v2/NetXo5iVw1vBoxM.json").exists());
    for line in [
        "HTTP server is listening for connections on 127.0.0.1:",
        "Utility HTTP server is listening",
        "Initializing vault",
    ] {
        assert!(run.stderr.contains(line), "{line} is not in {}", run.stderr);
    }
    assert!(!run.stderr.contains(SECRET) && !run.stdout.contains(SECRET));
    assert!(!run.stderr.contains("kill switches"), "{}", run.stderr);
}

#[test]
fn a_signer_that_no_longer_needs_its_store_says_that_switches_in_it_do_not_count() {
    let place = Place::new();
    place.start(&["-c", &with_store(&place)]).stop();
    let run = place.start(&["-c", &pure(&place)]).stop();
    let warning = "kill switches and spending in it do not count";
    let said =
        run.stderr.lines().find(|line| line.contains(warning)).unwrap_or_else(|| panic!("{}", run.stderr));
    assert!(said.contains("data/keys.db"), "{said}");
}

#[test]
fn a_signer_that_anybody_reaches_starts_and_says_so_at_the_start_and_in_its_health() {
    let place = Place::new();
    let open = pure(&place);
    let text = fs::read_to_string(&open).unwrap();
    let beyond = text.replacen("address: 127.0.0.1:0", "address: 0.0.0.0:0", 1);
    let client = pkh(OTHER_SECRET);
    let closed = beyond.replace("    allow:", &format!("    authorized_keys: [{client}]\n    allow:"));
    for (name, text, warned) in
        [("loopback", &text, false), ("open", &beyond, true), ("closed", &closed, false)]
    {
        let file = place.file("jwtis.yaml", text);
        let running = place.start(&["-c", &file]);
        let warning = "WARNING: whoever reaches the signer may sign with 1 key(s)";
        assert_eq!(running.stdout.contains(warning), warned, "{name}: {}", running.stdout);
        let health = get(&format!("{}/healthz", running.utility_url()));
        let said = "the signer signs for anybody who reaches it, with 1 key(s)";
        let wanted = if warned { json!({"ready": true, "warnings": [said]}) } else { json!({"ready": true}) };
        assert_eq!(health, (200, format!("{wanted}\n")), "{name}");
    }
}

#[test]
fn keys_of_remote_signers_and_ledgers_are_named_and_the_others_are_served() {
    let place = Place::new();
    let file = pure(&place);
    place.file(
        "secret_keys",
        &secret_keys(&[
            ("baking_key", "http://u:pass@localhost:6732/tz1aSkwEot3L2kmUvcoxzjMomb9mvBNuzFK6"),
            ("ledger_x", "ledger://major-squirrel-thick-hedgehog/ed25519/0h/0h"),
            ("demo", &format!("unencrypted:{SECRET}")),
        ]),
    );
    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, NOOP).0, 200);
    let log = running.stop().stderr;
    for wanted in ["baking_key", "(http)", "ledger_x", "(ledger)", "are not served"] {
        assert!(log.contains(wanted), "{wanted} is not in {log}");
    }
    assert!(!log.contains("pass@"), "{log}");
    let text = fs::read_to_string(&file).unwrap();
    let run = place.run(&["-c", &place.file("strict.yaml", &format!("{text}strict_vaults: true\n"))]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("the secrets of these keys are not in"), "{}", run.stderr);
}

#[test]
fn watermarks_in_files_survive_a_restart_and_belong_to_one_process() {
    let place = Place::new();
    let file = pure(&place);
    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, &attestation(7, 1)).0, 200);
    let run = place.run(&["-c", &file]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("hint: stop the other signer"), "{}", run.stderr);
    running.kill();
    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, &attestation(7, 2)).0, 409);
    assert_eq!(Client::new(&running.url).sign(KEY, &attestation(7, 1)).0, 200);
}

#[test]
fn watermarks_in_files_that_are_gone_stop_the_start_until_the_operator_begins_anew() {
    let place = Place::new();
    let file = pure(&place);
    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, &attestation(7, 1)).0, 200);
    running.stop();
    let gone = "marks/watermark_v2";
    for (lost, left) in [("marks/watermark_v2/watermarks.db", 409), (gone, 200)] {
        let path = place.path().join(lost);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        let run = place.run(&["-c", &file]);
        assert_eq!(run.code, Some(1), "{lost}: {}", run.stderr);
        assert!(run.stderr.contains(lost) && run.stderr.contains("is gone"), "{lost}: {}", run.stderr);
        assert!(run.stderr.lines().last().unwrap().contains("--new-watermarks"), "{}", run.stderr);

        let running = place.start(&["-c", &file, "--new-watermarks"]);
        // Signatory's copy counts where it is left.
        assert_eq!(Client::new(&running.url).sign(KEY, &attestation(7, 2)).0, left, "{lost}");
        assert!(running.stop().stderr.contains("watermarks_begun_anew"));
        let running = place.start(&["-c", &file]);
        assert_eq!(Client::new(&running.url).sign(KEY, &attestation(7, 3)).0, 409, "{lost}");
        running.stop();
    }
}

#[test]
fn a_double_signature_is_refused_after_kill_9() {
    let mut place = Place::new();
    let file = with_store(&place);
    let running = place.start(&["-c", &file]);
    let password = running.export("JWTIS_PSWD");
    assert!(
        !running.stdout.contains("jat_") && !running.stdout.contains("JWTIS_ADMIN_TOKEN="),
        "{}",
        running.stdout
    );
    let (status, body) = Client::new(&running.url).sign(KEY, &attestation(10, 1));
    assert_eq!(status, 200, "{body}");
    running.kill();

    place.set("JWTIS_PSWD", &password);
    let running = place.start(&["-c", &file]);
    assert!(!running.stdout.contains(&password));
    let client = Client::new(&running.url);
    for (level, payload, wanted) in [(10, 2, 409), (9, 1, 409), (10, 1, 200), (11, 2, 200), (11, 1, 409)] {
        let (status, body) = client.sign(KEY, &attestation(level, payload));
        assert_eq!(status, wanted, "level {level}, payload {payload}: {body}");
    }
    running.kill();
    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, &attestation(11, 1)).0, 409);
}

#[test]
fn a_store_of_a_signer_alone_gets_its_admin_token_from_the_first_start_that_serves_the_issuer() {
    let mut place = Place::new();
    let running = place.start(&["-c", &with_store(&place)]);
    let password = running.export("JWTIS_PSWD");
    assert!(running.stdout.contains("There is no admin token"), "{}", running.stdout);
    running.stop();
    place.set("JWTIS_PSWD", &password);
    let issuer = place.serve(&[]);
    let admin = issuer.export("JWTIS_ADMIN_TOKEN");
    assert_eq!(post(&format!("{}/register/shop", issuer.url), &admin, &json!({})).unwrap().0, 201);
}

#[test]
fn a_vault_that_is_not_there_is_skipped_unless_vaults_are_strict() {
    let place = Place::new();
    let sections = format!(
        "{}watermark: {{driver: mem}}\nvaults:\n  gone: {{driver: file, config: {{file: {}/gone}}}}\n  here: {{driver: mem, config: [{SECRET}]}}\ntezos:\n  {KEY}: {{allow: {{generic: [failing_noop]}}}}\n  {}:\n",
        server(""),
        place.path().display(),
        pkh(OTHER_SECRET)
    );
    let running = place.start(&["-c", &config(&place, &sections)]);
    let client = Client::new(&running.url);
    assert_eq!(client.sign(KEY, NOOP).0, 200);
    assert_eq!(client.sign(&pkh(OTHER_SECRET), NOOP).0, 404);
    let run = running.stop();
    assert!(run.stderr.contains("Error initializing vault, skipping..."), "{}", run.stderr);
    assert!(run.stderr.contains("no vault holds it") && run.stderr.contains(&pkh(OTHER_SECRET)));

    let run = place.run(&["-c", &config(&place, &format!("strict_vaults: true\n{sections}"))]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("vault `gone` cannot be opened") && run.stderr.contains("hint: "),
        "{}",
        run.stderr
    );

    let without = sections.replace(
        &format!("  gone: {{driver: file, config: {{file: {}/gone}}}}\n", place.path().display()),
        "",
    );
    let run = place.run(&["-c", &config(&place, &format!("strict_vaults: true\n{without}"))]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains(&pkh(OTHER_SECRET)) && !run.stderr.contains(KEY), "{}", run.stderr);
}

#[test]
fn an_encrypted_key_opens_with_its_password_and_with_no_other() {
    let place = Place::new();
    let keys = place.file("secret_keys", &secret_keys(&[("bob", &encrypted(SECRET, "open sesame"))]));
    let sections = |more: &str| {
        format!(
            "{}watermark: {{driver: mem}}\nvaults:\n  local: {{driver: file, config: {{file: {keys}{more}}}}}\ntezos:\n  {KEY}: {{allow: {{generic: [failing_noop]}}}}\n",
            server("")
        )
    };
    let run = place.run(&["-c", &config(&place, &sections(""))]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("`bob`") && run.stderr.contains("password_file"), "{}", run.stderr);

    let password = place.file("key-password", "sesame\n");
    let file = config(&place, &sections(&format!(", password_file: {password}")));
    let run = place.run(&["-c", &file]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("`bob`") && run.stderr.contains("wrong password"), "{}", run.stderr);
    assert!(!run.stderr.contains("sesame") && !run.stderr.contains("edesk"), "{}", run.stderr);

    place.file("key-password", "open sesame\n");
    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, NOOP).0, 200);
}

/// `script` of util-linux gives the program a terminal.
#[test]
fn the_password_of_a_key_is_asked_for_on_a_terminal_in_signatorys_words() {
    let place = Place::new();
    place.file("secret_keys", &secret_keys(&[("bob", &encrypted(SECRET, "open sesame"))]));
    let sections = format!(
        "{}watermark: {{driver: mem}}\nvaults:\n  local: {{driver: file, config: {{file: {}/secret_keys}}}}\ntezos:\n  {KEY}:\n",
        server(""),
        place.path().display()
    );
    config(&place, &sections);
    if std::process::Command::new("script").arg("--version").output().is_err() {
        return;
    }
    let line = "printf 'wrong\\n' | script -qec 'jwtis -c jwtis.yaml' /dev/null";
    let run = place.shell(line);
    assert!(run.stdout.contains("(File): Enter password to unlock key `bob': "), "{}", run.stdout);
    assert!(run.stdout.contains("wrong password"), "{}", run.stdout);
}

#[test]
fn a_text_that_is_no_key_stops_the_start_and_is_not_repeated() {
    let place = Place::new();
    let broken = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnx";
    let keys = place.file(
        "secret_keys",
        &secret_keys(&[
            ("good", &format!("unencrypted:{SECRET}")),
            ("ledger-1", &format!("unencrypted:{broken}")),
        ]),
    );
    for (vault, named) in [
        (format!("{{driver: file, config: {{file: {keys}}}}}"), ["ledger-1", "secret_keys"]),
        (format!("{{driver: mem, config: [{SECRET}, {broken}]}}"), ["jwtis.yaml:", "secret key"]),
    ] {
        let sections = format!(
            "{}watermark: {{driver: mem}}\nvaults:\n  local: {vault}\ntezos:\n  {KEY}:\n",
            server("")
        );
        let run = place.run(&["-c", &config(&place, &sections)]);
        assert!(matches!(run.code, Some(1 | 2)), "{}", run.stderr);
        assert!(named.iter().all(|name| run.stderr.contains(name)), "{}", run.stderr);
        assert!(!run.stderr.contains("78Qf1m2rykG"), "{}", run.stderr);
    }
}

#[test]
fn a_busy_port_names_the_flag_of_its_listener() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = place.run(&["-c", &with_store(&place), "--signer-address", &address]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("(signer)") && run.stderr.contains("--signer-address"), "{}", run.stderr);
    assert!(!place.path().join("data").exists());
}

#[test]
fn watermarks_that_signatory_left_are_taken_over_at_every_start_and_the_higher_wins() {
    let mut place = Place::new();
    let file = with_store(&place);
    let left = |place: &Place, level: u32| {
        fs::create_dir_all(place.path().join("marks/watermark_v2")).unwrap();
        let watermark = json!({ KEY: { "attestation": { "level": level, "round": 0, "hash": null } } });
        place.file("marks/watermark_v2/NetXo5iVw1vBoxM.json", &watermark.to_string());
    };
    left(&place, 100);
    let running = place.start(&["-c", &file]);
    let password = running.export("JWTIS_PSWD");
    let client = Client::new(&running.url);
    for (level, wanted) in [(99, 409), (100, 409), (101, 200)] {
        assert_eq!(client.sign(KEY, &attestation(level, 1)).0, wanted, "{level}");
    }
    let run = running.stop();
    assert!(run.stderr.contains("watermarks_imported"), "{}", run.stderr);

    place.set("JWTIS_PSWD", &password);
    let running = place.start(&["-c", &file]);
    assert_eq!(Client::new(&running.url).sign(KEY, &attestation(101, 2)).0, 409, "ours was higher");
    assert!(!running.stop().stderr.contains("watermarks_imported"), "there was nothing to take over");

    left(&place, 200);
    let running = place.start(&["-c", &file]);
    let client = Client::new(&running.url);
    assert_eq!(
        (client.sign(KEY, &attestation(200, 1)).0, client.sign(KEY, &attestation(201, 1)).0),
        (409, 200)
    );
    running.stop();

    place.file("marks/watermark_v2/NetXo5iVw1vBoxM.json", "{");
    let run = place.run(&["-c", &file]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("NetXo5iVw1vBoxM.json"), "{}", run.stderr);
}

#[test]
fn watermarks_of_the_store_are_taken_over_by_a_change_to_the_driver_file() {
    let mut place = Place::new();
    let running = place.start(&["-c", &with_store(&place)]);
    let password = running.export("JWTIS_PSWD");
    assert_eq!(Client::new(&running.url).sign(KEY, &attestation(100, 1)).0, 200);
    running.stop();

    place.set("JWTIS_PSWD", &password);
    let before = fs::read_to_string(with_store(&place)).unwrap();
    let file = before.replace("vaults:\n", "watermark: {driver: file}\nvaults:\n  kept: {driver: store}\n");
    let running = place.start(&["-c", &place.file("jwtis.yaml", &file)]);
    let client = Client::new(&running.url);
    for (level, message, wanted) in [(100, 2, 409), (99, 1, 409), (101, 1, 200)] {
        assert_eq!(client.sign(KEY, &attestation(level, message)).0, wanted, "{level}");
    }
    assert!(running.stop().stderr.contains("watermarks_imported"));
}

#[test]
fn tokens_of_our_issuer_open_the_signer_also_while_the_issuer_is_not_served() {
    let mut place = Place::new();
    let sections = format!(
        "{}  jwt: {{issuers: [{{client: shop}}]}}\nwatermark: {{driver: mem}}\nvaults:\n  local: {{driver: mem, config: [{SECRET}]}}\ntezos:\n  {KEY}: {{allow: {{generic: [failing_noop]}}}}\n",
        server("")
    );
    let alone = config(&place, &sections);
    let both = place.file(
        "both.yaml",
        &fs::read_to_string(&alone)
            .unwrap()
            .replace("issuer: {enabled: false}", "issuer: {listen: 127.0.0.1:0}"),
    );

    let mut running = place.start(&["-c", &both]);
    let signer = running.url.clone();
    let issuer = running.next_url();
    let (password, admin) = (running.export("JWTIS_PSWD"), running.export("JWTIS_ADMIN_TOKEN"));
    let (_, registered) = post(&format!("{issuer}/register/shop"), &admin, &json!({})).unwrap();
    let client_token = registered["client_token"].as_str().unwrap().to_owned();
    let issue = json!({ "kid": "shop", "claims": { "sub": "alice" } });
    let (_, tokens) = post(&format!("{issuer}/issue_token"), &client_token, &issue).unwrap();
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    assert_eq!(Client::new(&signer).sign(KEY, NOOP).0, 401);
    let (status, body) = Client::new(&signer).with_token("alice", &token).sign(KEY, NOOP);
    assert_eq!(status, 200, "{body}");
    running.stop();

    place.set("JWTIS_PSWD", &password);
    let running = place.start(&["-c", &alone]);
    let client = Client::new(&running.url).with_token("alice", &token);
    assert_eq!(client.sign(KEY, NOOP).0, 200);
    running.stop();

    let mut running = place.start(&["-c", &both]);
    let client = Client::new(&running.url).with_token("alice", &token);
    let issuer = running.next_url();
    assert_eq!(client.sign(KEY, NOOP).0, 200);
    let revoke = json!({ "kid": "shop", "sub": "alice" });
    assert_eq!(post(&format!("{issuer}/revoke_token"), &client_token, &revoke).unwrap().0, 200);
    assert_eq!(client.sign(KEY, NOOP).0, 401, "a revoked token still signs");
}

#[test]
fn a_request_that_runs_is_answered_while_the_server_stops_and_healthz_says_that_it_does() {
    let place = Place::new();
    let hook = TcpListener::bind("127.0.0.1:0").unwrap();
    let sections = format!(
        "{}watermark: {{driver: file}}\npolicy_hook: {{address: 'http://{}/', timeout: 14s}}\nvaults:\n  local: {{driver: mem, config: [{SECRET}]}}\ntezos:\n  {KEY}: {{allow: {{generic: [failing_noop]}}}}\n",
        server(""),
        hook.local_addr().unwrap()
    );
    let running = place.start(&["-c", &config(&place, &sections)]);
    let (asked, was_asked) = mpsc::channel();
    let (allow, allowed) = mpsc::channel::<()>();
    let hook = std::thread::spawn(move || {
        let (mut stream, _) = hook.accept().unwrap();
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).unwrap() > 0);
        asked.send(()).unwrap();
        allowed.recv().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let client = Client::new(&running.url);
    let request = std::thread::spawn(move || client.sign(KEY, NOOP));
    was_asked.recv().unwrap();

    let health = format!("{}/healthz", running.utility_url());
    assert_eq!(get(&health).0, 200);
    running.send("TERM");
    wait_until("not ready", || get(&health) == (503, "{\"ready\":false}\n".to_owned()));
    assert!(
        std::net::TcpStream::connect(running.url.strip_prefix("http://").unwrap()).is_err(),
        "new requests are taken"
    );
    allow.send(()).unwrap();
    assert_eq!(request.join().unwrap().0, 200);
    hook.join().unwrap();
    assert_eq!(running.signal("TERM").code, Some(0));
}

#[test]
fn a_flood_of_connections_leaves_descriptors_for_the_watermarks() {
    let place = Place::new();
    let limited = r#"ulimit -n 256; exec "$0" "$@""#;
    let file = pure(&place);
    let line = ["-c", limited, "jwtis", "-c", &file];
    let running = place.start_command(place.command("sh", &line));
    let client = Client::new(&running.url);
    assert_eq!(client.sign(KEY, &attestation(7, 1)).0, 200);

    let address = running.url.trim_start_matches("http://");
    let address: std::net::SocketAddr = address.parse().unwrap();
    // What is not accepted waits in the operating system's queue, and what finds no room there is given up.
    let patience = std::time::Duration::from_millis(100);
    let (mut flood, mut missed) = (Vec::new(), 0);
    while flood.len() < 360 && missed < 3 {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => flood.push(stream),
            Err(_) => missed += 1,
        }
    }
    assert!(flood.len() > 150, "{}", flood.len());
    // The client has kept its connection; the server goes on accepting meanwhile.
    for level in 8..60 {
        let (status, body) = client.sign(KEY, &attestation(level, 1));
        assert_eq!(status, 200, "{body}");
    }
    drop(flood);
    let run = running.stop();
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("LimitNOFILE"), "{}", run.stderr);
    assert!(!run.stderr.contains("cannot accept connections"), "{}", run.stderr);
}
