//! What callers hear when the store fails, hangs, or is full.

use std::time::Duration;

use jwtis::http::Limits;
use jwtis_issuer::IssuerSettings;
use jwtis_store::Table;
use jwtis_store::testing::Fault;
use serde_json::json;

use super::support::{Call, Tokens, World};

#[tokio::test]
async fn a_store_that_cannot_be_written_is_503_and_nothing_has_changed() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    for fault in [Fault::Unavailable, Fault::Full, Fault::ReadOnly] {
        for call in [
            world.post("/register/new", json!({})).bearer(&world.admin),
            world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token),
            world
                .post("/renew_token", json!({"kid": "shop", "refresh_token": issued.refresh}))
                .bearer(&token),
            world.post("/revoke_token", json!({"kid": "shop", "id": issued.id})).bearer(&token),
            world.post("/revoke_token", json!({"kid": "shop", "all": true})).bearer(&token),
            world.call("DELETE", "/clients/shop").bearer(&world.admin),
        ] {
            world.backend.fail_commit(1, fault);
            let answer = call.send().await;
            answer.problem(503, "store_unavailable");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
    }
    assert_eq!(world.get("/keys/new").send().await.status, 404);
    assert!(world.is_active("shop", &token, &issued.auth).await);
    assert_eq!(world.renew("shop", &token, &issued.refresh).await.status, 201);
}

#[tokio::test]
async fn a_store_that_cannot_tell_is_503_and_the_same_request_decides() {
    for fault in Fault::UNKNOWN {
        let world = World::new().await;
        let done = fault != Fault::UnknownNotDone;
        let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
        // The store has a table of sessions already: the first commit of one is two, if somebody else has made it.
        let other = world.issue("shop", &token, json!({})).await;
        assert_eq!(world.renew("shop", &token, &other.refresh).await.status, 201);
        let issued = world.issue("shop", &token, json!({})).await;
        let twice = async |call: &dyn Fn() -> Call| {
            world.backend.fail_commit(1, fault);
            let answer = call().send().await;
            answer.problem(503, "outcome_unknown");
            assert_eq!(answer.header("retry-after"), Some("1"));
            call().send().await
        };
        let admin = &world.admin;
        let again = twice(&|| world.post("/register/new", json!({})).bearer(admin)).await;
        assert_eq!(again.status, if done { 409 } else { 201 }, "{fault:?}");
        let renewal = json!({"kid": "shop", "refresh_token": issued.refresh});
        let again = twice(&|| world.post("/renew_token", renewal.clone()).bearer(&token)).await;
        assert_eq!(again.status, 201, "{fault:?}");
        let revocation = json!({"kid": "shop", "id": issued.id});
        let again = twice(&|| world.post("/revoke_token", revocation.clone()).bearer(&token)).await;
        assert_eq!(again.status, 200, "{fault:?}");
        assert!(!world.is_active("shop", &token, &issued.auth).await, "{fault:?}");
        let again = twice(&|| world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token)).await;
        assert_eq!(again.status, 201, "{fault:?}");
        let again = twice(&|| world.call("DELETE", "/clients/shop").bearer(admin)).await;
        assert_eq!(again.status, if done { 404 } else { 204 }, "{fault:?}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_gives_no_verdict() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    for (fault, status, code) in
        [(Fault::Unavailable, 503, "store_unavailable"), (Fault::Damaged, 500, "internal")]
    {
        world.backend.fail_read(1, fault);
        let body = json!({"kid": "shop", "auth_token": issued.auth});
        world.post("/verify_token", body).bearer(&token).send().await.problem(status, code);
        world.backend.fail_read(1, fault);
        world.renew("shop", &token, &issued.refresh).await.problem(status, code);
        world.backend.fail_read(1, fault);
        world.get("/keys/other").send().await.problem(status, code);
        world.backend.fail_read(1, fault);
        world.get("/clients").bearer(&world.admin).send().await.problem(status, code);
    }
}

#[tokio::test]
async fn issuing_needs_no_store() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    world.issue("shop", &token, json!({})).await;
    let (reads, commits) = (world.backend.reads(), world.backend.commits());
    world.issue("shop", &token, json!({})).await;
    assert_eq!((world.backend.reads(), world.backend.commits()), (reads, commits));
}

#[tokio::test]
async fn a_store_that_hangs_is_given_up_in_time() {
    let limits = Limits { request_timeout: Duration::from_millis(400), ..Limits::default() };
    let world = World::with_limits(IssuerSettings::default(), &limits).await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    world.backend.hang_commits();
    let answer = world.renew("shop", &token, &issued.refresh).await;
    answer.problem(503, "timeout");
    assert!(answer.header("retry-after").is_some());
    assert!(world.is_active("shop", &token, &issued.auth).await, "who only reads is not kept waiting");
    assert_eq!(world.get("/keys/shop/jwks.json").send().await.status, 200);
    world.backend.release();
    assert_eq!(world.renew("shop", &token, &issued.refresh).await.status, 201);
}

#[tokio::test]
async fn of_two_rotations_at_once_one_is_409() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let before = world.backend.commits();
    world.backend.hang_commits();
    let rotate = || tokio::spawn(world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send());
    let (one, other) = (rotate(), rotate());
    while world.backend.commits() < before + 2 {
        tokio::task::yield_now().await;
    }
    world.backend.release();
    let mut answers = [one.await.unwrap(), other.await.unwrap()];
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 201);
    answers[1].problem(409, "concurrent_change");
    let keys = world.get("/keys/shop").send().await.json();
    assert_eq!(keys["pub_sig_key"], answers[0].json()["pub_sig_key"]);
}

#[tokio::test]
async fn a_renewal_that_loses_every_race_is_503() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    (1..=16).for_each(|number| world.backend.fail_commit(number, Fault::Conflict));
    world.renew("shop", &token, &issued.refresh).await.problem(503, "contended");
    assert_eq!(world.renew("shop", &token, &issued.refresh).await.status, 201);
}

#[tokio::test]
async fn a_session_that_the_store_has_forgotten_is_403() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    let renewed = Tokens::of(&world.renew("shop", &token, &issued.refresh).await);
    // As after restoring a backup from before the renewal.
    let sessions = Table { id: 2, name: "sessions", time_ordered: true };
    let swept = world.issuer.store().sweep(&sessions, u64::MAX - 1, None, 10).await.unwrap();
    assert_eq!(swept.deleted, 1);
    world.renew("shop", &token, &renewed.refresh).await.problem(403, "session_unknown");
}

#[tokio::test]
async fn rsa_keys_beyond_the_queue_are_429() {
    let world = World::new().await;
    let mut calls: Vec<_> = (0..18)
        .map(|number| {
            let call = world.post(&format!("/register/shop-{number}"), json!({"sig_alg": "RS256"}));
            tokio::spawn(call.bearer(&world.admin).send())
        })
        .collect();
    // The queue takes 17; the last one hears at once that it is full, and the others need not be waited for.
    let last = calls.pop().unwrap();
    let answer = last.await.unwrap();
    answer.problem(429, "busy");
    assert_eq!(answer.header("retry-after"), Some("5"));
    calls.iter().for_each(|call| call.abort());
}
