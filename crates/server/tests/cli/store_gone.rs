//! The store file is deleted, moved, replaced or overwritten under a running server: it writes nothing, signs nothing, says so, and nobody else gets in.

use std::fs;

use jwtis_testkit::process::signer::{Client, KEY, NOOP, SECRET, attestation, server};
use jwtis_testkit::process::{Place, get, post};
use serde_json::json;

#[test]
fn without_its_store_file_a_server_signs_and_registers_nothing_and_no_second_one_starts() {
    let mut place = Place::new();
    place.set("JWTIS_PSWD", "a password of the store");
    let sections = format!(
        "issuer: {{listen: '127.0.0.1:0'}}\n{}vaults: {{test: {{driver: mem, config: [{SECRET}]}}}}\ntezos: {{{KEY}: {{allow: {{generic: [failing_noop], attestation: }}}}}}\n",
        server("")
    );
    place.file("jwtis.yaml", &sections);
    let mut server = place.start(&["serve", "-c", "jwtis.yaml"]);
    let admin = server.export("JWTIS_ADMIN_TOKEN");
    let signer = Client::new(&server.url);
    let issuer = server.next_url();
    let health = format!("{}/healthz", server.utility_url());
    let send = |path: &str, body| post(&format!("{issuer}{path}"), &admin, &body).unwrap();
    assert_eq!(send("/register/shop", json!({})).0, 201);
    let (_, session) = send("/issue_token", json!({"kid": "shop"}));
    assert_eq!(signer.sign(KEY, &attestation(1, 1)).0, 200);
    assert_eq!(signer.sign(KEY, NOOP).0, 200);
    assert_eq!(get(&health).0, 200);

    let (store, aside, backup) = (place.store(), place.path().join("aside.db"), place.path().join("b.db"));
    fs::copy(&store, &backup).unwrap();
    fs::rename(&store, &aside).unwrap();
    let image = fs::read(&aside).unwrap();
    for replaced in [false, true] {
        if replaced {
            fs::copy(&backup, &store).unwrap();
        }
        assert_eq!(get(&health).0, 503);
        // The same message again, another level, and one that needs no watermark.
        for message in [&attestation(1, 1), &attestation(2, 1), NOOP] {
            let (status, text) = signer.sign(KEY, message);
            assert_eq!(status, 503, "{text}");
        }
        for (path, body) in [
            ("/register/other", json!({})),
            ("/issue_token", json!({"kid": "shop"})),
            ("/renew_token", json!({"kid": "shop", "refresh_token": session["refresh_token"]})),
            ("/revoke_token", json!({"kid": "shop", "id": session["id"]})),
        ] {
            let (status, answer) = send(path, body);
            assert_eq!((status, &answer["code"]), (503, &json!("store_unavailable")), "{path}: {answer}");
        }
        let body = json!({"kid": "shop", "auth_token": session["access_token"]});
        assert_eq!(send("/verify_token", body).1["active"], true);
        // A second server neither opens what is there nor makes a new store.
        let run = place.run(&["-l", "127.0.0.1:0", "--utility-address", "off"]);
        let (code, why) = if replaced {
            (1, "in use by another process")
        } else {
            (2, "its witness ./data/keys.db.witness says that there was one")
        };
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{}", run.stderr);
        assert_eq!(store.exists(), replaced);
    }
    assert!(fs::read(&aside).unwrap() == image);

    fs::rename(&aside, &store).unwrap();
    assert_eq!(get(&health).0, 200);
    assert_eq!(send("/register/other", json!({})).0, 201);
    assert_eq!(signer.sign(KEY, &attestation(2, 1)).0, 200);
    assert_eq!(signer.sign(KEY, &attestation(2, 2)).0, 409);
    let run = server.stop();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said = run.stderr.matches("nothing is written or signed any more").count();
    assert_eq!(said, 1, "the log says once why: {}", run.stderr);
    assert!(run.stderr.contains("the store file is gone from"), "{}", run.stderr);
    assert!(run.stderr.contains("the store file is at its path again"), "{}", run.stderr);
}

#[test]
fn over_a_store_file_that_another_program_has_written_a_server_acknowledges_nothing() {
    let mut place = Place::new();
    place.set("JWTIS_PSWD", "a password of the store");
    let server = place.start(&["serve", "-l", "127.0.0.1:0"]);
    let admin = server.export("JWTIS_ADMIN_TOKEN");
    let issuer = server.url.clone();
    let health = format!("{}/healthz", server.utility_url());
    let register = |name: &str| post(&format!("{issuer}/register/{name}"), &admin, &json!({})).unwrap();
    let older = fs::read(place.store()).unwrap();
    assert_eq!(register("shop").0, 201);
    assert_eq!(get(&health).0, 200);
    // As `cp` does: the same inode.
    fs::write(place.store(), &older).unwrap();
    assert_eq!(get(&health).0, 503);
    for name in ["other", "another"] {
        let (status, answer) = register(name);
        assert_eq!((status, &answer["code"]), (503, &json!("store_unavailable")), "{answer}");
    }
    let run = server.stop();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said = run.stderr.matches("nothing is written or signed any more").count();
    assert_eq!(said, 1, "the log says once why: {}", run.stderr);
    assert!(run.stderr.contains("another program has written into the store file"), "{}", run.stderr);
    assert!(fs::read(place.store()).unwrap() == older, "the file has changed");
}
