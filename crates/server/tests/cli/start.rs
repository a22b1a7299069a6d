//! Starting and stopping the real program: what the first start shows, and exit codes.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::sync::mpsc;

use jwtis_testkit::process::{Place, Run, get, post};
use serde_json::json;

use crate::{PASSWORD, SERVE, with_admin, with_store};

#[test]
fn point_01_first_start_prints_secrets_once_and_the_second_finds_the_client() {
    let mut place = Place::new();
    let first = place.serve(&["-v"]);
    let (password, admin) = (first.export("JWTIS_PSWD"), first.export("JWTIS_ADMIN_TOKEN"));
    assert_eq!(password.chars().count(), 32);
    assert!(admin.starts_with("jat_"));
    assert!(first.stdout.contains("Current configuration") && first.stdout.contains("issuer.listen"));
    for secret in [&password, &admin] {
        assert_eq!(first.stdout.matches(secret.as_str()).count(), 1, "{}", first.stdout);
    }
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.store()), 0o600);
    assert_eq!(mode(place.store().parent().unwrap()), 0o700);
    let (status, answer) = post(&format!("{}/register/shop", first.url), &admin, &json!({})).unwrap();
    assert_eq!(status, 201);
    let client_token = answer["client_token"].as_str().unwrap().to_owned();
    let run = first.stop();
    assert_eq!(run.code, Some(0));
    for secret in [&password, &admin, &client_token] {
        assert!(!run.stderr.contains(secret.as_str()), "a secret is in the log");
    }

    place.set("JWTIS_PSWD", &password);
    let second = place.serve(&[]);
    assert!(!second.stdout.contains(&password) && !second.stdout.contains("jat_"), "{}", second.stdout);
    assert_eq!(get(&format!("{}/keys/shop", second.url)).0, 200);
    let issue = json!({ "kid": "shop", "claims": { "sub": "alice" } });
    assert_eq!(post(&format!("{}/issue_token", second.url), &client_token, &issue).unwrap().0, 201);
    assert_eq!(second.stop().code, Some(0));
    let names: Vec<_> =
        fs::read_dir(place.store().parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(
        names.iter().all(|name| name == "keys.db" || name == "keys.db.lock" || name == "keys.db.witness"),
        "nothing else stays in the folder: {names:?}"
    );
}

#[test]
fn a_path_with_a_tilde_means_the_home_folder_to_the_server_and_to_every_command() {
    let mut place = Place::new();
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    place.set("HOME", home.to_str().unwrap());
    let file = place.file(
        "jwtis.yaml",
        "issuer: {listen: \"127.0.0.1:0\"}\nserver: {utility_address: \"off\"}\nstore: {path: ~/case/keys.db}\n",
    );
    let server = place.start(&["-c", &file]);
    let password = server.export("JWTIS_PSWD");
    assert_eq!(server.stop().code, Some(0));
    assert!(home.join("case/keys.db").is_file());
    assert!(!place.path().join("~").exists(), "a folder of that name was made");
    place.set("JWTIS_PSWD", &password);
    place.ok(&["store", "check", "-c", &file]);
    place.set("JWTIS_DB_PATH", "$HOME/case/keys.db");
    place.ok(&["store", "check"]);
    place.set("JWTIS_DB_PATH", "~nobody/keys.db");
    assert_eq!(place.run(&["store", "check"]).code, Some(2));
}

#[test]
fn point_01_the_printed_next_steps_work() {
    let mut place = Place::new();
    let server = place.serve(&[]);
    place.set("JWTIS_ADMIN_TOKEN", &server.export("JWTIS_ADMIN_TOKEN"));
    let lines: Vec<&str> =
        server.stdout.lines().map(str::trim).filter(|line| line.starts_with("curl")).collect();
    let [register, issue] = lines[..] else { panic!("{lines:?}") };
    let answer: serde_json::Value = serde_json::from_str(&place.shell_ok(register)).unwrap();
    place.set("JWTIS_CLIENT_TOKEN", answer["client_token"].as_str().unwrap());
    let answer: serde_json::Value = serde_json::from_str(&place.shell_ok(issue)).unwrap();
    assert_eq!(answer["token_type"], "Bearer");
}

#[test]
fn point_01_wrong_missing_and_damaged_end_in_2_2_and_3_and_change_nothing() {
    let mut place = with_store();
    let bytes = fs::read(place.store()).unwrap();

    place.set("JWTIS_PSWD", "wrong");
    let run = place.run(&SERVE);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("error: wrong password for ./data/keys.db"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: "));
    assert_eq!(run.stdout, "");

    place.unset("JWTIS_PSWD");
    let run = place.run(&SERVE);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("JWTIS_PSWD") && run.stderr.contains("--pswd-file"), "{}", run.stderr);
    assert_eq!(fs::read(place.store()).unwrap(), bytes, "a refused start changed the store");

    let mut damaged = bytes.clone();
    let middle = damaged.len() / 2;
    damaged.truncate(middle);
    fs::write(place.store(), &damaged).unwrap();
    place.set("JWTIS_PSWD", "wrong or right, it is damaged");
    let run = place.run(&SERVE);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("damaged"), "{}", run.stderr);
    assert_eq!(fs::read(place.store()).unwrap(), damaged, "a damaged store was changed");
}

#[test]
fn point_01_a_given_password_and_admin_token_are_used_and_not_printed() {
    let (_, admin) = with_admin();
    let mut place = Place::new();
    let token_file = place.file("admin-token", &admin);
    let password_file = place.file("password", "correct horse battery staple\n");
    let first = place.serve(&["--pswd-file", &password_file, "--admin-token-file", &token_file]);
    assert!(!first.stdout.contains("horse") && !first.stdout.contains(&admin), "{}", first.stdout);
    assert_eq!(post(&format!("{}/register/shop", first.url), &admin, &json!({})).unwrap().0, 201);
    first.stop();
    // The flag wins over the variable, and the variable over the file.
    place.set("JWTIS_PSWD", "wrong");
    assert_eq!(place.run(&["-l", "127.0.0.1:0", "--pswd-file", &password_file]).code, Some(2));
    place.serve(&["-p", "correct horse battery staple"]).stop();
}

#[test]
fn point_01_a_systemd_credential_opens_the_store() {
    let mut place = with_store();
    place.unset("JWTIS_PSWD");
    place.file("jwtis-password", PASSWORD);
    place.set("CREDENTIALS_DIRECTORY", place.path().to_str().unwrap().to_owned().as_str());
    assert_eq!(place.serve(&[]).stop().code, Some(0));
}

#[test]
fn point_01_a_busy_port_leaves_nothing() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [
        ["-l", &address, "--utility-address", "127.0.0.1:0"],
        ["-l", "127.0.0.1:0", "--utility-address", &address],
    ] {
        let run = place.run(&arguments);
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains("hint: another program"), "{}", run.stderr);
        assert!(!place.path().join("data").exists());
    }
}

#[test]
fn point_01_a_first_start_that_cannot_print_makes_no_store() {
    let full = || File::options().write(true).open("/dev/full").unwrap().into();
    let closed = || std::io::pipe().unwrap().1.into();
    for stdout in [full as fn() -> Stdio, closed] {
        let place = Place::new();
        let mut command = place.command("jwtis", &SERVE);
        let run = Run::of(command.stdout(stdout()).stderr(Stdio::piped()).output().unwrap());
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("standard output"), "{}", run.stderr);
        assert!(!place.store().exists());
        let left = fs::read_dir(place.path().join("data")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["keys.db.lock"]);
    }
}

#[test]
fn a_store_in_use_is_refused_with_1() {
    let place = with_store();
    let _server = place.serve(&[]);
    let run = place.run(&SERVE);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("in use by another process") && run.stderr.contains("hint: "),
        "{}",
        run.stderr
    );
}

#[test]
fn sigterm_and_sigint_end_with_0_and_the_store_can_be_opened_at_once() {
    let place = with_store();
    for signal in ["TERM", "INT"] {
        let run = place.serve(&[]).signal(signal);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    place.ok(&["store", "check"]);
}

#[test]
fn plain_http_for_other_machines_is_refused_before_anything_happens() {
    let place = Place::new();
    let run = place.run(&["-l", "0.0.0.0:0"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("--insecure"), "{}", run.stderr);
    assert!(!place.path().join("data").exists());
}

#[test]
fn metrics_and_health_are_served_beside_and_housekeeping_counts_key_sets() {
    let (place, admin) = with_admin();
    let server = place.serve(&[]);
    assert_eq!(post(&format!("{}/register/shop", server.url), &admin, &json!({})).unwrap().0, 201);
    let (_, page) = get(&format!("{}/metrics", server.utility_url()));
    // A process tries its first change again where the store lists the change's table already.
    let counted = |tries| page.contains(&format!("jwtis_store_commit_duration_seconds_count {tries}\n"));
    assert!(counted(1) || counted(2), "{page}");
    server.stop();

    let server = place.serve(&[]);
    assert_eq!(get(&format!("{}/healthz", server.utility_url())).0, 200);
    let page = || get(&format!("{}/metrics", server.utility_url()));
    assert!(page().1.contains("jwtis_build_info"), "{}", page().1);
    // The first pass runs beside the first requests; each look takes about a millisecond.
    let counted = (0..10_000).any(|_| page().1.contains("jwtis_key_sets{state=\"active\"} 1\n"));
    assert!(counted, "{}", page().1);
}

#[test]
fn point_09_kill_9_under_load_loses_nothing_acknowledged() {
    const ACKNOWLEDGED: usize = 60;
    let (place, admin) = with_admin();
    let server = place.serve(&[]);
    let (sender, receiver) = mpsc::channel();
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (sender, admin, url) = (sender.clone(), admin.clone(), server.url.clone());
            std::thread::spawn(move || {
                for number in 0.. {
                    let kid = format!("client-{worker}-{number}");
                    match post(&format!("{url}/register/{kid}"), &admin, &json!({})) {
                        Ok((201, _)) => sender.send(kid).unwrap_or(()),
                        _ => return,
                    }
                }
            })
        })
        .collect();
    drop(sender);
    let mut acknowledged: Vec<String> = receiver.iter().take(ACKNOWLEDGED).collect();
    server.kill();
    // What was answered between the last one taken and the kill counts too.
    acknowledged.extend(receiver.iter());
    for worker in workers {
        worker.join().unwrap();
    }

    let server = place.serve(&[]);
    for kid in &acknowledged {
        assert_eq!(get(&format!("{}/keys/{kid}", server.url)).0, 200, "{kid} was lost");
    }
    server.stop();
    place.ok(&["store", "check"]);
    let raw = fs::read(place.store()).unwrap();
    let name = acknowledged[0].as_bytes();
    assert!(!raw.windows(name.len()).any(|window| window == name), "a kid is in the file in clear");
}
