//! The audit trail in the store: each change leaves one record in its own commit, and nothing else leaves one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod support;

use std::sync::Arc;

use jwtis_base::audit::{AuditPage, NumberedRecord};
use jwtis_base::{BearerSecret, SecretKind};
use jwtis_issuer::{
    IssuerSettings, KeyOptions, RefreshStrategy, RevokeTarget, TokenSet, reset_kept_clock, session_floor,
};
use jwtis_store::MemoryBackend;
use jwtis_store::testing::{Fault, Faulty, store_over};
use serde_json::json;
use support::{START, World, id, kind};

/// A world with a client and a session, after what the acts need.
struct Stage {
    world: World,
    backend: Arc<Faulty<MemoryBackend>>,
    tokens: TokenSet,
}

impl Stage {
    async fn new() -> Self {
        let backend = Faulty::new(MemoryBackend::new());
        let world = World::with(store_over(backend.clone()), IssuerSettings::default()).await;
        let options =
            KeyOptions { refresh_strategy: Some(RefreshStrategy::RefreshBoth), ..KeyOptions::default() };
        let access = world.client("shop", options).await;
        let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
        Self { world, backend, tokens }
    }

    /// What must be so before the act; it leaves records of its own.
    async fn prepare(&self, act: &str) {
        match act {
            "client_enabled" => assert!(self.act("client_disabled").await),
            "refresh_token_reused" => {
                let access = self.world.access("shop").await;
                self.world.renew(&access, &self.tokens.refresh_token).await.unwrap();
                self.world.seconds_pass(31);
            }
            _ => {}
        }
    }

    /// Does what leaves this event. Says whether it was done.
    async fn act(&self, event: &str) -> bool {
        let Self { world, tokens, .. } = self;
        let issuer = &world.issuer;
        let admin = issuer.admin(Some(&world.admin)).await.unwrap();
        let revoke = async |target| issuer.revoke(&world.access("shop").await, target).await.is_ok();
        match event {
            "admin_token_set" => {
                let secret = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
                issuer.set_admin_token(&secret).await.is_ok()
            }
            "client_registered" => {
                let access = issuer.registration(Some(&world.admin)).await.unwrap();
                issuer.register(&access, id("other"), KeyOptions::default()).await.is_ok()
            }
            "keys_renewed" => {
                issuer.renew_keys(&world.access("shop").await, KeyOptions::default()).await.is_ok()
            }
            "client_disabled" => issuer.switch_client(&admin, &id("shop"), false).await.is_ok(),
            "client_enabled" => issuer.switch_client(&admin, &id("shop"), true).await.is_ok(),
            "session_revoked" => revoke(RevokeTarget::Token(&tokens.access_token)).await,
            "subject_revoked" => revoke(RevokeTarget::Subject("u1")).await,
            "client_sessions_revoked" => revoke(RevokeTarget::All).await,
            "refresh_token_reused" => {
                let renewed = world.renew(&world.access("shop").await, &tokens.refresh_token).await;
                kind(&renewed) == "reused"
            }
            "client_deleted" => issuer.delete_client(&admin, &id("shop")).await.is_ok(),
            "clock_reset" => reset_kept_clock(issuer.store(), START).await.is_ok(),
            other => panic!("no act {other}"),
        }
    }

    async fn trail(&self) -> Vec<NumberedRecord> {
        AuditPage::of(self.world.issuer.store(), 0, 1000).await.unwrap().records
    }
}

const EVENTS: [&str; 11] = [
    "admin_token_set",
    "client_registered",
    "keys_renewed",
    "client_disabled",
    "client_enabled",
    "session_revoked",
    "subject_revoked",
    "client_sessions_revoked",
    "refresh_token_reused",
    "client_deleted",
    "clock_reset",
];

#[tokio::test]
async fn each_change_leaves_one_record_in_its_own_commit() {
    for event in EVENTS {
        let stage = Stage::new().await;
        stage.prepare(event).await;
        let (before, commits) = (stage.trail().await, stage.backend.commits());
        assert!(stage.act(event).await, "{event}");
        assert_eq!(
            stage.backend.commits(),
            commits + 1,
            "{event}: there was one commit, so the record is in it"
        );
        let trail = stage.trail().await;
        assert_eq!(trail[..before.len()], before, "{event}");
        let [record] = &trail[before.len()..] else { panic!("{event}: {trail:?}") };
        assert_eq!(record.record.event(), event);
        assert_eq!(record.number, before.last().unwrap().number + 1, "{event}");
        assert_eq!(record.record.at(), stage.world.issuer.env().now().min(record.record.at()), "{event}");
    }
}

#[tokio::test]
async fn a_change_that_was_not_made_leaves_none() {
    for event in EVENTS {
        for fault in Fault::NOT_WRITTEN {
            let stage = Stage::new().await;
            stage.prepare(event).await;
            let before = stage.trail().await;
            stage.backend.fail_commit(1, fault);
            assert!(!stage.act(event).await, "{event}, {fault:?}");
            assert_eq!(stage.trail().await, before, "{event}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_change_that_is_tried_again_after_a_conflict_leaves_one() {
    for event in ["keys_renewed", "client_disabled", "session_revoked", "client_deleted"] {
        let stage = Stage::new().await;
        let before = stage.trail().await.len();
        stage.backend.conflict_once();
        assert!(stage.act(event).await, "{event}");
        assert_eq!(stage.trail().await.len(), before + 1, "{event}");
    }
}

#[tokio::test]
async fn what_is_refused_or_changes_nothing_leaves_none() {
    let stage = Stage::new().await;
    assert!(stage.act("client_disabled").await && stage.act("session_revoked").await);
    let before = stage.trail().await;
    assert!(stage.act("client_disabled").await, "it is disabled already");
    assert!(stage.act("session_revoked").await, "it is revoked already");
    let access = stage.world.issuer.registration(Some(&stage.world.admin)).await.unwrap();
    stage.world.issuer.register(&access, id("shop"), KeyOptions::default()).await.unwrap_err();
    assert_eq!(stage.trail().await, before);
}

#[tokio::test]
async fn issuing_verifying_and_renewing_leave_none() {
    let Stage { world, backend, tokens } = Stage::new().await;
    let stage = Stage { world, backend, tokens };
    let before = stage.trail().await;
    let access = stage.world.access("shop").await;
    let more = stage.world.issue(&access, r#"{"sub":"u2"}"#);
    assert_eq!(stage.world.status(&access, &more.access_token).await, "active");
    stage.world.renew(&access, &more.refresh_token).await.unwrap();
    assert_eq!(stage.trail().await, before);
}

#[tokio::test]
async fn an_accepted_rollback_leaves_a_record() {
    let world = World::new().await;
    let store = world.issuer.store();
    jwtis_base::rollback::begin(store, jwtis_store::RollbackCause::Restored).await.unwrap();
    assert!(session_floor::accept(store, START, true).await.unwrap());
    let trail = AuditPage::of(store, 0, 1000).await.unwrap();
    let last = serde_json::to_value(trail.records.last().unwrap()).unwrap();
    let wanted = json!({
        "number": trail.last, "at_ms": START.millis(), "event": "rollback_accepted", "by": "operator",
        "cause": "restored", "keep_sessions": true,
    });
    assert_eq!(last, wanted);
}

#[tokio::test]
async fn a_record_says_who_and_what_and_no_secret() {
    let stage = Stage::new().await;
    assert!(stage.act("subject_revoked").await && stage.act("session_revoked").await);
    let trail = stage.trail().await;
    let shown: Vec<serde_json::Value> =
        trail.iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    let at_ms = START.millis();
    assert_eq!(
        shown,
        [
            json!({ "number": 1, "at_ms": at_ms, "event": "admin_token_set", "by": "operator" }),
            json!({ "number": 2, "at_ms": at_ms, "event": "client_registered", "by": "admin", "client": "shop" }),
            json!({ "number": 3, "at_ms": at_ms, "event": "subject_revoked", "by": "admin", "client": "shop" }),
            json!({
                "number": 4, "at_ms": at_ms, "event": "session_revoked", "by": "admin", "client": "shop",
                "session": stage.tokens.session.uuid().to_string(),
            }),
        ]
    );
}
