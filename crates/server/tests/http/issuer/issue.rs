//! `POST /issue_token`

use serde_json::{Value, json};

use super::support::{START, Tokens, World, head, payload};

#[tokio::test]
async fn issue_answers_201_with_a_pair() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let body = json!({"kid": "shop", "claims": {"sub": "u1", "aud": ["api"]}});
    let answer = world.post("/issue_token", body).bearer(&token).send().await;
    let tokens = Tokens::of(&answer);

    let body = answer.json();
    assert_eq!(body["expiry"], START + 72 * 3600);
    assert_eq!(body["refresh_expiry"], START + 720 * 3600);
    assert_eq!(body["expires_in"], 72 * 3600);

    let claims = payload(&tokens.auth);
    for (name, value) in [
        ("iss", json!("shop")),
        ("sub", json!("u1")),
        ("aud", json!(["api"])),
        ("iat", json!(START)),
        ("nbf", json!(START)),
        ("exp", json!(START + 72 * 3600)),
        ("sid", body["id"].clone()),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!((&head(&tokens.auth)["alg"], &head(&tokens.auth)["typ"]), (&json!("ES256"), &json!("JWT")));
    let outer = head(&tokens.refresh);
    assert_eq!(
        (&outer["alg"], &outer["enc"], &outer["cty"]),
        (&json!("ECDH-ES+A256KW"), &json!("A256GCM"), &json!("JWT"))
    );
}

#[tokio::test]
async fn issue_needs_no_claims() {
    let world = World::new().await;
    let token = world.register("shop", json!({"audience": "api"})).await;
    let first = Tokens::of(&world.post("/issue_token", json!({"kid": "shop"})).bearer(&token).send().await);
    let second = world.issue("shop", &token, json!({})).await;
    assert_ne!(first.id, second.id);
    assert_eq!(payload(&first.auth)["aud"], "api");
}

#[tokio::test]
async fn issue_valid_times_only_shorten_under_every_name() {
    let world = World::new().await;
    let token = world.register("shop", json!({"auth_ttl": "1h", "refresh_ttl": "10h"})).await;
    for (times, auth, refresh) in [
        (json!({"auth_token_valid_time": "5m"}), 300, 36_000),
        (json!({"access_token_valid_time": 300_000_000_000_u64}), 300, 36_000),
        (json!({"auth_token_valid_time": "5m", "access_token_valid_time": "300s"}), 300, 36_000),
        (json!({"resresh_token_valid_time": "2h"}), 3600, 7200),
        (json!({"refresh_token_valid_time": "2h"}), 3600, 7200),
        (json!({"auth_token_valid_time": "100h", "refresh_token_valid_time": "100h"}), 3600, 36_000),
        (json!({"auth_token_valid_time": 0, "refresh_token_valid_time": ""}), 3600, 36_000),
    ] {
        let mut body = times.clone();
        body["kid"] = json!("shop");
        let tokens = Tokens::of(&world.post("/issue_token", body).bearer(&token).send().await);
        assert_eq!((tokens.expiry - START, tokens.refresh_expiry - START), (auth, refresh), "{times}");
    }
    let differing = json!({"kid": "shop", "auth_token_valid_time": "5m", "access_token_valid_time": "6m"});
    world.post("/issue_token", differing).bearer(&token).send().await.problem(400, "conflicting_members");
    let seconds = json!({"kid": "shop", "auth_token_valid_time": 300});
    let detail =
        world.post("/issue_token", seconds).bearer(&token).send().await.problem(400, "invalid_member");
    assert!(detail.contains("\"300s\""), "{detail}");
}

#[tokio::test]
async fn issue_refuses_claims_by_name() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let deep = |depth: usize| (1..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
    for (claims, status, code) in [
        (json!(null), 400, "invalid_member"),
        (json!([]), 400, "invalid_member"),
        (json!("{}"), 400, "invalid_member"),
        (json!({"iat": 1}), 400, "owned_claim"),
        (json!({"nbf": 1}), 400, "owned_claim"),
        (json!({"jti": "x"}), 400, "owned_claim"),
        (json!({"sid": "x"}), 400, "owned_claim"),
        (json!({"gen": 1}), 400, "owned_claim"),
        (json!({"iss": "other"}), 400, "foreign_issuer"),
        (json!({"sub": 1}), 422, "invalid_claim"),
        (json!({"aud": {"a": 1}}), 422, "invalid_claim"),
        (json!({"exp": "tomorrow"}), 422, "invalid_claim"),
        (json!({"exp": START}), 422, "expiry_in_past"),
        (json!({"exp": START + 72 * 3600 + 1}), 422, "expiry_beyond_limit"),
        (json!({"n": 9_007_199_254_740_993_u64}), 422, "claims_number_out_of_range"),
        (json!({"n": -9_007_199_254_740_993_i64}), 422, "claims_number_out_of_range"),
        (deep(17), 422, "claims_too_deep"),
        (json!({"x": "x".repeat(16 * 1024)}), 422, "claims_too_large"),
    ] {
        let body = json!({"kid": "shop", "claims": claims});
        let answer = world.post("/issue_token", body).bearer(&token).send().await;
        answer.problem(status, code);
    }
    assert_eq!(deep(16).to_string().matches('{').count(), 16);
    world.issue("shop", &token, deep(16)).await;
    world.issue("shop", &token, json!({"iss": "shop", "exp": START + 60})).await;
}

#[tokio::test]
async fn point_10_claims_pass_through_unchanged() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let claims = json!({
        "name": "O'Brien & <b>", "town": "Zürich 東京 🜨", "nul": "a\u{0000}b\u{2028}", "deep": {"a": [{"b": [[], {}, null]}]},
        "max": 9_007_199_254_740_992_u64, "min": -9_007_199_254_740_992_i64, "tenth": 0.1, "yes": true, "empty": "",
    });
    let issued = world.issue("shop", &token, claims.clone()).await;
    let renewed = Tokens::of(&world.renew("shop", &token, &issued.refresh).await);
    let verified = world.verify("shop", &token, &renewed.auth).await["claims"].clone();
    for (name, value) in claims.as_object().unwrap() {
        assert_eq!(&payload(&issued.auth)[name], value, "issued {name}");
        assert_eq!(&payload(&renewed.auth)[name], value, "renewed {name}");
        assert_eq!(&verified[name], value, "verified {name}");
    }
}

#[tokio::test]
async fn point_10_what_readers_would_round_or_lose_is_refused() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    for (claims, status, code) in [
        (r#"{"n":9007199254740993}"#, 422, "claims_number_out_of_range"),
        (r#"{"n":[{"m":9007199254740993.0}]}"#, 400, "number_out_of_range"),
        (r#"{"n":18446744073709551616}"#, 400, "number_out_of_range"),
        (r#"{"n":1e400}"#, 400, "number_out_of_range"),
        (r#"{"a":1,"a":2}"#, 400, "duplicate_member"),
        (r#"{"a":{"b":1,"\u0062":1}}"#, 400, "duplicate_member"),
    ] {
        let body = format!(r#"{{"kid":"shop","claims":{claims}}}"#);
        let answer = world.post("/issue_token", Value::Null).body(body).bearer(&token).send().await;
        let body = answer.json();
        // Whether a float is noticed with the body or with the claims is all the same to the caller.
        let found = body["code"].as_str().unwrap();
        assert!(
            found.contains(code) && answer.status.is_client_error(),
            "{claims}: {body} instead of {status}"
        );
    }
}

#[tokio::test]
async fn issue_refuses_what_is_mistyped_or_missing() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    for (body, status, code) in [
        (json!({}), 400, "missing_member"),
        (json!({"kid": ""}), 400, "missing_member"),
        (json!({"kid": 5}), 400, "invalid_member"),
        (json!({"kid": "a b"}), 400, "invalid_kid"),
        (json!({"kid": "shop", "claim": {}}), 400, "unknown_member"),
        (json!({"kid": "shop", "auth_token_validtime": "5m"}), 400, "unknown_member"),
    ] {
        world.post("/issue_token", body).bearer(&token).send().await.problem(status, code);
    }
    world
        .post("/issue_token", json!({"kid": "none"}))
        .bearer(&world.admin)
        .send()
        .await
        .problem(404, "unknown_kid");
}

#[tokio::test]
async fn no_token_outlives_its_keys() {
    let world = World::new().await;
    let token = world.register("shop", json!({"expiry": "100h"})).await;
    let tokens = world.issue("shop", &token, json!({})).await;
    assert_eq!((tokens.expiry, tokens.refresh_expiry), (START + 72 * 3600, START + 100 * 3600));
    world.pass(99 * 3600);
    assert_eq!(world.issue("shop", &token, json!({})).await.expiry, START + 100 * 3600);
    world.pass(3600);
    world
        .post("/issue_token", json!({"kid": "shop"}))
        .bearer(&token)
        .send()
        .await
        .problem(409, "keys_expired");
}

#[tokio::test]
async fn a_refusal_says_what_was_sent_and_gives_no_advice_for_something_else() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let exp = "the claim \"exp\" must be a number of seconds from 0 to 2^53, and holds";
    for (members, status, code, detail) in [
        (json!({"claims": {"exp": -1}}), 422, "invalid_claim", format!("{exp} a negative number")),
        (json!({"claims": {"exp": null}}), 422, "invalid_claim", format!("{exp} null")),
        (json!({"claims": {"exp": true}}), 422, "invalid_claim", format!("{exp} true or false")),
        (json!({"claims": {"exp": "1"}}), 422, "invalid_claim", format!("{exp} a string")),
        (
            json!({"auth_token_valid_time": "500ms"}),
            400,
            "invalid_member",
            "auth_token_valid_time: \"500ms\" is shorter than one second, the shortest duration".to_owned(),
        ),
        (
            json!({"auth_token_valid_time": 900}),
            400,
            "invalid_member",
            "auth_token_valid_time: 900 is shorter than one second: a plain number counts nanoseconds, so for 900 seconds write \"900s\" or 900000000000".to_owned(),
        ),
        (
            json!({"auth_token_valid_time": 1.5}),
            400,
            "invalid_member",
            "auth_token_valid_time: a number counts nanoseconds, and must be a whole one".to_owned(),
        ),
    ] {
        let mut body = members;
        body["kid"] = json!("shop");
        let answer = world.post("/issue_token", body).bearer(&token).send().await;
        assert_eq!(answer.problem(status, code), detail);
    }
}
