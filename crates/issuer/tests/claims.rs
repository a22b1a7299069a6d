//! Claims pass through unchanged, from the client's JSON to what a verifier reads.

use std::collections::HashSet;

use jwtis_issuer::Verification;
use jwtis_testkit::issuer::{World, jwks, rotating, text, verified_by_jwks};
use serde_json::Value;

const CLAIMS: &str = r#"{"sub":"Zoë 漢字 🦀","aud":["a","b"],"html":"O'Brien & <b>","path":"a\\b\"c\u0000\u2028",
    "nested":{"z":{"y":[1,[2,{"x":null}]]},"a":true},"max":9007199254740992,"min":-9007199254740992,
    "half":0.5,"tiny":1e-9,"":"empty name","empty":{},"none":[]}"#;

#[tokio::test]
async fn claims_pass_through_unchanged() {
    let world = World::new().await;
    let access = world.client("shop", rotating()).await;
    let wanted: Value = serde_json::from_str(CLAIMS).unwrap();
    let wanted = wanted.as_object().unwrap();
    let first = world.issue(&access, CLAIMS);
    let second = world.renew(&access, &first.refresh_token).await.unwrap();
    let third = world.renew(&access, &second.refresh_token).await.unwrap();
    let jwks = jwks(&access, world.issuer.env().now());
    let mut ids = HashSet::new();
    for tokens in [&first, &second, &third] {
        let by_jwks = verified_by_jwks(&jwks, &tokens.access_token).unwrap();
        let Verification::Active { claims: by_server, .. } =
            world.verify(&access, &tokens.access_token).await
        else {
            panic!("inactive")
        };
        for (name, value) in wanted {
            assert_eq!(by_jwks.get(name), Some(value), "{name}");
            assert_eq!(by_server.get(name), Some(value), "{name}");
        }
        let own = ["iss", "exp", "nbf", "iat", "jti", "sid"];
        assert_eq!(by_jwks.len(), wanted.len() + own.len(), "nothing else is added");
        assert_eq!(text(&by_jwks, "sid"), tokens.session.uuid().to_string());
        assert!(ids.insert(text(&by_jwks, "jti").to_owned()), "each token has its own jti");
    }
}
