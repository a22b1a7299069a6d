//! `GET /clients`, `GET /clients/{kid}`, `DELETE /clients/{kid}`, `GET /store/backup`, `GET /`

use std::collections::BTreeSet;

use jwtis::http::{Limits, issuer};
use jwtis_base::env::Env;
use jwtis_base::{BearerSecret, SecretKind};
use jwtis_issuer::{Issuer, IssuerSettings, RefreshStrategy};
use jwtis_store::{KdfParams, Password};
use serde_json::{Value, json};

use super::support::{START, World};

#[tokio::test]
async fn root_greets() {
    let world = World::new().await;
    let answer = world.get("/").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().starts_with("jwtis "), "{}", answer.text());
}

#[tokio::test]
async fn show_tells_everything_but_secrets() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let keys = world.get("/keys/shop").send().await.json();
    let shown = world.get("/clients/shop").bearer(&token).send().await.json();
    let notice = RefreshStrategy::NoRefresh.notice();
    let wanted = json!({
        "kid": "shop", "registration": shown["registration"], "notice": notice, "created_at": START, "disabled": false, "expiry": START + 4320 * 3600, "valid": true,
        "sig_alg": "ES256", "sig_bits": 256, "enc_alg": "ECDH-ES+A256KW", "enc_bits": 256, "cont_enc": "A256GCM",
        "auth_ttl": "72h0m0s", "refresh_ttl": "720h0m0s", "refresh_strategy": "noRefresh", "issuer": "shop", "audience": [],
        "key_sets": [{
            "sig_kid": keys["sig"]["kid"], "enc_kid": keys["enc"]["kid"], "state": "active", "expiry": START + 4320 * 3600,
        }],
    });
    assert_eq!(shown, wanted);
    assert!(shown["registration"].as_str().unwrap().parse::<jwtis_base::RegistrationId>().is_ok());

    world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send().await;
    let sets = world.get("/clients/shop").bearer(&world.admin).send().await.json()["key_sets"].clone();
    assert_eq!((&sets[0]["state"], &sets[1]["state"]), (&json!("active"), &json!("retiring")));
    assert_eq!(sets[1]["until"], START + 720 * 3600 + 60);
}

#[tokio::test]
async fn list_is_paged_and_meets_every_client_once() {
    let world = World::new().await;
    let all: BTreeSet<String> = (0..7).map(|number| format!("client-{number}")).collect();
    for kid in &all {
        world.register(kid, json!({})).await;
    }
    let (mut met, mut pages, mut path) = (Vec::new(), 0, "/clients?limit=3".to_owned());
    loop {
        let page = world.get(&path).bearer(&world.admin).send().await.json();
        pages += 1;
        met.extend(
            page["clients"]
                .as_array()
                .unwrap()
                .iter()
                .map(|client| client["kid"].as_str().unwrap().to_owned()),
        );
        match &page["next"] {
            Value::String(next) => path = format!("/clients?limit=3&after={next}"),
            _ => break,
        }
    }
    assert!((3..=4).contains(&pages), "{pages}");
    assert_eq!(met.len(), 7);
    assert_eq!(met.into_iter().collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn the_largest_page_is_as_large_as_promised_and_is_the_default() {
    let world = World::new().await;
    for number in 0..101 {
        world.register(&format!("client-{number}"), json!({"sig_alg": "EdDSA"})).await;
    }
    for path in ["/clients", "/clients?limit=100"] {
        let page = world.get(path).bearer(&world.admin).send().await.json();
        assert_eq!(page["clients"].as_array().unwrap().len(), 100, "{path}");
        assert!(page["next"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn list_refuses_a_query_that_it_does_not_understand() {
    let world = World::new().await;
    for query in
        ["limit=0", "limit=101", "limit=many", "limit=-1", "after=%00", "after=nonsense", "limit=1&limit=2"]
    {
        let answer = world.get(&format!("/clients?{query}")).bearer(&world.admin).send().await;
        let detail = answer.problem(400, "invalid_query");
        let about_limit = query.starts_with("limit=0") || query.starts_with("limit=101");
        assert_eq!(detail.starts_with("limit: "), about_limit, "{query}: {detail}");
    }
}

#[tokio::test]
async fn delete_ends_a_client_and_its_tokens() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    let answer = world.call("DELETE", "/clients/shop").bearer(&world.admin).send().await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));

    world.get("/keys/shop").send().await.problem(404, "unknown_kid");
    world.get("/clients/shop").bearer(&world.admin).send().await.problem(404, "unknown_kid");
    world.get("/clients/shop").bearer(&token).send().await.problem(401, "unauthorized");
    world.call("DELETE", "/clients/shop").bearer(&world.admin).send().await.problem(404, "unknown_kid");

    // The name is free, and the tokens of before mean nothing to who has it now.
    let successor = world.register("shop", json!({})).await;
    assert!(!world.is_active("shop", &successor, &issued.auth).await);
    world.renew("shop", &successor, &issued.refresh).await.problem(403, "invalid_token");
    world.get("/clients/shop").bearer(&token).send().await.problem(401, "unauthorized");
}

#[tokio::test]
async fn backup_is_a_store_that_opens_with_the_same_password() {
    let folder = tempfile::tempdir().unwrap();
    let backups = tempfile::tempdir().unwrap();
    let password = || Password::new("correct horse");
    let store =
        jwtis_store::create_redb(&folder.path().join("a.db"), &password(), KdfParams::cheap_for_tests())
            .unwrap();
    let issuer = Issuer::open(store, Env::system(), IssuerSettings::default()).await.unwrap();
    let admin = BearerSecret::generate(SecretKind::Admin, issuer.env()).unwrap();
    issuer.set_admin_token(&admin).await.unwrap();

    let mut world = World::new().await;
    world.admin = admin.reveal().to_owned();
    world.router = issuer::router_with_backups_in(
        backups.path().to_owned(),
        issuer,
        world.metrics.clone(),
        &Limits::default(),
    );
    world.register("shop", json!({})).await;
    let answer = world.get("/store/backup").bearer(&world.admin).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!(std::fs::read_dir(backups.path()).unwrap().count(), 0, "the copy is gone");
    assert!(!answer.body.windows(4).any(|window| window == b"shop"));

    let copy = folder.path().join("b.db");
    std::fs::write(&copy, &answer.body).unwrap();
    let copied = jwtis_store::open_redb(&copy, &password()).unwrap();
    let copied = Issuer::open(copied, Env::system(), IssuerSettings::default()).await.unwrap();
    assert!(copied.public_client(&"shop".parse().unwrap()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_disabled_client_is_told_so_and_does_nothing() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({"sub": "u1"})).await;
    let switch = async |action: &str, token: &str| {
        world.post(&format!("/clients/shop/{action}"), json!({})).bearer(token).send().await
    };
    switch("disable", &token).await.problem(401, "unauthorized");
    assert_eq!(switch("disable", &world.admin).await.status, 200);
    for (path, body) in [
        ("/issue_token", json!({"kid": "shop"})),
        ("/renew_token", json!({"kid": "shop", "refresh_token": issued.refresh})),
        ("/renew_keys", json!({"kid": "shop"})),
        ("/verify_token", json!({"kid": "shop", "auth_token": issued.auth})),
        ("/revoke_token", json!({"kid": "shop", "sub": "u1"})),
    ] {
        world.post(path, body.clone()).bearer(&token).send().await.problem(403, "client_disabled");
        if ["/issue_token", "/renew_token", "/renew_keys"].contains(&path) {
            world.post(path, body).bearer(&world.admin).send().await.problem(403, "client_disabled");
        }
    }
    world.get("/clients/shop").bearer(&token).send().await.problem(403, "client_disabled");
    let verdict = world.verify("shop", &world.admin, &issued.auth).await;
    assert_eq!(verdict, json!({"active": false, "reason": "client_disabled"}));
    let shown = world.get("/clients/shop").bearer(&world.admin).send().await.json();
    assert_eq!(shown["disabled"], true);
    for path in ["/keys/shop", "/keys/shop/jwks.json"] {
        assert_eq!(world.get(path).send().await.status, 200, "{path}");
    }
    assert_eq!(switch("enable", &world.admin).await.status, 200);
    assert!(world.is_active("shop", &token, &issued.auth).await);
    let unknown = world.post("/clients/nobody/disable", json!({})).bearer(&world.admin).send().await;
    unknown.problem(404, "unknown_kid");
}

#[tokio::test]
async fn a_registration_says_what_its_strategy_gives_up() {
    let world = World::new().await;
    for (strategy, says) in [("noRefresh", true), ("refreshOnExpire", true), ("refreshBoth", false)] {
        let body = json!({"refresh_strategy": strategy});
        let path = format!("/register/{strategy}");
        let registered = world.post(&path, body).bearer(&world.admin).send().await.json();
        assert_eq!(registered["notice"].is_string(), says, "{registered}");
        let shown = world.get(&format!("/clients/{strategy}")).bearer(&world.admin).send().await.json();
        assert_eq!(shown["notice"], registered["notice"], "{shown}");
    }
}
