//! `POST /register/{kid}`

use jwtis_issuer::{IssuerSettings, KeyDefaults, RefreshStrategy};
use serde_json::{Value, json};

use super::support::{START, World};

#[tokio::test]
async fn register_answers_201_with_keys_and_the_client_token() {
    let world = World::new().await;
    let answer = world.post("/register/shop", json!({})).bearer(&world.admin).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let body = answer.json();
    assert_eq!(body["kid"], "shop");
    assert!(body["client_token"].as_str().unwrap().starts_with("jct_"));
    assert_eq!(body["expiry"], START + 4320 * 3600);
    assert_eq!(body["valid"], true);
    assert_eq!(body["refresh_strategy"], "noRefresh");
    for (key, usage, alg) in [("pub_sig_key", "sig", "ES256"), ("pub_enc_key", "enc", "ECDH-ES+A256KW")] {
        let key = body[key].as_object().unwrap();
        assert_eq!(key.keys().collect::<Vec<_>>(), ["use", "kty", "kid", "crv", "alg", "x", "y"]);
        assert_eq!((&key["use"], &key["alg"], &key["crv"]), (&json!(usage), &json!(alg), &json!("P-256")));
        assert_ne!(key["kid"], "shop");
    }
}

#[tokio::test]
async fn register_takes_every_option() {
    let world = World::new().await;
    let options = json!({
        "expiry": 15_552_000_000_000_000_u64, "sig_alg": "EdDSA", "sig_bits": 256, "enc_alg": "ECDH-ES", "enc_bits": 384, "cont_enc": "A128GCM",
        "auth_ttl": "15m", "refresh_ttl": 259_200_000_000_000_u64, "refresh_strategy": "refreshBoth",
        "issuer": "https://id.example", "audience": ["api", "web"],
    });
    let token = world.register("shop", options).await;
    let shown = world.get("/clients/shop").bearer(&token).send().await.json();
    for (name, value) in [
        ("sig_alg", json!("EdDSA")),
        ("sig_bits", json!(256)),
        ("enc_alg", json!("ECDH-ES")),
        ("enc_bits", json!(384)),
        ("cont_enc", json!("A128GCM")),
        ("auth_ttl", json!("15m0s")),
        ("refresh_ttl", json!("72h0m0s")),
        ("refresh_strategy", json!("refreshBoth")),
        ("issuer", json!("https://id.example")),
        ("audience", json!(["api", "web"])),
        ("expiry", json!(START + 4320 * 3600)),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
}

#[tokio::test]
async fn register_reads_zero_null_and_empty_as_left_out() {
    let world = World::new().await;
    let options = json!({
        "expiry": 0, "sig_alg": "", "sig_bits": 0, "enc_alg": null, "enc_bits": null, "cont_enc": "", "auth_ttl": "",
        "refresh_ttl": "0s", "refresh_strategy": "", "issuer": "", "audience": "",
    });
    let token = world.register("shop", options).await;
    let shown = world.get("/clients/shop").bearer(&token).send().await.json();
    assert_eq!((&shown["sig_alg"], &shown["sig_bits"]), (&json!("ES256"), &json!(256)));
    assert_eq!((&shown["auth_ttl"], &shown["issuer"]), (&json!("72h0m0s"), &json!("shop")));
}

#[tokio::test]
async fn point_03_bits_follow_the_algorithm() {
    let world = World::new().await;
    for (number, (options, name, bits)) in [
        (json!({"sig_alg": "ES384"}), "sig_bits", 384),
        (json!({"sig_alg": "ES512"}), "sig_bits", 521),
        (json!({"sig_alg": "EdDSA"}), "sig_bits", 256),
        (json!({"sig_alg": "RS256"}), "sig_bits", 2048),
        (json!({"enc_alg": "RSA-OAEP-256"}), "enc_bits", 2048),
        (json!({"enc_alg": "ECDH-ES+A128KW"}), "enc_bits", 256),
    ]
    .into_iter()
    .enumerate()
    {
        let kid = format!("client-{number}");
        let token = world.register(&kid, options).await;
        let shown = world.get(&format!("/clients/{kid}")).bearer(&token).send().await.json();
        assert_eq!(shown[name], bits, "{shown}");
    }
}

#[tokio::test]
async fn point_03_impossible_bits_are_refused_by_name() {
    let world = World::new().await;
    for (options, named) in [
        (json!({"sig_alg": "ES512", "sig_bits": 512}), &["sig_bits", "521"][..]),
        (json!({"sig_alg": "RS256", "sig_bits": 1024}), &["sig_bits", "2048"]),
        (json!({"sig_alg": "RS256", "sig_bits": 16384}), &["sig_bits", "4096"]),
        (json!({"enc_alg": "RSA-OAEP", "enc_bits": 1024}), &["enc_bits", "2048"]),
        (json!({"enc_alg": "ECDH-ES", "enc_bits": 512}), &["enc_bits", "521"]),
        (json!({"sig_bits": 255}), &["sig_bits"]),
        (json!({"sig_bits": -1}), &["sig_bits"]),
        (json!({"sig_bits": 256.5}), &["sig_bits"]),
        (json!({"sig_bits": "256"}), &["sig_bits"]),
        (json!({"sig_bits": 4_294_967_552_u64}), &["sig_bits"]),
    ] {
        let answer = world.post("/register/shop", options.clone()).bearer(&world.admin).send().await;
        let detail = answer.problem(400, "invalid_member");
        assert!(named.iter().all(|word| detail.contains(word)), "{options}: {detail}");
    }
    assert_eq!(world.get("/keys/shop").send().await.status, 404);
}

#[tokio::test]
async fn register_refuses_impossible_options_by_name() {
    let world = World::new().await;
    for (options, named) in [
        (json!({"sig_alg": "HS256"}), "sig_alg"),
        (json!({"sig_alg": "none"}), "sig_alg"),
        (json!({"sig_alg": "es256"}), "sig_alg"),
        (json!({"sig_alg": 256}), "sig_alg"),
        (json!({"enc_alg": "dir"}), "enc_alg"),
        (json!({"enc_alg": "RSA1_5"}), "--allow-rsa1_5"),
        (json!({"cont_enc": "A128CBC-HS256"}), "cont_enc"),
        (json!({"auth_ttl": 900}), "\"900s\""),
        (json!({"auth_ttl": "15"}), "auth_ttl"),
        (json!({"auth_ttl": "-1h"}), "negative"),
        (json!({"auth_ttl": null}), "auth_ttl"),
        (json!({"auth_ttl": "2h", "refresh_ttl": "1h"}), "refresh_ttl"),
        (json!({"expiry": "9999999h"}), "292 years"),
        (json!({"refresh_strategy": "always"}), "refresh_strategy"),
        (json!({"audience": [1]}), "audience"),
        (json!({"audience": [""]}), "audience"),
        (json!({"issuer": "x".repeat(600)}), "issuer"),
    ] {
        let answer = world.post("/register/shop", options.clone()).bearer(&world.admin).send().await;
        let detail = answer.problem(400, "invalid_member");
        assert!(detail.contains(named), "{options}: {detail}");
    }
}

#[tokio::test]
async fn register_refuses_a_mistyped_option_and_ignores_a_strange_one() {
    let world = World::new().await;
    for typo in ["auth_tll", "authTTL", "sigAlg", "refresh_stategy"] {
        let answer = world.post("/register/shop", json!({ typo: "1h" })).bearer(&world.admin).send().await;
        assert!(answer.problem(400, "unknown_member").contains("did you mean"), "{typo}");
    }
    world.register("other", json!({"comment": "the shop in the corner"})).await;
}

#[tokio::test]
async fn register_refuses_a_taken_kid() {
    let world = World::new().await;
    world.register("shop", json!({})).await;
    let keys = world.get("/keys/shop").send().await.json();
    world.post("/register/shop", json!({})).bearer(&world.admin).send().await.problem(409, "kid_taken");
    assert_eq!(world.get("/keys/shop").send().await.json(), keys);
}

#[tokio::test]
async fn register_refuses_a_kid_that_is_none() {
    let world = World::new().await;
    for kid in ["a%20b", "%C3%BC", "%FF", "a%2Fb", "%2E%2E", &"x".repeat(129)] {
        let answer = world.post(&format!("/register/{kid}"), json!({})).bearer(&world.admin).send().await;
        answer.problem(400, "invalid_kid");
    }
    for kid in ["--help", "jat_x7x7", &world.admin] {
        let answer = world.post(&format!("/register/{kid}"), json!({})).bearer(&world.admin).send().await;
        answer.problem(400, "invalid_kid");
    }
    world.register(&"x".repeat(128), json!({})).await;
    world.register("A-Z.a_z~09", json!({})).await;
}

#[tokio::test]
async fn register_wants_the_admin_token_unless_registration_is_open() {
    let world = World::new().await;
    let client = world.register("shop", json!({})).await;
    world.post("/register/new", json!({})).send().await.problem(401, "unauthorized");
    world.post("/register/new", json!({})).bearer(&client).send().await.problem(401, "unauthorized");

    let open = World::with(IssuerSettings { open_registration: true, ..IssuerSettings::default() }).await;
    assert_eq!(open.post("/register/new", json!({})).send().await.status, 201);
}

#[tokio::test]
async fn register_uses_the_servers_defaults() {
    let defaults = KeyDefaults {
        sig_alg: jwtis_jose::SignatureAlgorithm::EdDsa,
        refresh_strategy: RefreshStrategy::RefreshBoth,
        allow_rsa1_5: true,
        ..KeyDefaults::default()
    };
    let world = World::with(IssuerSettings { defaults, ..IssuerSettings::default() }).await;
    let answer = world.post("/register/shop", json!({"enc_alg": "RSA1_5"})).bearer(&world.admin).send().await;
    let body: Value = answer.json();
    assert_eq!(body["pub_sig_key"]["alg"], "EdDSA");
    assert_eq!(body["pub_enc_key"]["alg"], "RSA1_5");
    assert_eq!(body["refresh_strategy"], "refreshBoth");

    let token = body["client_token"].as_str().unwrap();
    let before = world.issue("shop", token, json!({})).await;
    let off = world.elsewhere(START).await;
    let issue = json!({"kid": "shop", "claims": {}});
    off.post("/issue_token", issue).bearer(token).send().await.problem(409, "enc_alg_off");
    off.renew("shop", token, &before.refresh).await.problem(409, "enc_alg_off");
    let renewed = off.post("/renew_keys", json!({"kid": "shop"})).bearer(token).send().await;
    assert_eq!(renewed.json()["pub_enc_key"]["alg"], "ECDH-ES+A256KW");
    assert_eq!(off.renew("shop", token, &before.refresh).await.status, 201);
}

#[tokio::test]
async fn point_08_one_of_many_registrations_of_a_kid_wins() {
    let world = World::new().await;
    let calls =
        (0..16).map(|_| tokio::spawn(world.post("/register/shop", json!({})).bearer(&world.admin).send()));
    let mut created = 0;
    for call in calls.collect::<Vec<_>>() {
        let answer = call.await.unwrap();
        match answer.status.as_u16() {
            201 => created += 1,
            _ => drop(answer.problem(409, "kid_taken")),
        }
    }
    assert_eq!(created, 1);
}
