//! Every change: it leaves one audit record in its own commit. A change that the store refuses leaves nothing, and can be tried again.

use jwtis_base::audit::{AuditPage, NumberedRecord};
use jwtis_base::{BearerSecret, SecretKind};
use jwtis_issuer::clock::KeptClock;
use jwtis_issuer::{KeyOptions, TokenSet, Verification, reset_kept_clock, session_floor};
use jwtis_store::testing::Fault;
use jwtis_testkit::issuer::{START, StoreDouble, World, id, kind};
use jwtis_testkit::log::Log;
use serde_json::{Value, json};

/// A world with a client and a session, after what the acts need.
struct Stage {
    world: World,
    backend: StoreDouble,
    tokens: TokenSet,
}

impl Stage {
    async fn new() -> Self {
        let (world, backend, _, tokens) = World::faulty().await;
        Self { world, backend, tokens }
    }

    /// A stage on which the act can be done.
    async fn before(act: &str) -> Self {
        let stage = Self::new().await;
        match act {
            "client_enabled" => assert!(stage.act("client_disabled").await),
            "refresh_token_reused" => {
                let access = stage.world.access("shop").await;
                stage.world.renew(&access, &stage.tokens.refresh_token).await.unwrap();
                stage.world.seconds_pass(31);
            }
            _ => {}
        }
        stage
    }

    /// Does what leaves this event. Says whether it was done.
    async fn act(&self, event: &str) -> bool {
        let Self { world, tokens, .. } = self;
        let issuer = &world.issuer;
        let admin = world.admin().await;
        let access = world.access("shop").await;
        match event {
            "admin_token_set" => {
                let secret = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
                issuer.set_admin_token(&secret).await.is_ok()
            }
            "client_registered" => {
                let access = issuer.registration(Some(&world.admin)).await.unwrap();
                issuer.register(&access, id("other"), KeyOptions::default()).await.is_ok()
            }
            "keys_renewed" => issuer.renew_keys(&access, KeyOptions::default()).await.is_ok(),
            "client_disabled" => issuer.switch_client(&admin, &id("shop"), false).await.is_ok(),
            "client_enabled" => issuer.switch_client(&admin, &id("shop"), true).await.is_ok(),
            "session_revoked" => world.revoke(&access, "auth_token", tokens).await.is_ok(),
            "subject_revoked" => world.revoke(&access, "sub", tokens).await.is_ok(),
            "client_sessions_revoked" => world.revoke(&access, "all", tokens).await.is_ok(),
            "refresh_token_reused" => kind(&world.renew(&access, &tokens.refresh_token).await) == "reused",
            "client_deleted" => issuer.delete_client(&admin, &id("shop")).await.is_ok(),
            "clock_reset" => reset_kept_clock(issuer.store(), START).await.is_ok(),
            other => panic!("no act {other}"),
        }
    }

    async fn trail(&self) -> Vec<NumberedRecord> {
        AuditPage::of(self.world.issuer.store(), 0, 1000).await.unwrap().records
    }

    /// All that an act can change.
    async fn seen(&self) -> String {
        let issuer = &self.world.issuer;
        let admin = issuer.admin(Some(&self.world.admin)).await.is_ok();
        let other = issuer.public_client(&id("other")).await.unwrap().is_some();
        let shop = issuer.public_client(&id("shop")).await.unwrap();
        let shop = shop.map(|shop| (shop.keys().entries().len(), shop.is_disabled()));
        let token = issuer.verify_as(&id("shop"), None, &self.tokens.access_token).await.unwrap();
        let active = matches!(token, Some(Verification::Active { .. }));
        let clock = KeptClock::of(issuer.store()).await.unwrap();
        format!("{admin} {other} {shop:?} {active} {clock:?}")
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
        let stage = Stage::before(event).await;
        let (before, commits, seen) = (stage.trail().await, stage.backend.commits(), stage.seen().await);
        assert!(stage.act(event).await, "{event}");
        assert_eq!(
            stage.backend.commits(),
            commits + 1,
            "{event}: the record is in the commit of the change"
        );
        let trail = stage.trail().await;
        assert_eq!(trail[..before.len()], before, "{event}");
        let [record] = &trail[before.len()..] else { panic!("{event}: {trail:?}") };
        assert_eq!(record.record.event(), event);
        assert_eq!(record.number, before.last().unwrap().number + 1, "{event}");
        assert_ne!(stage.seen().await, seen, "{event}");
    }
}

#[tokio::test]
async fn a_change_that_the_store_refuses_changes_nothing_and_can_be_tried_again() {
    for event in EVENTS {
        for fault in Fault::NOT_WRITTEN {
            let stage = Stage::before(event).await;
            let before = (stage.trail().await, stage.seen().await);
            stage.backend.fail_commit(1, fault);
            assert!(!stage.act(event).await, "{event}, {fault:?}");
            assert_eq!((stage.trail().await, stage.seen().await), before, "{event}, {fault:?}");
            assert!(stage.act(event).await, "{event}, {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_change_that_is_tried_again_after_a_conflict_leaves_one_record() {
    for event in [
        "keys_renewed",
        "client_disabled",
        "session_revoked",
        "client_sessions_revoked",
        "refresh_token_reused",
        "client_deleted",
    ] {
        let stage = Stage::before(event).await;
        let before = stage.trail().await.len();
        stage.backend.conflict_once();
        assert!(stage.act(event).await, "{event}");
        assert_eq!(stage.trail().await.len(), before + 1, "{event}");
    }
}

#[tokio::test]
async fn no_record_of_what_is_refused_or_changes_nothing_or_is_not_audited() {
    let stage = Stage::new().await;
    assert!(stage.act("client_disabled").await && stage.act("session_revoked").await);
    let before = stage.trail().await;
    assert!(stage.act("client_disabled").await, "it is disabled already");
    assert!(stage.act("session_revoked").await, "it is revoked already");
    let access = stage.world.issuer.registration(Some(&stage.world.admin)).await.unwrap();
    stage.world.issuer.register(&access, id("shop"), KeyOptions::default()).await.unwrap_err();
    assert_eq!(stage.trail().await, before);

    let stage = Stage::new().await;
    let (before, access) = (stage.trail().await, stage.world.access("shop").await);
    let more = stage.world.issue(&access, r#"{"sub":"u2"}"#);
    assert_eq!(stage.world.status(&access, &more.access_token).await, "active");
    stage.world.renew(&access, &more.refresh_token).await.unwrap();
    assert_eq!(stage.trail().await, before, "issuing, verifying and renewing");
}

#[tokio::test]
async fn a_record_says_who_and_what_and_no_secret() {
    let stage = Stage::new().await;
    assert!(stage.act("subject_revoked").await && stage.act("session_revoked").await);
    let store = stage.world.issuer.store();
    jwtis_base::rollback::begin(store, jwtis_store::RollbackCause::Restored).await.unwrap();
    assert!(session_floor::accept(store, START, true).await.unwrap());
    let shown: Vec<_> =
        stage.trail().await.iter().map(|record| serde_json::to_value(record).unwrap()).collect();
    let session = stage.tokens.session.uuid().to_string();
    let wanted = [
        json!({ "event": "admin_token_set", "by": "operator" }),
        json!({ "event": "client_registered", "by": "admin", "client": "shop" }),
        json!({ "event": "subject_revoked", "by": "admin", "client": "shop" }),
        json!({ "event": "session_revoked", "by": "admin", "client": "shop", "session": session }),
        json!({ "event": "rollback_accepted", "by": "operator", "cause": "restored", "keep_sessions": true }),
    ];
    assert_eq!(shown.len(), wanted.len());
    for (number, (shown, mut wanted)) in shown.into_iter().zip(wanted).enumerate() {
        wanted["number"] = json!(number + 1);
        wanted["at_ms"] = json!(START.millis());
        assert_eq!(shown, wanted);
    }
}

/// But for the reset of the clock, which the command line reports.
#[tokio::test]
async fn each_change_writes_one_log_line_and_no_secret() {
    let log = Log::default();
    let _guard = log.listen("trace");
    for event in EVENTS.into_iter().filter(|event| *event != "clock_reset") {
        let stage = Stage::before(event).await;
        let before = log.text().len();
        assert!(stage.act(event).await, "{event}");
        let log = log.text();
        let lines = log[before..].lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines: Vec<Value> = lines.filter(|line| line["target"] == "jwtis::audit").collect();
        let [line] = &lines[..] else { panic!("{event}: {lines:?}") };
        assert_eq!(line["fields"]["event"], event);
        assert_eq!(line["level"] == "WARN", event == "refresh_token_reused", "{event}");
        if event == "refresh_token_reused" {
            assert_eq!((&line["fields"]["client"], &line["fields"]["by"]), (&json!("shop"), &json!("admin")));
            assert_eq!(line["fields"]["session"], stage.tokens.session.uuid().to_string());
        }
        let Stage { world, tokens, .. } = stage;
        let admin = world.admin.secret.reveal();
        for secret in [&tokens.access_token, &tokens.refresh_token, admin, "\"u1\"", r#"\"u1\""#] {
            assert!(!log.contains(secret), "{event}: a secret is in the log");
        }
    }
}
