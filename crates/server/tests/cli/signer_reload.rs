//! Reloading the configuration of the real program: SIGHUP and `watch_config`, while requests run.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jwtis_testkit::process::signer::{
    Client, KEY, NOOP, OTHER_SECRET, PASSWORD, SECRET, USER, attestation, config, secret_keys, server,
};
use jwtis_testkit::process::{Place, Server, wait_until};

use crate::{encrypted, pkh};

/// A signer with the key [`KEY`] for the user `payouts`, and whatever else.
struct Wanted<'a> {
    settings: &'a str,
    users: &'a str,
    vaults: &'a str,
    keys: &'a str,
}

impl Wanted<'_> {
    const PLAIN: Self = Wanted { settings: "", users: "", vaults: "", keys: "" };

    fn write(&self, place: &Place) -> String {
        let Self { settings, users, vaults, keys } = self;
        let jwt = format!("  jwt:\n    users:\n      payouts: {USER}\n{users}");
        let sections = format!(
            "{settings}{}watermark: {{driver: mem}}\nvaults:\n  local: {{driver: mem, config: [{SECRET}]}}\n{vaults}tezos:\n  {KEY}: {{allow: {{generic: [failing_noop]}}, jwt_users: [payouts]}}\n{keys}",
            server(&jwt)
        );
        config(place, &sections)
    }
}

/// Clients that ask all the time for something that they always may, over connections that stay.
struct Hammer {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    workers: Vec<std::thread::JoinHandle<()>>,
}

impl Hammer {
    fn start(url: &str) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = Client::logged_in(url, "payouts", PASSWORD);
        let workers = (0..3).map(|_| {
            let (stop, answers, client) = (Arc::clone(&stop), Arc::clone(&answers), client.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.try_sign(KEY, NOOP).unwrap();
                    assert_eq!(answer.0, 200, "{}", answer.1);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        let workers = workers.collect();
        Self { stop, answers, workers }
    }

    /// Fails if any request was answered otherwise, or not at all.
    fn finish(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            worker.join().unwrap();
        }
        self.answers.load(Ordering::Relaxed)
    }
}

fn applied(server: &Server) -> usize {
    server.log().matches("configuration_reloaded").count()
}

fn refused(server: &Server) -> usize {
    server.log().matches("the configuration was not applied").count()
}

#[test]
fn sighup_applies_users_keys_and_policies_and_drops_no_request() {
    const ROUNDS: usize = 12;
    let place = Place::new();
    let file = Wanted::PLAIN.write(&place);
    let running = place.start(&["-c", &file]);
    let hammer = Hammer::start(&running.url);
    let (other, mut guest) = (pkh(OTHER_SECRET), None);
    let vault = format!("  more: {{driver: mem, config: [{OTHER_SECRET}]}}\n");
    let key = format!("  {other}: {{allow: {{generic: [failing_noop]}}, jwt_users: [guest]}}\n");
    let user = format!("      guest: {}\n", USER.replace("Pass-1", "Pass-2").replace("0001", "0002"));

    for round in 1..=ROUNDS {
        if round % 2 == 1 {
            Wanted { users: &user, vaults: &vault, keys: &key, ..Wanted::PLAIN }.write(&place);
            running.send("HUP");
            wait_until("the first reload", || applied(&running) == round);
            let client = Client::logged_in(&running.url, "guest", "Long-Enough-Pass-2");
            assert_eq!(client.sign(&other, NOOP).0, 200);
            let (status, body) = client.sign(KEY, NOOP);
            assert_eq!((status, body.contains("`guest' is not authorized")), (403, true), "{body}");
            guest = Some(client);
        } else {
            Wanted::PLAIN.write(&place);
            running.send("HUP");
            wait_until("the reload back", || applied(&running) == round);
            assert_eq!(guest.take().unwrap().sign(&other, NOOP).0, 401, "his token still opens the signer");
            let payouts = Client::logged_in(&running.url, "payouts", PASSWORD);
            let (status, body) = payouts.sign(&other, NOOP);
            assert_eq!((status, body.contains("is not listed in config")), (403, true), "{body}");
            assert_eq!(payouts.get(&format!("/keys/{other}")).0, 404, "its vault is gone");
        }
    }
    let answers = hammer.finish();
    assert!(answers > ROUNDS, "only {answers} requests ran beside the reloads");
    let run = running.stop();
    assert_eq!(run.code, Some(0));
    assert!(!run.stderr.contains("not applied"), "{}", run.stderr);
    let event = run.stderr.lines().rfind(|line| line.contains("configuration_reloaded")).unwrap();
    let event: serde_json::Value = serde_json::from_str(event).unwrap();
    assert_eq!((&event["users"], &event["keys"]), (&1.into(), &1.into()), "{event}");
}

#[test]
fn a_pipe_in_the_place_of_the_configuration_is_refused_and_holds_up_no_later_reload() {
    let place = Place::new();
    let good = Wanted::PLAIN.write(&place);
    let running = place.start(&["-c", &good]);
    fs::remove_file(&good).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&good).status().unwrap().success());
    running.send("HUP");
    wait_until("the refusal", || refused(&running) == 1);
    assert!(running.log().contains("is not a file any more"), "{}", running.log());
    fs::remove_file(&good).unwrap();
    Wanted::PLAIN.write(&place);
    running.send("HUP");
    wait_until("the next reload", || applied(&running) == 1);
    running.stop();
}

#[test]
fn a_configuration_with_a_fault_changes_nothing() {
    let place = Place::new();
    let good = Wanted::PLAIN.write(&place);
    let text = fs::read_to_string(&good).unwrap();
    let running = place.start(&["-c", &good]);
    let client = Client::logged_in(&running.url, "payouts", PASSWORD);
    let other = pkh(OTHER_SECRET);
    let with_other =
        text.replace("tezos:\n", &format!("tezos:\n  {other}: {{allow: {{generic: [failing_noop]}}}}\n"));
    let broken = [
        "server: [".to_owned(),
        String::new(),
        with_other.replace("failing_noop", "failing_nop"),
        with_other.replace("Long-Enough-Pass-1", "short"),
        with_other.replace("vaults:\n", "strict_vaults: true\nvaults:\n"),
        with_other.replace(
            "vaults:\n",
            &format!("vaults:\n  more: {{driver: file, config: {{file: {}/bad}}}}\n", place.path().display()),
        ),
        with_other.replace("driver: mem, config", "driver: store, config"),
    ];
    place.file("bad", "[{");
    for (number, broken) in broken.iter().enumerate() {
        place.file("jwtis.yaml", broken);
        running.send("HUP");
        wait_until(broken, || refused(&running) > number);
        let (status, body) = client.sign(&other, NOOP);
        assert_eq!((status, body.contains("is not listed in config")), (403, true), "{broken}\n{body}");
        assert_eq!(client.sign(KEY, NOOP).0, 200, "{broken}");
        // Several faults are several lines: start counting anew with a reload that works.
        let before = applied(&running);
        place.file("jwtis.yaml", &text);
        running.send("HUP");
        wait_until("the good one again", || applied(&running) > before);
    }
    assert!(!running.stop().stderr.contains("short\""));
}

#[test]
fn a_file_that_lost_its_guard_opens_nothing() {
    let place = Place::new();
    let file = Wanted::PLAIN.write(&place);
    let text = fs::read_to_string(&file).unwrap();
    let running = place.start(&["-c", &file]);
    let (stranger, payouts) =
        (Client::new(&running.url), Client::logged_in(&running.url, "payouts", PASSWORD));
    let (before, jwt) = text.split_once("  jwt:\n").unwrap();
    let without_tokens = format!("{before}{}", &jwt[jwt.find("watermark").unwrap()..]);
    for (number, (lost, wanted)) in [
        (without_tokens.clone(), "jwt_users without server.jwt"),
        (
            without_tokens.replace(", jwt_users: [payouts]", ""),
            "neither server.jwt nor server.authorized_keys",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        place.file("jwtis.yaml", &lost);
        running.send("HUP");
        wait_until(wanted, || refused(&running) > number);
        assert!(running.log().contains(wanted), "{}", running.log());
        let (status, body) = stranger.sign(KEY, NOOP);
        assert_eq!((status, body.as_str()), (401, "token required"), "{lost}");
        assert_eq!(payouts.sign(KEY, NOOP).0, 200, "{lost}");
    }
}

#[test]
fn a_file_that_was_cut_off_signs_nothing_that_was_refused_before() {
    let other = pkh(OTHER_SECRET);
    let guest = USER.replace("Pass-1", "Pass-2").replace("0001", "0002");
    let new = USER.replace("Pass-1", "Pass-3").replace("0001", "0003");
    // Block style, so that there are many places to cut at.
    let server = server(&format!(
        "  jwt:\n    users:\n      guest: {guest}\n      payouts:\n        password: {PASSWORD}\n        secret: A-Secret-Of-At-Least-32-Bytes-0001\n        new_data: {new}\n"
    ));
    let allow = "    allow:\n      generic:\n        - failing_noop\n";
    let keys = format!(
        "tezos:\n  {other}:\n{allow}    jwt_users:\n      - payouts\n  {KEY}:\n    jwt_users:\n      - payouts\n{allow}    limits:\n      max_fee: 1\n"
    );
    let vaults = format!(
        "watermark: {{driver: mem}}\nvaults:\n  local: {{driver: mem, config: [{SECRET}, {OTHER_SECRET}]}}\n"
    );
    let baking = attestation(1, 0);
    for (sections, missing) in [
        (
            format!("{vaults}{server}{keys}"),
            &["is without allow, jwt_users", "is without jwt_users", "is without limits.max_fee"][..],
        ),
        (format!("{vaults}{keys}{server}"), &["the file looks cut off", "is without new_data"]),
    ] {
        let place = Place::new();
        let file = config(&place, &sections);
        let text = fs::read_to_string(&file).unwrap();
        let running = place.start(&["-c", &file]);
        let stranger = Client::new(&running.url);
        let guest = Client::logged_in(&running.url, "guest", "Long-Enough-Pass-2");
        let payouts = Client::logged_in(&running.url, "payouts", "Long-Enough-Pass-3");
        place.file("jwtis.yaml", text.trim_end().rsplit_once('\n').unwrap().0);
        running.send("HUP");
        wait_until("the refusal", || refused(&running) > 0);
        assert_eq!(applied(&running), 0);
        // With the line that ends a document it is a shorter file, and what is missing decides.
        for (end, _) in text.match_indices('\n') {
            let cut = &format!("{}\n...\n", &text[..end]);
            let before = refused(&running) + applied(&running);
            place.file("jwtis.yaml", cut);
            running.send("HUP");
            wait_until(cut, || refused(&running) + applied(&running) > before);
            for key in [KEY, &other] {
                assert_ne!(payouts.sign(key, &baking).0, 200, "{cut}");
                assert_ne!(guest.sign(key, NOOP).0, 200, "{cut}");
                assert_ne!(stranger.sign(key, NOOP).0, 200, "{cut}");
            }
            // Asked once, for wrong passwords are counted.
            if cut.contains("        secret:") && !cut.contains("new_data") {
                assert_eq!(stranger.login("payouts", PASSWORD).0, 401, "{cut}");
            }
        }
        let log = running.stop().stderr;
        for missing in missing {
            assert!(log.contains(missing), "{missing}: {log}");
        }
    }
}

#[test]
fn watch_config_applies_a_change_of_the_file_without_a_signal() {
    let place = Place::new();
    let watching = Wanted { settings: "watch_config: true\n", ..Wanted::PLAIN };
    let file = watching.write(&place);
    let running = place.start(&["-c", &file]);
    let hammer = Hammer::start(&running.url);
    let client = Client::logged_in(&running.url, "payouts", PASSWORD);
    let other = pkh(OTHER_SECRET);
    let (vault, key) = (
        format!("  more: {{driver: mem, config: [{OTHER_SECRET}]}}\n"),
        format!("  {other}: {{allow: {{generic: [failing_noop]}}}}\n"),
    );
    Wanted { vaults: &vault, keys: &key, ..watching }.write(&place);
    wait_until("the change", || client.sign(&other, NOOP).0 == 200);

    place.file("jwtis.yaml", "tezos: [");
    wait_until("the fault", || refused(&running) > 0);
    assert_eq!(client.sign(&other, NOOP).0, 200, "a broken file changes nothing");

    let keys = place.file("secret_keys", "[]");
    let vault = format!("  more: {{driver: file, config: {{file: {keys}}}}}\n");
    Wanted { vaults: &vault, keys: &key, ..watching }.write(&place);
    wait_until("another vault, which has no key", || client.sign(&other, NOOP).0 == 404);
    place.file("secret_keys", &secret_keys(&[("other", OTHER_SECRET)]));
    wait_until("the change of its file", || client.sign(&other, NOOP).0 == 200);

    watching.write(&place);
    wait_until("the change back", || client.sign(&other, NOOP).0 == 403);
    assert_eq!(refused(&running), 1, "one fault is said once");
    assert!(hammer.finish() > 0);
}

#[test]
fn an_open_encrypted_key_stays_open_and_a_new_one_needs_its_password() {
    let place = Place::new();
    let entry = |name, secret| (name, encrypted(secret, "open sesame"));
    let (mine, other) = (entry("mine", SECRET), entry("other", OTHER_SECRET));
    let file_of = |entries: &[&(&'static str, String)]| {
        let entries: Vec<_> = entries.iter().map(|(name, value)| (*name, value.as_str())).collect();
        place.file("secret_keys", &secret_keys(&entries))
    };
    let keys = file_of(&[&mine]);
    let password = place.file("key-password", "open sesame");
    let write = |more: &str| {
        let sections = format!(
            "{}watermark: {{driver: mem}}\nvaults:\n  local: {{driver: file, config: {{file: {keys}{more}}}}}\ntezos:\n  {KEY}: {{allow: {{generic: [failing_noop]}}}}\n  {}: {{allow: {{generic: [failing_noop]}}}}\n",
            server(""),
            pkh(OTHER_SECRET)
        );
        config(&place, &sections)
    };
    let with_password = format!(", password_file: {password}");
    let running = place.start(&["-c", &write(&with_password)]);
    let client = Client::new(&running.url);

    write("");
    running.send("HUP");
    wait_until("a reload without the password", || applied(&running) == 1);
    assert_eq!(client.sign(KEY, NOOP).0, 200, "the key was open already");

    file_of(&[&mine, &other]);
    running.send("HUP");
    wait_until("the fault", || refused(&running) == 1);
    assert!(running.log().contains("`other` is encrypted"), "{}", running.log());
    assert_eq!((client.sign(KEY, NOOP).0, client.sign(&pkh(OTHER_SECRET), NOOP).0), (200, 404));

    write(&with_password);
    running.send("HUP");
    wait_until("a reload with the password", || applied(&running) == 2);
    assert_eq!((client.sign(KEY, NOOP).0, client.sign(&pkh(OTHER_SECRET), NOOP).0), (200, 200));

    fs::remove_file(&keys).unwrap();
    running.send("HUP");
    wait_until("the refusal to lose a vault", || refused(&running) == 2);
    assert_eq!(client.sign(KEY, NOOP).0, 200);
}

#[test]
fn what_takes_a_restart_is_named_and_the_rest_is_applied() {
    let place = Place::new();
    let file = Wanted::PLAIN.write(&place);
    let running = place.start(&["-c", &file]);
    let client = Client::logged_in(&running.url, "payouts", PASSWORD);
    let text = fs::read_to_string(&file).unwrap();
    place.file(
        "jwtis.yaml",
        &text.replacen("127.0.0.1:0", "127.0.0.1:1", 1).replace("jwt_users: [payouts]", "jwt_users: []"),
    );
    running.send("HUP");
    wait_until("the reload", || applied(&running) == 1);
    assert_eq!(client.sign(KEY, NOOP).0, 403);
    wait_until("the warning", || running.log().contains("takes effect at the next start"));
    let log = running.log();
    let warnings: Vec<&str> =
        log.lines().filter(|line| line.contains("takes effect at the next start")).collect();
    assert!(matches!(warnings[..], [warning] if warning.contains("server.address")), "{warnings:?}");
}

#[test]
fn a_key_of_the_store_signs_and_stays_where_it_is_when_its_policy_changes() {
    let mut place = Place::new();
    let sections = |keys: &str| format!("{}vaults:\n  keys: {{driver: store}}\ntezos:\n{keys}", server(""));
    let running = place.start(&["-c", &config(&place, &sections(""))]);
    let password = running.export("JWTIS_PSWD");
    assert!(running.stop().stderr.contains("No valid keys found in the vault keys"));
    place.set("JWTIS_PSWD", &password);
    let made = place.json(&["key", "generate", "-t", "tz2", "--json"]);
    let key = made.to_string().split('"').find(|word| word.starts_with("tz2")).unwrap().to_owned();

    let file = config(&place, &sections(&format!("  {key}: {{allow: {{generic: [failing_noop]}}}}\n")));
    let running = place.start(&["-c", &file]);
    let client = Client::new(&running.url);
    let (status, body) = client.sign(&key, NOOP);
    assert_eq!((status, body.contains("spsig1")), (200, true), "{body}");
    config(&place, &sections(&format!("  {key}: {{}}\n")));
    running.send("HUP");
    wait_until("the reload", || applied(&running) == 1);
    assert_eq!(client.sign(&key, NOOP).0, 403);
    config(&place, &sections(&format!("  {key}: {{allow: {{generic: [failing_noop]}}}}\n")));
    running.send("HUP");
    wait_until("the reload", || applied(&running) == 2);
    assert_eq!(client.sign(&key, NOOP).0, 200);
}
