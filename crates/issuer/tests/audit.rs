//! The audit trail in the log: which events it has, and that no token, claim or key is in it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use jwtis_issuer::{KeyOptions, RevokeTarget};

use crate::support::{World, id, kind, rotating};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_act_leaves_one_event_and_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let world = World::new().await;
    let access = world.client("shop", rotating()).await;
    let first = world.issue(&access, r#"{"sub":"secret-subject","note":"secret-claim"}"#);
    let second = world.renew(&access, &first.refresh_token).await.unwrap();
    world.seconds_pass(31);
    assert_eq!(kind(&world.renew(&access, &first.refresh_token).await), "reused");
    let other = world.issue(&access, "{}");
    world.issuer.revoke(&access, RevokeTarget::Token(&other.refresh_token)).await.unwrap();
    world.issuer.revoke(&access, RevokeTarget::Subject("secret-subject")).await.unwrap();
    world.issuer.revoke(&access, RevokeTarget::All).await.unwrap();
    world.issuer.renew_keys(&world.access("shop").await, KeyOptions::default()).await.unwrap();
    world.issuer.delete_client(&world.admin().await, &id("shop")).await.unwrap();
    drop(guard);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let events: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line["target"] == "jwtis::audit")
        .collect();
    let names: Vec<&str> = events.iter().map(|event| event["fields"]["event"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "admin_token_set",
            "client_registered",
            "refresh_token_reused",
            "session_revoked",
            "subject_revoked",
            "client_sessions_revoked",
            "keys_renewed",
            "client_deleted",
        ]
    );
    let reuse = &events[2];
    assert_eq!(reuse["level"], "WARN");
    assert_eq!(reuse["fields"]["client"], "shop");
    assert_eq!(reuse["fields"]["by"], "admin");
    assert_eq!(reuse["fields"]["session"], first.session.uuid().to_string());
    let secrets = [
        &first.access_token,
        &first.refresh_token,
        &second.access_token,
        &second.refresh_token,
        world.admin.secret.reveal(),
        "secret-subject",
        "secret-claim",
    ];
    for secret in secrets {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}
