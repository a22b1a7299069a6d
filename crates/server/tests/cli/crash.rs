//! Point 9: kill -9 at any moment. What a client was told before is so after the next start: registrations and rotations of keys,
//! generations of sessions, revocations.

use std::sync::mpsc;
use std::thread;

use jwtis_testkit::process::{Place, Server, get, post};
use serde_json::{Value, json};

/// What a client was told.
enum Told {
    /// The client's newest signing key.
    Keys { kid: String, signing: String },
    /// A session has been revoked.
    Revoked { kid: String, access: String },
    /// A session has gone on to the next generation.
    Rotated { kid: String, old: String, new: String },
}

#[test]
fn point_09_kill_9_keeps_keys_revocations_and_generations() {
    let mut place = Place::new();
    let first = place.serve(&[]);
    let admin = first.export("JWTIS_ADMIN_TOKEN");
    place.set("JWTIS_PSWD", &first.export("JWTIS_PSWD"));
    first.stop();

    for (round, kill_after) in [1, 7, 30, 90].into_iter().enumerate() {
        let server = place.serve(&[]);
        let told = work_until_killed(server, &admin, round, kill_after);
        assert!(told.len() >= kill_after);
        let server = place.serve(&[]);
        for told in &told {
            told.check(&server, &admin);
        }
        server.stop();
        assert!(place.ok(&["store", "check"]).contains("is whole"));
    }
}

#[test]
fn sighup_stops_nothing() {
    let place = Place::new();
    let server = place.serve(&[]);
    server.send("HUP");
    // The signal's handler runs before a later stop is heard.
    assert_eq!(get(&format!("{}/ping", server.url)).0, 200);
    let run = server.stop();
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("only certificates are reloaded"), "{}", run.stderr);
}

fn work_until_killed(server: Server, admin: &str, round: usize, kill_after: usize) -> Vec<Told> {
    let (sender, receiver) = mpsc::channel();
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (sender, admin, url) = (sender.clone(), admin.to_owned(), server.url.clone());
            let kid = format!("round-{round}-worker-{worker}");
            thread::spawn(move || {
                // Ends when the server is gone.
                let _ = work(&url, &admin, &kid, &sender);
            })
        })
        .collect();
    drop(sender);
    let mut told: Vec<Told> = receiver.iter().take(kill_after).collect();
    server.kill();
    told.extend(receiver.iter());
    for worker in workers {
        worker.join().unwrap();
    }
    told
}

/// Uses one client in every way until the server does not answer any more.
fn work(url: &str, admin: &str, kid: &str, told: &mpsc::Sender<Told>) -> Option<()> {
    let tell = |message| told.send(message).ok();
    let call = |path: &str, body: Value| {
        let (status, answer) = post(&format!("{url}{path}"), admin, &body).ok()?;
        assert!((200..300).contains(&status), "{path}: {answer}");
        Some(answer)
    };
    let keys = |answer: &Value| Told::Keys {
        kid: kid.to_owned(),
        signing: answer["pub_sig_key"]["kid"].as_str().unwrap().to_owned(),
    };
    let text = |answer: &Value, member: &str| answer[member].as_str().unwrap().to_owned();

    tell(keys(&call(&format!("/register/{kid}"), json!({"refresh_strategy": "refreshBoth"}))?))?;
    for number in 0.. {
        let session = call("/issue_token", json!({"kid": kid}))?;
        let old = text(&session, "refresh_token");
        let renewed = call("/renew_token", json!({"kid": kid, "refresh_token": old}))?;
        tell(Told::Rotated { kid: kid.to_owned(), old, new: text(&renewed, "refresh_token") })?;

        let claims = json!({"sub": format!("user-{number}")});
        let session = call("/issue_token", json!({"kid": kid, "claims": claims}))?;
        let target = match number % 3 {
            0 => json!({"kid": kid, "id": session["id"]}),
            1 => json!({"kid": kid, "refresh_token": session["refresh_token"]}),
            _ => json!({"kid": kid, "sub": format!("user-{number}")}),
        };
        call("/revoke_token", target)?;
        tell(Told::Revoked { kid: kid.to_owned(), access: text(&session, "access_token") })?;
        if number % 5 == 4 && number < 50 {
            tell(keys(&call("/renew_keys", json!({"kid": kid}))?))?;
        }
    }
    None
}

impl Told {
    fn check(&self, server: &Server, admin: &str) {
        let call = |path: &str, body: Value| post(&format!("{}{path}", server.url), admin, &body).unwrap();
        match self {
            Self::Keys { kid, signing } => {
                let (_, jwks) = get(&format!("{}/keys/{kid}/jwks.json", server.url));
                assert!(jwks.contains(signing), "a key of {kid} was lost: {jwks}");
            }
            Self::Revoked { kid, access } => {
                let (_, answer) = call("/verify_token", json!({"kid": kid, "auth_token": access}));
                assert_eq!(answer["reason"], "revoked", "a revocation was lost: {answer}");
            }
            Self::Rotated { kid, old, new } => {
                let renew = |token: &str| call("/renew_token", json!({"kid": kid, "refresh_token": token}));
                let (status, answer) = renew(new);
                assert_eq!(status, 201, "the newest generation was lost: {answer}");
                let (_, answer) = renew(old);
                assert_eq!(answer["code"], "token_reused", "a generation went back: {answer}");
            }
        }
    }
}
