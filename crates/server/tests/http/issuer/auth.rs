//! Credentials, on every route that wants them.

use axum::body::Body;
use axum::http::{HeaderName, header};
use serde_json::{Value, json};

use super::body::Endless;
use super::support::{Answer, Call, World};

const CLIENT_TOKEN: HeaderName = HeaderName::from_static("clienttoken");

/// Every route that wants credentials, about one client.
fn guarded(world: &World, kid: &str) -> Vec<(&'static str, Call)> {
    let post = |path: &str, members: Value| {
        let mut body = members;
        body["kid"] = json!(kid);
        world.post(path, body)
    };
    vec![
        ("register", world.post(&format!("/register/{kid}"), json!({}))),
        ("renew_keys", post("/renew_keys", json!({}))),
        ("issue", post("/issue_token", json!({"claims": {}}))),
        ("renew", post("/renew_token", json!({"refresh_token": "x"}))),
        ("revoke", post("/revoke_token", json!({"all": true}))),
        ("verify", post("/verify_token", json!({"auth_token": "x"}))),
        ("list", world.get("/clients")),
        ("show", world.get(&format!("/clients/{kid}"))),
        ("delete", world.call("DELETE", &format!("/clients/{kid}"))),
        ("backup", world.get("/store/backup")),
    ]
}

#[tokio::test]
async fn point_07_without_credentials_only_public_keys_and_ping_answer() {
    let world = World::new().await;
    world.register("shop", json!({})).await;
    for (name, call) in guarded(&world, "shop") {
        let answer = call.send().await;
        answer.problem(401, "unauthorized");
        assert_eq!(
            answer.header("www-authenticate"),
            Some(r#"Bearer realm="jwtis", Basic realm="jwtis""#),
            "{name}"
        );
    }
    for open in ["/", "/ping", "/keys/shop", "/keys/shop/jwks.json"] {
        assert_eq!(world.get(open).send().await.status, 200, "{open}");
    }
    assert_eq!(world.get("/ping").send().await.json(), json!({"status": "ok"}));
    // Nor does anything exist beside these routes.
    for path in
        ["/metrics", "/healthz", "/keys", "/register", "/register/shop/", "/clients/shop/keys", "/admin"]
    {
        world.get(path).send().await.problem(404, "unknown_route");
    }
}

#[tokio::test]
async fn point_07_a_client_token_opens_only_its_own_kid() {
    let world = World::new().await;
    let shop = world.register("shop", json!({})).await;
    world.register("bank", json!({})).await;
    for (_, call) in guarded(&world, "bank") {
        call.bearer(&shop).send().await.problem(401, "unauthorized");
    }
    for (name, call) in guarded(&world, "shop") {
        let admins = ["register", "list", "delete", "backup"].contains(&name);
        let answer = call.bearer(&shop).send().await;
        assert_eq!(answer.status == 401, admins, "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn guessing_does_not_tell_which_kids_exist() {
    let world = World::new().await;
    let shop = world.register("shop", json!({})).await;
    world.register("known", json!({})).await;
    let wrong = wrong_token(&world).await;
    let say_nothing = |call: Call| call;
    let say_wrong = |call: Call| call.bearer(&wrong);
    let say_anothers = |call: Call| call.bearer(&shop);
    let say_mistyped = |call: Call| call.bearer("jct_mistyped");
    let say_basic = |call: Call| call.basic("shop", &shop);
    let say_header = |call: Call| call.header(CLIENT_TOKEN, &wrong);
    let manners: [(&str, &dyn Fn(Call) -> Call); 6] = [
        ("nothing", &say_nothing),
        ("wrong", &say_wrong),
        ("another's", &say_anothers),
        ("mistyped", &say_mistyped),
        ("basic", &say_basic),
        ("header", &say_header),
    ];
    for (manner, say) in manners {
        let known = guarded(&world, "known");
        // The same length, so that nothing else differs.
        let unknown = guarded(&world, "wonkn");
        for ((route, known), (_, unknown)) in known.into_iter().zip(unknown) {
            let (known, unknown) = (say(known).send().await, say(unknown).send().await);
            assert_eq!(bare(&known), bare(&unknown), "{route} with {manner}");
            known.problem(401, "unauthorized");
        }
    }
}

/// An answer without what differs from one answer to the next.
fn bare(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let id = answer.header("x-request-id").unwrap();
    let headers = answer.headers.iter().filter(|(name, _)| *name != "x-request-id");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status.as_u16(), answer.text().replace(id, "ID"), headers.collect())
}

/// A well-formed client token that was valid once.
async fn wrong_token(world: &World) -> String {
    let token = world.register("gone", json!({})).await;
    world.call("DELETE", "/clients/gone").bearer(&world.admin).send().await;
    token
}

#[tokio::test]
async fn every_way_to_authenticate_works() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let call = || world.get("/clients/shop");
    for (way, call) in [
        ("bearer", call().bearer(&token)),
        ("bearer in another case", call().header(header::AUTHORIZATION, format!("bEARER  {token}"))),
        ("basic", call().basic("shop", &token)),
        ("header", call().header(CLIENT_TOKEN, &token)),
        ("admin", call().bearer(&world.admin)),
        ("admin in the header", call().header(CLIENT_TOKEN, &world.admin)),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, 200, "{way}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_is_no_credential_is_unauthorized() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    world.register("bank", json!({})).await;
    let call = || world.get("/clients/shop");
    for (what, call) in [
        ("no scheme", call().header(header::AUTHORIZATION, &token)),
        ("unknown scheme", call().header(header::AUTHORIZATION, format!("Digest {token}"))),
        ("nothing after the scheme", call().header(header::AUTHORIZATION, "Bearer ")),
        ("basic without base64", call().header(header::AUTHORIZATION, "Basic ***")),
        ("basic without a colon", call().header(header::AUTHORIZATION, "Basic c2hvcA==")),
        ("basic of another kid", call().basic("bank", &token)),
        ("not UTF-8", call().header(header::AUTHORIZATION, b"Bearer \xff\xfe")),
        ("empty header", call().header(CLIENT_TOKEN, "")),
        ("a token cut short", call().bearer(&token[..token.len() - 1])),
    ] {
        assert_eq!(call.send().await.status, 401, "{what}");
    }
}

#[tokio::test]
async fn two_credentials_are_ambiguous() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let call = || world.get("/clients/shop");
    for call in [
        call().bearer(&token).header(CLIENT_TOKEN, &token),
        call().bearer(&token).bearer(&token),
        call().bearer(&token).basic("shop", &token),
        call().header(CLIENT_TOKEN, &token).header(CLIENT_TOKEN, &token),
    ] {
        call.send().await.problem(400, "ambiguous_credentials");
    }
}

#[tokio::test]
async fn without_credentials_the_body_is_not_looked_at() {
    let world = World::new().await;
    for path in
        ["/issue_token", "/renew_token", "/revoke_token", "/verify_token", "/renew_keys", "/register/shop"]
    {
        let answer = world.call("POST", path).body("not JSON").send().await;
        answer.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn the_body_of_a_stranger_is_not_waited_for() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let gone = world.register("gone", json!({})).await;
    world.call("DELETE", "/clients/gone").bearer(&world.admin).send().await;
    let stall = || Body::new(Endless(None));
    for path in ["/issue_token", "/renew_token", "/revoke_token", "/verify_token", "/renew_keys"] {
        for call in [
            world.call("POST", path),
            world.call("POST", path).bearer(&gone),
            world.call("POST", path).basic("shop", &gone),
            world.call("POST", path).basic("gone", &token),
        ] {
            call.body(stall()).send().await.problem(401, "unauthorized");
        }
    }
    for credentials in [None, Some(&token), Some(&gone)] {
        let call = world.call("POST", "/register/bank").body(stall());
        let call = if let Some(token) = credentials { call.bearer(token) } else { call };
        call.send().await.problem(401, "unauthorized");
    }
}
