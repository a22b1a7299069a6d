//! Point 10: claims pass through unchanged, from the client's JSON to what a verifier reads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod support;

use jwtis_issuer::{KeyOptions, RefreshStrategy, Verification};
use serde_json::Value;
use support::{World, jwks, verified_by_jwks};

const CLAIMS: &str = r#"{"sub":"Zoë 漢字 🦀","aud":["a","b"],"html":"O'Brien & <b>","path":"a\\b\"c\u0000\u2028",
    "nested":{"z":{"y":[1,[2,{"x":null}]]},"a":true},"max":9007199254740992,"min":-9007199254740992,
    "half":0.5,"tiny":1e-9,"":"empty name","empty":{},"none":[]}"#;

#[tokio::test]
async fn point_10_claims_pass_through_unchanged() {
    let world = World::new().await;
    let options =
        KeyOptions { refresh_strategy: Some(RefreshStrategy::RefreshBoth), ..KeyOptions::default() };
    let access = world.client("shop", options).await;
    let wanted: Value = serde_json::from_str(CLAIMS).unwrap();
    let first = world.issue(&access, CLAIMS);
    let second = world.renew(&access, &first.refresh_token).await.unwrap();
    let third = world.renew(&access, &second.refresh_token).await.unwrap();
    let jwks = jwks(&access, world.issuer.env().now());
    for token in [&first.access_token, &second.access_token, &third.access_token] {
        let by_jwks = verified_by_jwks(&jwks, token).unwrap();
        let Verification::Active { claims: by_server, .. } = world.verify(&access, token).await else {
            panic!("inactive")
        };
        for (name, value) in wanted.as_object().unwrap() {
            assert_eq!(by_jwks.get(name), Some(value), "{name}");
            assert_eq!(by_server.get(name), Some(value), "{name}");
        }
        let own = ["iss", "exp", "nbf", "iat", "jti", "sid"];
        assert_eq!(by_jwks.len(), wanted.as_object().unwrap().len() + own.len(), "nothing else is added");
    }
}

#[test]
fn point_10_larger_numbers_and_duplicate_names_are_refused() {
    for refused in [
        r#"{"n":9007199254740993}"#,
        r#"{"n":-9007199254740993}"#,
        r#"{"n":18446744073709551616}"#,
        r#"{"n":1e16}"#,
        r#"{"n":1e400}"#,
        r#"{"n":123456789.123456789}"#,
        r#"{"n":0.30000000000000000001}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"o":{"a":1,"a":2}}"#,
        r#"{"l":[{"a":1,"a":2}]}"#,
    ] {
        assert!(jwtis_jose::ClaimsSet::parse(refused.as_bytes()).is_err(), "{refused}");
    }
}

#[tokio::test]
async fn every_token_has_its_own_jti_and_the_session_s_sid() {
    let world = World::new().await;
    let access = world.client("shop", KeyOptions::default()).await;
    let jwks = jwks(&access, world.issuer.env().now());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let tokens = world.issue(&access, "{}");
        let claims = verified_by_jwks(&jwks, &tokens.access_token).unwrap();
        assert_eq!(support::text(&claims, "sid"), tokens.session.uuid().to_string());
        assert!(seen.insert(support::text(&claims, "jti").to_owned()));
    }
}
