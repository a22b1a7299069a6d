//! Tokens on every route, as a client over HTTP sees their refusals. The rule itself is tested in jwtis-signer.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::support::{Call, SECRET, START, Setup, TZ1, World, noop, tokens};

/// Routes that ask for a token.
const GUARDED: [(&str, &str); 4] = [
    ("GET", "/keys/tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q"),
    ("POST", "/keys/tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q"),
    ("GET", "/bls_prove_possession/tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q"),
    ("GET", "/authorized_keys"),
];

fn forged(algorithm: hmac::Algorithm, header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string());
    let input = format!("{}.{}", part(header), part(claims));
    let tag = hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), input.as_bytes());
    format!("{input}.{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(tag.as_ref()))
}

fn hs256(claims: &Value) -> String {
    forged(hmac::HMAC_SHA256, &json!({"alg": "HS256", "typ": "JWT"}), claims, SECRET)
}

fn ask(world: &World, token: &str) -> Call {
    world.get("/authorized_keys").header("authorization", token).header("username", "payouts")
}

#[tokio::test]
async fn every_route_but_login_asks_for_a_token() {
    let world = Setup::with_tokens().build();
    for (method, path) in GUARDED {
        assert_eq!(world.call(method, path).send().await.plain(401), "token required", "{method} {path}");
        let unknown = world.call(method, path).header("authorization", "x.y.z").header("username", "nobody");
        assert_eq!(unknown.send().await.plain(401), "the token is not valid", "{method} {path}");
    }
    assert_eq!(
        world.metric(r#"authentication_failure_total{status="401",auth_method="jwt",client_ip="public"}"#),
        8.0
    );
    // A request that was turned away did not reach the handler.
    assert!(!world.metrics.render().contains("sign_handler_requests_total{"));
}

#[tokio::test]
async fn trap_5_the_user_is_named_by_a_header_and_the_token_may_be_bare() {
    let mut setup = Setup::with_tokens();
    setup.rules.guard = tokens(&["payouts", "other"]);
    let world = setup.build();
    let token = world.login("payouts").await;
    for scheme in ["", "Bearer ", "bearer ", "BEARER ", "Bearer  "] {
        let sent = format!("{scheme}{token}");
        assert_eq!(ask(&world, &sent).send().await.status, 200, "{scheme}");
        let octez = world.get("/authorized_keys").header("x-signatory-token", &sent);
        assert_eq!(octez.header("x-signatory-user", "payouts").send().await.status, 200, "{scheme}");
        let other = world.get("/authorized_keys").header("authorization", &sent).header("username", "other");
        assert_eq!(other.send().await.plain(401), "the token is not valid");
    }
    // The other names of the headers, for octez-client; the usual ones go first.
    let both = world
        .get("/authorized_keys")
        .header("x-signatory-token", &token)
        .header("x-signatory-user", "payouts");
    assert_eq!(both.header("authorization", "x.y.z").send().await.status, 401);
    // Without a name, the token says whose secret to take; it is verified all the same.
    assert_eq!(world.get("/authorized_keys").header("authorization", &token).send().await.status, 200);
}

#[tokio::test]
async fn tokens_that_are_refused_are_refused_in_plain_text() {
    let world = Setup::with_tokens().build();
    let claims = json!({"user": "payouts", "exp": START + 60});
    let good = hs256(&claims);
    assert_eq!(ask(&world, &good).send().await.status, 200);
    let unsigned = format!(
        "{}.{}.",
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(r#"{"alg":"none","typ":"JWT"}"#),
        good.split('.').nth(1).unwrap()
    );
    let hs384 = forged(hmac::HMAC_SHA384, &json!({"alg": "HS384", "typ": "JWT"}), &claims, SECRET);
    let rs256 = forged(hmac::HMAC_SHA256, &json!({"alg": "RS256", "typ": "JWT"}), &claims, SECRET);
    for (name, token, part) in [
        ("no token at all", "x".to_owned(), "the token is not valid"),
        ("no space after Bearer", format!("Bearer{good}"), "the token is not valid"),
        ("expired", hs256(&json!({"user": "payouts", "exp": START})), "the token has expired"),
        (
            "another secret",
            forged(hmac::HMAC_SHA256, &json!({"alg": "HS256"}), &claims, "x"),
            "the token is not valid",
        ),
        ("alg none", unsigned, "the token is not valid"),
        ("HS384 with the right secret", hs384, "the token is not valid"),
        ("RS256 with the secret as key", rs256, "the token is not valid"),
        ("no exp", hs256(&json!({"user": "payouts"})), ""),
        ("another user's", hs256(&json!({"user": "other", "exp": START + 60})), "the token is not valid"),
        ("a user that is no string", hs256(&json!({"user": 7, "exp": START + 60})), "the token is not valid"),
        ("no user", hs256(&json!({"exp": START + 60})), "the token is not valid"),
    ] {
        let said = ask(&world, &token).send().await.plain(401);
        assert!(said.contains(part), "{name}: {said}");
    }
    world.pass(60);
    assert!(ask(&world, &good).send().await.plain(401).contains("the token has expired"));
}

#[tokio::test]
async fn a_token_signs() {
    let world = Setup::with_tokens().build();
    let token = world.login("payouts").await;
    let call = world.sign(TZ1, &noop("abc")).header("authorization", &token).header("username", "payouts");
    assert!(call.send().await.ok()["signature"].is_string());
}
