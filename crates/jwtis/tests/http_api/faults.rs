//! What callers hear when the store fails, hangs, or is full.

use std::time::Duration;

use axum::http::Method;
use jwtis::http::Limits;
use jwtis_core::IssuerSettings;
use jwtis_store::testing::Fault;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn a_store_that_cannot_be_written_is_503_and_nothing_has_changed() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    for fault in [Fault::Unavailable, Fault::Full] {
        for call in [
            world.post("/register/new", json!({})).bearer(&world.admin),
            world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token),
            world
                .post("/renew_token", json!({"kid": "shop", "refresh_token": issued.refresh}))
                .bearer(&token),
            world.post("/revoke_token", json!({"kid": "shop", "id": issued.id})).bearer(&token),
            world.post("/revoke_token", json!({"kid": "shop", "all": true})).bearer(&token),
            world.call(Method::DELETE, "/clients/shop").bearer(&world.admin),
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
    let limits = Limits { request_timeout: Duration::from_millis(30), ..Limits::default() };
    let world = World::with_limits(IssuerSettings::default(), &limits).await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    world.backend.hang_commits();
    let answer = world.renew("shop", &token, &issued.refresh).await;
    answer.problem(503, "timeout");
    assert!(answer.header("retry-after").is_some());
    world.backend.release();
    assert_eq!(world.renew("shop", &token, &issued.refresh).await.status, 201);
}
