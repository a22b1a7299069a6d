//! `GET /keys/{kid}`, `GET /keys/{kid}/jwks.json`, `POST /renew_keys`

use std::sync::Arc;

use axum::http::header;
use serde_json::json;

use super::support::{START, Tokens, World, head};

#[tokio::test]
async fn keys_answers_both_shapes_to_anyone() {
    let world = World::new().await;
    world.register("shop", json!({})).await;
    let answer = world.get("/keys/shop").send().await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["kid"], "shop");
    assert_eq!(body["sig"], body["pub_sig_key"]);
    assert_eq!(body["enc"], body["pub_enc_key"]);
    assert_eq!(body["expiry"], START + 4320 * 3600);
    assert_eq!((&body["valid"], &body["refresh_strategy"]), (&json!(true), &json!("noRefresh")));
    assert_eq!(body.get("client_token"), None);
    for private in ["\"d\"", "\"p\"", "\"q\""] {
        assert!(!answer.text().contains(private));
    }
}

#[tokio::test]
async fn keys_of_an_expired_set_are_not_valid() {
    let world = World::new().await;
    world.register("shop", json!({"expiry": "1h"})).await;
    world.pass(3600);
    assert_eq!(world.get("/keys/shop").send().await.json()["valid"], false);
}

#[tokio::test]
async fn keys_of_nobody_are_404() {
    let world = World::new().await;
    world.get("/keys/shop").send().await.problem(404, "unknown_kid");
    world.get("/keys/shop/jwks.json").send().await.problem(404, "unknown_kid");
    world.get("/keys/a%20b").send().await.problem(400, "invalid_kid");
}

#[tokio::test]
async fn jwks_has_the_key_that_tokens_name() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let answer = world.get("/keys/shop/jwks.json").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["use"], "sig");
    let tokens = world.issue("shop", &token, json!({})).await;
    assert_eq!(head(&tokens.auth)["kid"], keys[0]["kid"]);
}

#[tokio::test]
async fn jwks_is_sent_once() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let first = world.get("/keys/shop/jwks.json").send().await;
    let tag = first.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag} is not strong");

    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = world.get("/keys/shop/jwks.json").header(header::IF_NONE_MATCH, &known).send().await;
        assert_eq!(again.status, 304, "{known}");
        assert_eq!(again.header("etag"), Some(tag.as_str()));
        assert_eq!(again.header("cache-control"), Some("public, max-age=300"));
        assert!(again.body.is_empty());
    }

    world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send().await;
    let changed = world.get("/keys/shop/jwks.json").header(header::IF_NONE_MATCH, &tag).send().await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}

#[tokio::test]
async fn jwks_answers_head_without_a_body() {
    let world = World::new().await;
    world.register("shop", json!({})).await;
    let answer = world.call("HEAD", "/keys/shop/jwks.json").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("etag").is_some() && answer.body.is_empty());
}

#[tokio::test]
async fn point_06_renew_keys_shows_both_keys_until_the_last_old_token_has_expired() {
    let world = World::new().await;
    let options = json!({"auth_ttl": "1h", "refresh_ttl": "2h", "refresh_strategy": "refreshBoth"});
    let token = world.register("shop", options).await;
    let old = world.issue("shop", &token, json!({"sub": "u1"})).await;

    let renewed = world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send().await;
    assert_eq!(renewed.status, 201, "{}", renewed.text());
    let body = renewed.json();
    assert_eq!(body.get("client_token"), None);
    assert_ne!(body["pub_sig_key"]["kid"], head(&old.auth)["kid"]);

    let new = world.issue("shop", &token, json!({})).await;
    assert_eq!(head(&new.auth)["kid"], body["pub_sig_key"]["kid"]);
    assert!(world.is_active("shop", &token, &old.auth).await);
    assert_eq!(world.renew("shop", &token, &old.refresh).await.status, 201);

    let count =
        async || world.get("/keys/shop/jwks.json").send().await.json()["keys"].as_array().unwrap().len();
    assert_eq!(count().await, 2);
    world.pass(2 * 3600);
    assert_eq!(count().await, 2);
    world.pass(60);
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn renew_keys_keeps_what_is_left_out_and_takes_what_is_given() {
    let world = World::new().await;
    let token = world.register("shop", json!({"sig_alg": "ES384", "auth_ttl": "1h"})).await;
    let body = json!({"kid": "shop", "enc_alg": "ECDH-ES", "refresh_strategy": "refreshBoth"});
    world.post("/renew_keys", body).bearer(&world.admin).send().await;
    let shown = world.get("/clients/shop").bearer(&token).send().await.json();
    assert_eq!((&shown["sig_alg"], &shown["auth_ttl"]), (&json!("ES384"), &json!("1h0m0s")));
    assert_eq!((&shown["enc_alg"], &shown["refresh_strategy"]), (&json!("ECDH-ES"), &json!("refreshBoth")));

    let refused = json!({"kid": "shop", "sig_alg": "ES512", "sig_bits": 512});
    let detail =
        world.post("/renew_keys", refused).bearer(&token).send().await.problem(400, "invalid_member");
    assert!(detail.contains("521"), "{detail}");
    world
        .post("/renew_keys", json!({"kid": "shop", "auth_tll": "1h"}))
        .bearer(&token)
        .send()
        .await
        .problem(400, "unknown_member");
    world.post("/renew_keys", json!({})).bearer(&token).send().await.problem(400, "missing_member");
    world
        .post("/renew_keys", json!({"kid": "none"}))
        .bearer(&world.admin)
        .send()
        .await
        .problem(404, "unknown_kid");
}

#[tokio::test]
async fn renew_keys_helps_a_client_whose_keys_have_expired() {
    let world = World::new().await;
    let token = world.register("shop", json!({"expiry": "1h"})).await;
    world.pass(3600);
    world
        .post("/issue_token", json!({"kid": "shop"}))
        .bearer(&token)
        .send()
        .await
        .problem(409, "keys_expired");
    assert_eq!(world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send().await.status, 201);
    world.issue("shop", &token, json!({})).await;
}

#[tokio::test]
async fn renew_keys_refuses_more_sets_than_a_ring_holds() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let mut last = world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send().await;
    for _ in 0..16 {
        last = world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send().await;
    }
    last.problem(409, "too_many_key_sets");
    world.issue("shop", &token, json!({})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn point_06_renewing_keys_under_load_fails_no_request() {
    let world = Arc::new(World::new().await);
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let users = (0..4).map(|user| {
        let (world, token) = (Arc::clone(&world), token.clone());
        tokio::spawn(async move {
            for _ in 0..12 {
                let issued = world.issue("shop", &token, json!({ "sub": format!("u{user}") })).await;
                let renewed = Tokens::of(&world.renew("shop", &token, &issued.refresh).await);
                assert!(world.is_active("shop", &token, &issued.auth).await);
                assert!(world.is_active("shop", &token, &renewed.auth).await);
            }
        })
    });
    let users: Vec<_> = users.collect();
    for _ in 0..12 {
        let renewed = world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send().await;
        assert_eq!(renewed.status, 201, "{}", renewed.text());
    }
    for user in users {
        user.await.unwrap();
    }
}

#[tokio::test]
async fn renew_keys_by_the_client_stays_within_its_registration() {
    let world = World::new().await;
    let token = world.register("shop", json!({"auth_ttl": "1h"})).await;
    for more in [
        json!({"auth_ttl": "2h"}),
        json!({"refresh_ttl": "721h"}),
        json!({"expiry": "4321h"}),
        json!({"issuer": "bank"}),
        json!({"audience": "bank"}),
        json!({"sig_alg": "RS256"}),
        json!({"enc_alg": "RSA-OAEP-256"}),
        json!({"cont_enc": "A128GCM"}),
    ] {
        let mut body = json!({"kid": "shop"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refused = world.post("/renew_keys", body.clone()).bearer(&token).send().await;
        let detail = refused.problem(403, "not_granted");
        assert!(
            more.as_object().unwrap().keys().all(|member| detail.starts_with(member.as_str())),
            "{detail}"
        );
    }
    let less =
        json!({"kid": "shop", "auth_ttl": "30m", "refresh_strategy": "refreshBoth", "sig_alg": "EdDSA"});
    assert_eq!(world.post("/renew_keys", less).bearer(&token).send().await.status, 201);
    let more = json!({"kid": "shop", "auth_ttl": "2h", "issuer": "bank"});
    assert_eq!(world.post("/renew_keys", more).bearer(&world.admin).send().await.status, 201);
    assert_eq!(
        world
            .post("/renew_keys", json!({"kid": "shop", "auth_ttl": "2h"}))
            .bearer(&token)
            .send()
            .await
            .status,
        201
    );
}
