//! Revocations that must hold whatever else happens: clocks that step, keys that change, clients that are deleted, housekeeping.

use jwtis_base::{SessionId, Timestamp};
use jwtis_issuer::{KeyOptions, RevokeError, RevokeTarget};
use jwtis_store::{Backend as _, Batch, Expect, Write};
use jwtis_testkit::issuer::{START, World, id, kind, lives, rotating};

const MARKS: [&str; 2] = ["all", "sub"];

#[tokio::test]
async fn a_revocation_reaches_sessions_opened_before_the_clock_stepped_back() {
    for mark in MARKS {
        let world = World::new().await;
        let access = world.client("shop", KeyOptions::default()).await;
        let before = world.issue(&access, r#"{"sub":"u1"}"#);
        world.clock.set(Timestamp::from_millis(START.millis() - 500));
        world.revoke(&access, mark, &before).await.unwrap();
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &before.access_token).await, "revoked");
        let after = world.issue(&access, r#"{"sub":"u1"}"#);
        assert_eq!(world.status(&access, &after.access_token).await, "active");
        assert_eq!(kind(&world.renew(&access, &before.refresh_token).await), "revoked");
    }
}

#[tokio::test]
async fn one_client_s_many_revocations_do_not_touch_another_client_after_a_restart() {
    let world = World::new().await;
    let busy = world.client("busy", KeyOptions::default()).await;
    let shop = world.client("shop", KeyOptions::default()).await;
    for _ in 0..2000 {
        world.issuer.revoke(&busy, RevokeTarget::Subject("x")).await.unwrap();
    }
    world.issuer.revoke(&shop, RevokeTarget::Subject("u1")).await.unwrap();
    let restarted = world.restarted(1).await;
    let shop = restarted.access("shop").await;
    let fresh = restarted.issue(&shop, r#"{"sub":"u1"}"#);
    assert_eq!(restarted.status(&shop, &fresh.access_token).await, "active");
}

#[tokio::test]
async fn a_mark_moves_forward_only() {
    for mark in MARKS {
        let world = World::new().await;
        let access = world.client("shop", KeyOptions::default()).await;
        let before = world.issue(&access, r#"{"sub":"u1"}"#);
        world.revoke(&access, mark, &before).await.unwrap();
        let between = world.issue(&world.access("shop").await, r#"{"sub":"u1"}"#);
        world.revoke(&access, mark, &between).await.unwrap();
        // The process that remembered its sessions is gone, and the clock has stepped back.
        let restarted = world.restarted(0).await;
        restarted.set(-5);
        restarted.revoke(&restarted.access("shop").await, mark, &between).await.unwrap();
        restarted.set(0);
        let access = restarted.access("shop").await;
        assert_eq!(restarted.status(&access, &between.access_token).await, "revoked");
    }
}

#[tokio::test]
async fn a_revocation_outlives_tokens_made_under_longer_lives_since() {
    for target in ["auth_token", "sub"] {
        let world = World::new().await;
        let before = world.client("shop", lives(1, 1)).await;
        let first = world.issue(&before, r#"{"sub":"u1"}"#);
        world.issuer.renew_keys(&before, lives(720, 720)).await.unwrap();
        let now = world.access("shop").await;
        let long = world.renew(&now, &first.refresh_token).await.unwrap();
        // The request that revokes has read the client before the keys were renewed.
        world.revoke(&before, target, &first).await.unwrap();
        world.seconds_pass(27 * 3600);
        world.housekeeping().await.unwrap();
        assert_eq!(world.status(&now, &long.access_token).await, "revoked");
    }
}

#[tokio::test]
async fn a_repeated_answer_under_longer_lives_extends_the_record() {
    let world = World::new().await;
    let options = KeyOptions { refresh_strategy: rotating().refresh_strategy, ..lives(1, 1) };
    let access = world.client("shop", options).await;
    let first = world.issue(&access, "{}");
    world.renew(&access, &first.refresh_token).await.unwrap();
    world.issuer.renew_keys(&access, lives(720, 720)).await.unwrap();
    let access = world.access("shop").await;
    let repeated = world.renew(&access, &first.refresh_token).await.unwrap();
    world.seconds_pass(100 * 3600);
    world.housekeeping().await.unwrap();
    assert_eq!(kind(&world.renew(&access, &repeated.refresh_token).await), "renewed");
}

#[tokio::test]
async fn a_request_of_a_deleted_client_does_not_touch_its_successor() {
    for mark in MARKS {
        let world = World::new().await;
        let old = world.client("shop", KeyOptions::default()).await;
        world.issuer.delete_client(&world.admin().await, &id("shop")).await.unwrap();
        let new = world.client("shop", KeyOptions::default()).await;
        let tokens = world.issue(&new, r#"{"sub":"u1"}"#);
        world.revoke(&old, mark, &tokens).await.unwrap();
        let new = world.access("shop").await;
        assert_eq!(world.status(&new, &tokens.access_token).await, "active");
        assert!(world.issuer.renew_keys(&old, KeyOptions::default()).await.is_err());
        assert_eq!(world.access("shop").await.client().keys().entries().len(), 1);
    }
}

#[tokio::test]
async fn keys_survive_a_clock_that_ran_ahead_during_housekeeping() {
    let world = World::new().await;
    let access = world.client("shop", lives(1, 10)).await;
    let tokens = world.issue(&access, "{}");
    world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
    world.seconds_pass(11 * 3600);
    world.housekeeping().await.unwrap();
    assert_eq!(world.status(&world.access("shop").await, &tokens.access_token).await, "unknown_key");
    world.clock.set(START);
    assert_eq!(world.status(&world.access("shop").await, &tokens.access_token).await, "active");
}

#[tokio::test]
async fn one_damaged_client_does_not_keep_the_others_from_being_tidied() {
    let (world, backend, access, tokens) = World::faulty().await;
    world.revoke(&access, "auth_token", &tokens).await.unwrap();
    let (key, mut record) = backend.scan(1, None, 10).await.unwrap().remove(0);
    let version = record.version;
    record.sealed[30] ^= 1;
    let mut batch = Batch::new();
    batch.write(key, Expect::Version(version), Write::Put(record));
    backend.commit(batch).await.unwrap();
    world.seconds_pass(10_000 * 3600);
    world.housekeeping().await.unwrap();
    assert!(backend.scan(2, None, 10).await.unwrap().is_empty(), "the session's record has gone");
}

#[tokio::test]
async fn a_session_that_nobody_can_have_opened_makes_no_record() {
    let (world, backend, access, _) = World::faulty().await;
    let future = SessionId::new(jwtis_testkit::issuer::after(61), &[1; 10]).uuid().to_string();
    let outcome = world.issuer.revoke(&access, RevokeTarget::Session(&future)).await;
    assert!(matches!(outcome, Err(RevokeError::SessionFromFuture)), "{outcome:?}");
    assert!(backend.scan(2, None, 10).await.unwrap().is_empty());
}
