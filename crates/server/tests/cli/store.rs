//! `jwtis store`: the operator's commands over a real store file.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use jwtis_testkit::process::{Place, Server, get, post};
use serde_json::json;

use crate::{register, with_admin};

/// A store with one client, and its admin token; the password is in the environment.
fn with_client() -> (Place, String) {
    let (place, admin) = with_admin();
    let server = place.serve(&[]);
    register(&server, &admin, "shop");
    server.stop();
    (place, admin)
}

fn knows(server: &Server, kid: &str) -> bool {
    get(&format!("{}/keys/{kid}", server.url)).0 == 200
}

#[test]
fn info_needs_no_password_and_shows_no_name() {
    let (mut place, _) = with_client();
    place.unset("JWTIS_PSWD");
    let text = place.ok(&["store", "info"]);
    assert!(text.contains("password slot") && text.contains("Argon2id"), "{text}");
    assert!(!text.contains("shop"), "{text}");
    assert_eq!(place.json(&["store", "info", "--json"])["slots"].as_array().unwrap().len(), 1);
    let run = place.run(&["store", "info", "-d", "nowhere.db"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("there is no store at nowhere.db"), "{}", run.stderr);
}

#[test]
fn check_tells_whole_from_wrong_password() {
    let (mut place, _) = with_client();
    assert!(place.ok(&["store", "check"]).contains("is whole"));
    assert_eq!(place.json(&["store", "check", "--json"])["damaged"], json!([]));
    place.set("JWTIS_PSWD", "wrong");
    assert_eq!(place.run(&["store", "check"]).code, Some(2));
    place.unset("JWTIS_PSWD");
    assert_eq!(place.run(&["store", "check"]).code, Some(2));
}

#[test]
fn flipped_bytes_end_in_a_clean_error_or_no_change() {
    let (place, _) = with_client();
    let whole = fs::read(place.store()).unwrap();
    let mut noticed = 0;
    for position in (0..whole.len()).step_by(whole.len() / 24) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x55;
        fs::write(place.store(), &bytes).unwrap();
        let run = place.run(&["store", "check"]);
        assert!(matches!(run.code, Some(0..=3)), "{position}: {:?} {}", run.code, run.stderr);
        assert!(!run.stderr.contains("panicked"), "{position}: {}", run.stderr);
        noticed += i32::from(run.code == Some(3));
    }
    assert!(noticed > 0, "no flip was noticed");
}

#[test]
fn passwd_changes_the_password_and_nothing_else() {
    let (mut place, _) = with_client();
    let file = place.file("new", "another password\n");
    assert!(place.ok(&["store", "passwd", "--new-pswd-file", &file]).contains("is changed"));
    assert_eq!(place.run(&["store", "check"]).code, Some(2), "the old password still opens");
    place.set("JWTIS_PSWD", "another password");
    let server = place.serve(&[]);
    assert!(knows(&server, "shop"));
    server.stop();
    place.set("JWTIS_NEW_PSWD", "a third");
    place.ok(&["store", "passwd"]);
    place.unset("JWTIS_NEW_PSWD");
    place.set("JWTIS_PSWD", "a third");
    let recorded = place.ok(&["audit", "export"]);
    let count = |text: &str| recorded.lines().filter(|line| line.contains(text)).count();
    assert_eq!(count(r#""event":"store_password_changed","by":"operator""#), 2, "{recorded}");
    let run = place.run(&["store", "passwd"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("no new password"), "{}", run.stderr);
}

#[test]
fn a_cold_backup_is_restored() {
    let (place, admin) = with_client();
    assert!(place.ok(&["store", "backup", "backup.db"]).contains("every record verifies"));
    assert_eq!(place.run(&["store", "backup", "backup.db"]).code, Some(2), "an existing file is overwritten");
    let server = place.serve(&[]);
    register(&server, &admin, "late");
    server.stop();

    place.ok(&["store", "restore", "backup.db"]);
    let server = place.serve(&[]);
    assert!(knows(&server, "shop") && !knows(&server, "late"));
    server.stop();
    assert!(place.path().join("data/keys.db.before-restore-1").exists(), "the store before is kept beside");
}

#[test]
fn a_hot_backup_comes_from_the_running_server_and_is_verified() {
    let (mut place, admin) = with_client();
    let server = place.serve(&[]);
    place.set("JWTIS_URL", &server.url);
    let run = place.run(&["store", "backup", "hot.db"]);
    assert_eq!(run.code, Some(1), "without the admin token: {}", run.stderr);
    assert!(!place.path().join("hot.db").exists());
    place.set("JWTIS_ADMIN_TOKEN", &admin);
    let text = place.ok(&["store", "backup", "hot.db"]);
    assert!(text.contains("fetched from") && text.contains("every record verifies"), "{text}");
    let run = place.run(&["store", "restore", "hot.db"]);
    assert_eq!(run.code, Some(1), "a store in use is replaced: {}", run.stderr);
    server.stop();
    place.unset("JWTIS_PSWD");
    assert_eq!(place.run(&["store", "check", "-d", "hot.db"]).code, Some(2));
}

#[test]
fn a_fetched_backup_that_breaks_off_without_a_length_is_a_failure_and_leaves_nothing() {
    let (mut place, admin) = with_client();
    place.ok(&["store", "backup", "whole.db"]);
    let whole = fs::read(place.path().join("whole.db")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    place.set("JWTIS_URL", &format!("http://{}", listener.local_addr().unwrap()));
    place.set("JWTIS_ADMIN_TOKEN", &admin);
    place.unset("JWTIS_PSWD");
    fs::remove_dir_all(place.store().parent().unwrap()).unwrap();
    let cut = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").unwrap();
        stream.write_all(&whole[..whole.len() / 2]).unwrap();
    });
    let run = place.run(&["store", "backup", "cut.db"]);
    cut.join().unwrap();
    assert_eq!(run.code, Some(1), "{} {}", run.stdout, run.stderr);
    assert!(run.stderr.contains("did not arrive whole"), "{}", run.stderr);
    let left = fs::read_dir(place.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("cut.db"));
    assert_eq!(left.count(), 0);
}

#[test]
fn a_damaged_backup_is_refused_and_the_store_stays() {
    let (place, _) = with_client();
    place.ok(&["store", "backup", "backup.db"]);
    let backup = place.path().join("backup.db");
    let mut bytes = fs::read(&backup).unwrap();
    bytes.truncate(bytes.len() / 2);
    fs::write(&backup, bytes).unwrap();
    let store = fs::read(place.store()).unwrap();
    let run = place.run(&["store", "restore", "backup.db"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("the store was not touched"), "{}", run.stderr);
    assert_eq!(fs::read(place.store()).unwrap(), store);
}

#[test]
fn a_lost_admin_token_is_replaced() {
    let (place, old) = with_client();
    let text = place.ok(&["store", "reset-admin-token"]);
    let (_, rest) = text.split_once("export JWTIS_ADMIN_TOKEN='").unwrap();
    let new = rest.trim().trim_end_matches('\'');
    let server = place.serve(&[]);
    register(&server, new, "other");
    let (status, _) = post(&format!("{}/register/x", server.url), &old, &json!({})).unwrap();
    assert_eq!(status, 401);
}

#[test]
fn the_kept_time_is_shown_and_forgotten() {
    let (place, _) = with_client();
    let kept = place.json(&["store", "clock", "--json"]);
    assert!(kept["seen"].as_u64().unwrap() > 1_700_000_000, "{kept}");
    assert_eq!(kept["confirmed"], 0, "ten minutes have not passed");
    assert!(place.ok(&["store", "clock"]).contains("server last seen"));
    assert!(place.ok(&["store", "clock", "--reset"]).contains("forgotten"));
    assert_eq!(place.ok(&["store", "clock"]).trim(), "the store keeps no time");
    // A server begins with its own clock again.
    place.serve(&[]).stop();
    assert!(place.json(&["store", "clock", "--json"])["seen"].as_u64().is_some());
}
