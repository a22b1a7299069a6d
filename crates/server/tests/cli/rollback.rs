//! A store that goes back: restored from a backup, or an older copy put into its place. What was signed is not signed again.

use std::fs;
use std::path::PathBuf;

use jwtis_testkit::process::signer::{Client, KEY, SECRET, attestation, server};
use jwtis_testkit::process::{Place, Run, Server, get, post};
use serde_json::{Value, json};

const CHAIN: &str = "NetXo5iVw1vBoxM";

/// The issuer and a signer that keeps its watermarks in the store.
fn config(place: &Place) -> String {
    let sections = format!(
        "issuer: {{listen: '127.0.0.1:0'}}\nbase_dir: {}/marks\n{}vaults:\n  local: {{driver: mem, config: [{SECRET}]}}\ntezos:\n  {KEY}:\n",
        place.path().display(),
        server("")
    );
    place.file("jwtis.yaml", &sections)
}

/// A running server with both.
struct Running {
    server: Server,
    signer: Client,
    issuer: String,
}

impl Running {
    fn start(place: &Place, file: &str) -> Self {
        let mut server = place.start(&["-c", file]);
        let signer = Client::new(&server.url);
        let issuer = server.next_url();
        Self { server, signer, issuer }
    }

    fn signs(&self, level: i32, payload: u8) -> (u16, String) {
        self.signer.sign(KEY, &attestation(level, payload))
    }

    fn health(&self) -> (u16, String) {
        get(&format!("{}/healthz", self.server.utility_url()))
    }

    fn stop(self) -> Run {
        self.server.stop()
    }
}

/// Asks the issuer of the server with the token.
fn ask(running: &Running, path: &str, token: &str, body: &Value) -> Value {
    let (status, answer) = post(&format!("{}{path}", running.issuer), token, body).unwrap();
    assert!(status < 300, "{path}: {status} {answer}");
    answer
}

/// A store with a client `shop`, a session, a signature of level 10 and a backup of all that; then the session is revoked, a client
/// deleted, and level 20 signed.
struct Story {
    place: Place,
    file: String,
    token: String,
    session: Value,
}

impl Story {
    fn until_level_20() -> Self {
        let mut place = Place::new();
        let file = config(&place);
        let running = Running::start(&place, &file);
        place.set("JWTIS_PSWD", &running.server.export("JWTIS_PSWD"));
        let admin = running.server.export("JWTIS_ADMIN_TOKEN");
        place.set("JWTIS_ADMIN_TOKEN", &admin);
        let shop = ask(&running, "/register/shop", &admin, &json!({}));
        ask(&running, "/register/gone", &admin, &json!({}));
        let token = shop["client_token"].as_str().unwrap().to_owned();
        let session =
            ask(&running, "/issue_token", &token, &json!({"kid": "shop", "claims": {"sub": "alice"}}));
        assert_eq!(running.signs(10, 1).0, 200);
        running.stop();
        place.ok(&["store", "backup", "level-10.db"]);

        let running = Running::start(&place, &file);
        assert_eq!(running.signs(20, 1).0, 200);
        assert_eq!(running.signs(20, 2).0, 409);
        ask(&running, "/revoke_token", &token, &json!({"kid": "shop", "id": session["id"]}));
        place.ok(&["client", "delete", "gone", "--url", &running.issuer]);
        running.stop();
        Self { place, file, token, session }
    }

    fn start(&self) -> Running {
        Running::start(&self.place, &self.file)
    }

    fn is_active(&self, running: &Running) -> bool {
        let body = json!({"kid": "shop", "auth_token": self.session["auth_token"]});
        ask(running, "/verify_token", &self.token, &body)["active"].as_bool().unwrap()
    }

    fn witness(&self) -> PathBuf {
        let mut name = self.place.store().into_os_string();
        name.push(".witness");
        name.into()
    }
}

#[test]
fn after_a_restore_a_second_message_of_a_signed_level_is_still_refused() {
    let story = Story::until_level_20();
    let said = story.place.ok(&["store", "restore", "level-10.db"]);
    for line in ["taken over", "attestation", "level 20, round 0", "stays revoked", "gone", "stays deleted"] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    assert!(story.place.json(&["store", "check", "--json"])["rolled_back"].is_null());
    let running = story.start();
    assert_eq!(running.health().0, 200);
    assert_eq!(running.signs(20, 2).0, 409);
    assert_eq!(running.signs(20, 1).0, 200, "the same message once more");
    assert_eq!(running.signs(21, 2).0, 200);
    assert!(!story.is_active(&running), "the revoked session stays revoked");
    assert_eq!(get(&format!("{}/keys/gone", running.issuer)).0, 404);
}

#[test]
fn where_nothing_can_be_taken_over_consensus_keys_wait_for_the_operator() {
    let story = Story::until_level_20();
    fs::remove_file(story.place.store()).unwrap();
    let run = story.place.run(&["store", "restore", "level-10.db", "--json"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr.contains("marked as restored") && run.stderr.contains("accept-rollback"),
        "{}",
        run.stderr
    );
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(report["marked"].as_str().unwrap().contains("no store"), "{report}");
    assert_eq!(story.place.json(&["store", "check", "--json"])["rolled_back"], "restored");
    assert_eq!(story.place.json(&["store", "info", "--json"])["rolled_back"], true);

    let running = story.start();
    let (status, body) = running.signs(21, 1);
    assert_eq!(status, 409, "{body}");
    assert!(body.contains("jwtis watermark raise") && body.contains("jwtis store accept-rollback"), "{body}");
    let (status, body) = running.health();
    assert!(status == 503 && body.contains("accept-rollback"), "{status} {body}");
    assert!(!story.is_active(&running), "sessions from before count as revoked");
    let run = running.stop();
    assert!(run.stderr.contains("the store was restored from a backup"), "{}", run.stderr);

    let shown = story.place.run(&["watermark", "show"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(
        shown.stderr.contains("restored from a backup")
            && shown.stderr.contains("watermarks may be lower than what was signed"),
        "{}",
        shown.stderr
    );
    story.place.ok(&[
        "watermark",
        "raise",
        "--key",
        KEY,
        "--chain",
        CHAIN,
        "--kind",
        "attestation",
        "--level",
        "20",
    ]);
    let run = story.place.run(&["store", "accept-rollback"]);
    assert_eq!(run.code, Some(1), "nobody can type: {}", run.stderr);
    assert!(story.place.ok(&["store", "accept-rollback", "--yes"]).contains("is accepted"));
    assert!(story.place.ok(&["store", "accept-rollback", "--yes"]).contains("nothing was changed"));
    let shown = story.place.run(&["watermark", "show"]);
    assert!(!shown.stderr.contains("watermarks may be lower"), "{}", shown.stderr);
    let running = story.start();
    assert_eq!(running.health().0, 200);
    assert_eq!(running.signs(20, 2).0, 409);
    assert_eq!(running.signs(21, 2).0, 200);
    assert!(!story.is_active(&running));
}

#[test]
fn an_older_file_that_was_copied_into_place_is_noticed() {
    let story = Story::until_level_20();
    fs::copy(story.place.path().join("level-10.db"), story.place.store()).unwrap();
    // What a command writes before the next start hides nothing.
    story.place.ok(&["key", "generate", "--alias", "one"]);
    story.place.ok(&["key", "generate", "--alias", "two"]);
    let running = story.start();
    assert_eq!(running.signs(20, 2).0, 409);
    assert_eq!(running.health().0, 503);
    assert!(!story.is_active(&running));
    let run = running.stop();
    assert!(run.stderr.contains("the store file is older than its witness"), "{}", run.stderr);
    assert_eq!(story.place.json(&["store", "check", "--json"])["rolled_back"], "behind_witness");
    story.place.ok(&["store", "backup", "marked.db"]);
    assert_eq!(story.place.json(&["store", "info", "--json", "-d", "marked.db"])["rolled_back"], true);
}

#[test]
fn a_witness_that_is_missing_is_made_and_one_without_its_store_or_of_another_stops_the_start() {
    let story = Story::until_level_20();
    let witness = fs::read(story.witness()).unwrap();
    fs::remove_file(story.witness()).unwrap();
    let run = story.start().stop();
    assert!(run.stderr.contains("the store has no witness"), "{}", run.stderr);
    assert!(story.witness().exists());

    let store = fs::read(story.place.store()).unwrap();
    fs::remove_file(story.place.store()).unwrap();
    let run = story.place.run(&["-c", &story.file]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("its witness") && run.stderr.contains("hint: "), "{}", run.stderr);
    assert!(!story.place.store().exists(), "a new store was made");
    fs::write(story.place.store(), store).unwrap();

    let mut other = Place::new();
    let server = other.serve(&[]);
    other.set("JWTIS_PSWD", &server.export("JWTIS_PSWD"));
    server.stop();
    let path = PathBuf::from(format!("{}.witness", other.store().display()));
    let own = fs::read(&path).unwrap();
    fs::write(&path, witness).unwrap();
    let run = other.run(&["-l", "127.0.0.1:0", "--utility-address", "off"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("belongs to another store"), "{}", run.stderr);
    let text = String::from_utf8(own).unwrap();
    let commit = text.lines().nth(2).unwrap();
    fs::write(&path, text.replace(commit, "commit 1")).unwrap();
    let run = other.run(&["-l", "127.0.0.1:0", "--utility-address", "off"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("does not verify"), "{}", run.stderr);
    other.ok(&["store", "accept-rollback", "--yes"]);
    other.serve(&[]).stop();
}

#[test]
fn the_witness_lies_where_the_operator_says() {
    let mut place = Place::new();
    let server = place.serve(&["--witness", "elsewhere.witness"]);
    place.set("JWTIS_PSWD", &server.export("JWTIS_PSWD"));
    server.stop();
    let there = place.path().join("elsewhere.witness");
    let before = fs::read(&there).unwrap();
    let folder: Vec<_> =
        fs::read_dir(place.path().join("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(folder.iter().all(|name| !name.to_string_lossy().ends_with(".witness")), "{folder:?}");
    place.ok(&["key", "generate", "--alias", "one", "--witness", "elsewhere.witness"]);
    assert_ne!(fs::read(&there).unwrap(), before);
}

#[test]
fn a_witness_at_the_place_of_a_store_its_lock_or_a_backup_is_refused_and_nothing_is_written() {
    let mut place = Place::new();
    for (store, witness) in [("new.db", "./new.db"), ("new.db", "new.db.lock")] {
        let run = place.run(&["-d", store, "--witness", witness, "-l", "127.0.0.1:0"]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(!place.path().join("new.db").exists());
    }
    let check = place.run(&["config", "check", "-d", "new.db", "--witness", "new.db"]);
    assert_eq!(check.code, Some(2), "{}", check.stderr);
    let server = place.serve(&[]);
    place.set("JWTIS_PSWD", &server.export("JWTIS_PSWD"));
    server.stop();
    place.ok(&["store", "backup", "b.db"]);
    let files = || ["data/keys.db", "b.db"].map(|name| fs::read(place.path().join(name)).unwrap());
    let before = files();
    for args in [
        &["store", "restore", "b.db", "--witness", "./data/keys.db"][..],
        &["store", "restore", "b.db", "--witness", "./b.db"],
        &["store", "accept-rollback", "--yes", "--witness", "data/keys.db"],
        &["store", "accept-rollback", "--yes", "--witness", "b.db"],
        &["key", "generate", "--alias", "one", "--witness", "data/keys.db.lock"],
    ] {
        let run = place.run(args);
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("hint: "), "{args:?}: {}", run.stderr);
    }
    assert!(files() == before, "a file was written");
}

#[test]
fn a_backup_of_a_named_server_needs_no_store_here() {
    let mut place = Place::new();
    let server = place.serve(&[]);
    let (password, admin) = (server.export("JWTIS_PSWD"), server.export("JWTIS_ADMIN_TOKEN"));
    let mut here = Place::new();
    here.set("JWTIS_ADMIN_TOKEN", &admin);
    let said = here.ok(&["store", "backup", "copy.db", "--url", &server.url]);
    assert!(said.contains("fetched from") && said.contains("NOT verified"), "{said}");
    here.set("JWTIS_PSWD", &password);
    let said = here.ok(&["store", "backup", "verified.db", "--url", &server.url]);
    assert!(said.contains("every record verifies"), "{said}");
    let run = here.run(&["store", "backup", "none.db"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("there is no store at"), "{}", run.stderr);
    place.set("JWTIS_PSWD", &password);
    server.stop();
}

#[test]
fn a_new_password_does_not_hide_that_the_store_has_gone_back() {
    let story = Story::until_level_20();
    fs::copy(story.place.path().join("level-10.db"), story.place.store()).unwrap();
    fs::write(story.place.path().join("new"), "another-pass-word").unwrap();
    story.place.ok(&["store", "passwd", "--new-pswd-file", "new"]);
    let check = story.place.json(&["store", "check", "-p", "another-pass-word", "--json"]);
    assert!(!check["rolled_back"].is_null(), "{check}");
    fs::write(story.witness(), "garbage").unwrap();
    let run = story.place.run(&["store", "passwd", "-p", "another-pass-word", "--new-pswd-file", "new"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
}

#[test]
fn a_store_whose_witness_cannot_be_believed_revokes_its_sessions_when_it_is_accepted() {
    let story = Story::until_level_20();
    fs::copy(story.place.path().join("level-10.db"), story.place.store()).unwrap();
    fs::write(story.witness(), "garbage").unwrap();
    let run = story.place.run(&["store", "accept-rollback", "--yes"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("no witness") && run.stderr.contains("hint: "), "{}", run.stderr);
    fs::write(story.witness(), "jwtis witness 1\ngarbage").unwrap();
    story.place.ok(&["store", "accept-rollback", "--yes"]);
    let running = story.start();
    assert!(!story.is_active(&running), "the session was revoked after the copy was made");
}

#[test]
fn a_disabled_client_that_too_old_a_backup_lacked_comes_back_disabled() {
    let mut place = Place::new();
    let server = place.serve(&[]);
    place.set("JWTIS_PSWD", &server.export("JWTIS_PSWD"));
    let admin = server.export("JWTIS_ADMIN_TOKEN");
    place.set("JWTIS_ADMIN_TOKEN", &admin);
    place.ok(&["store", "backup", "before.db", "--url", &server.url]);
    let (_, shop) = post(&format!("{}/register/shop", server.url), &admin, &json!({})).unwrap();
    place.ok(&["store", "backup", "middle.db", "--url", &server.url]);
    place.ok(&["client", "disable", "shop", "--url", &server.url]);
    server.stop();

    place.ok(&["store", "restore", "before.db"]);
    let said = place.ok(&["store", "restore", "middle.db"]);
    assert!(said.contains("shop") && said.contains("stays disabled"), "{said}");
    let server = place.serve(&[]);
    let issue = format!("{}/issue_token", server.url);
    let token = shop["client_token"].as_str().unwrap();
    let (status, answer) = post(&issue, token, &json!({"kid": "shop", "claims": {}})).unwrap();
    assert!(status == 403 && answer.to_string().contains("client_disabled"), "{status} {answer}");
}
