//! `POST /verify_token`

use serde_json::json;

use super::support::{Tokens, World, payload};

#[tokio::test]
async fn verify_answers_the_claims_of_an_active_token() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({"sub": "u1"})).await;
    let answer = world.verify("shop", &token, &issued.auth).await;
    assert_eq!(answer["active"], true);
    assert_eq!(answer["claims"], payload(&issued.auth));
    assert_eq!((answer.get("matches"), answer.get("reason")), (None, None));
    let alias = json!({"kid": "shop", "access_token": issued.auth});
    assert_eq!(world.post("/verify_token", alias).bearer(&token).send().await.json(), answer);
}

#[tokio::test]
async fn verify_tells_whether_the_refresh_token_matches() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let one = world.issue("shop", &token, json!({})).await;
    let two = world.issue("shop", &token, json!({})).await;
    let renewed = Tokens::of(&world.renew("shop", &token, &one.refresh).await);
    for (auth, refresh, matches) in [
        (&one.auth, &one.refresh, true),
        (&renewed.auth, &one.refresh, true),
        (&one.auth, &two.refresh, false),
        (&one.auth, &one.auth, false),
    ] {
        let body = json!({"kid": "shop", "auth_token": auth, "refresh_token": refresh});
        let answer = world.post("/verify_token", body).bearer(&token).send().await.json();
        assert_eq!((&answer["active"], &answer["matches"]), (&json!(true), &json!(matches)));
    }
}

#[tokio::test]
async fn verify_says_why_a_token_is_inactive() {
    let world = World::new().await;
    let shop = world.register("shop", json!({"auth_ttl": "1h"})).await;
    let bank = world.register("bank", json!({})).await;
    let issued = world.issue("shop", &shop, json!({})).await;
    let foreign = world.issue("bank", &bank, json!({})).await;
    let (signed, signature) = issued.auth.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    let edited = format!("{signed}.{flipped}{}", &signature[1..]);
    for (token, reason) in
        [("garbage", "malformed"), (foreign.auth.as_str(), "unknown_key"), (edited.as_str(), "bad_signature")]
    {
        assert_eq!(world.verify("shop", &shop, token).await, json!({"active": false, "reason": reason}));
    }
    assert_eq!(world.verify("shop", &shop, &issued.refresh).await["active"], false);
    world.pass(3600);
    assert_eq!(world.verify("shop", &shop, &issued.auth).await["reason"], "expired");
}

#[tokio::test]
async fn verify_wants_a_token() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    world
        .post("/verify_token", json!({"kid": "shop"}))
        .bearer(&token)
        .send()
        .await
        .problem(400, "missing_member");
    world
        .post("/verify_token", json!({"kid": "shop", "token": "x"}))
        .bearer(&token)
        .send()
        .await
        .problem(400, "missing_member");
    world
        .post("/verify_token", json!({"kid": "none", "auth_token": "x"}))
        .bearer(&world.admin)
        .send()
        .await
        .problem(404, "unknown_kid");
}
