//! `POST /renew_token`

use std::collections::HashSet;

use jwtis_jose::{ContentEncryption, EncryptionKey, Jwk, ProtectedHeader};
use serde_json::json;

use super::support::{START, Tokens, World, head, payload};

#[tokio::test]
async fn renew_answers_201_with_a_new_access_token() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({"sub": "u1"})).await;
    world.pass(60);
    let renewed = Tokens::of(&world.renew("shop", &token, &issued.refresh).await);
    assert_eq!((&renewed.id, &renewed.refresh), (&issued.id, &issued.refresh));
    assert_eq!((renewed.expiry, renewed.refresh_expiry), (START + 60 + 72 * 3600, issued.refresh_expiry));
    let (old, new) = (payload(&issued.auth), payload(&renewed.auth));
    assert_eq!((&new["sub"], &new["sid"]), (&old["sub"], &old["sid"]));
    assert_ne!(new["jti"], old["jti"]);
}

#[tokio::test]
async fn point_04_every_strategy_as_stored_and_as_asked() {
    let world = World::new().await;
    // Of a life of 720 h, 0.3 are 216 h.
    let (early, late) = (3600, 510 * 3600);
    for (stored, asked, passed, rotates) in [
        ("noRefresh", "", early, false),
        ("noRefresh", "", late, false),
        ("noRefresh", "refreshOnExpire", early, false),
        ("noRefresh", "refreshOnExpire", late, true),
        ("noRefresh", "refreshBoth", early, true),
        ("refreshOnExpire", "", early, false),
        ("refreshOnExpire", "", late, true),
        ("refreshOnExpire", "noRefresh", late, true),
        ("refreshOnExpire", "refreshBoth", early, true),
        ("refreshBoth", "", early, true),
        ("refreshBoth", "noRefresh", early, true),
        ("refreshBoth", "refreshOnExpire", early, true),
    ] {
        let case = format!("{stored}-{asked}-{passed}");
        let token = world.register(&case, json!({"refresh_strategy": stored})).await;
        let issued = world.issue(&case, &token, json!({})).await;
        world.pass(passed);
        let body = json!({"kid": case, "refresh_token": issued.refresh, "refresh_strategy": asked});
        let renewed = Tokens::of(&world.post("/renew_token", body).bearer(&token).send().await);
        assert_eq!(renewed.refresh != issued.refresh, rotates, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn point_04_one_token_renewed_64_times_at_once_leaves_one_family() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let issued = world.issue("shop", &token, json!({})).await;

    let body = json!({"kid": "shop", "refresh_token": issued.refresh});
    let calls: Vec<_> = (0..64)
        .map(|_| tokio::spawn(world.post("/renew_token", body.clone()).bearer(&token).send()))
        .collect();
    let mut renewed = Vec::new();
    for call in calls {
        let answer = call.await.unwrap();
        match answer.status.as_u16() {
            201 => renewed.push(Tokens::of(&answer)),
            _ => drop(answer.problem(503, "contended")),
        }
    }
    assert!(!renewed.is_empty());
    assert_eq!(renewed.iter().map(|tokens| &tokens.id).collect::<HashSet<_>>().len(), 1);

    // All are of one generation: each renews now, and the first to do so makes the others old.
    let next = Tokens::of(&world.renew("shop", &token, &renewed[0].refresh).await);
    assert!(world.is_active("shop", &token, &next.auth).await);
}

#[tokio::test]
async fn point_04_an_old_generation_revokes_the_session() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let first = world.issue("shop", &token, json!({})).await;
    let second = Tokens::of(&world.renew("shop", &token, &first.refresh).await);
    world.pass(31);
    world.renew("shop", &token, &first.refresh).await.problem(403, "token_reused");
    world.renew("shop", &token, &second.refresh).await.problem(403, "token_revoked");
    assert_eq!(world.verify("shop", &token, &second.auth).await["reason"], "revoked");
    let page = world.metrics.render();
    assert!(page.contains("jwtis_refresh_reuse_detected_total 1\n"), "{page}");
    assert!(
        page.contains(r#"jwtis_tokens_refused_total{operation="renew",reason="token_reused"} 1"#),
        "{page}"
    );
}

#[tokio::test]
async fn point_04_a_lost_answer_costs_nothing_within_the_grace() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_strategy": "refreshBoth"})).await;
    let first = world.issue("shop", &token, json!({})).await;
    Tokens::of(&world.renew("shop", &token, &first.refresh).await);
    world.pass(29);
    let again = Tokens::of(&world.renew("shop", &token, &first.refresh).await);
    let third = Tokens::of(&world.renew("shop", &token, &again.refresh).await);
    // The successor has been used, so the answer was not lost.
    world.renew("shop", &token, &first.refresh).await.problem(403, "token_reused");
    assert!(!world.is_active("shop", &token, &third.auth).await);
}

#[tokio::test]
async fn point_05_access_token_encrypted_to_the_public_key_is_no_refresh_token() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    let forged = encrypt(&world, "shop", &issued.auth).await;
    world.renew("shop", &token, &forged).await.problem(403, "not_a_refresh_token");
    world.renew("shop", &token, &issued.auth).await.problem(403, "invalid_token");
}

#[tokio::test]
async fn point_05_another_clients_refresh_token_is_refused() {
    let world = World::new().await;
    let shop = world.register("shop", json!({})).await;
    let bank = world.register("bank", json!({})).await;
    let issued = world.issue("bank", &bank, json!({})).await;
    world.renew("shop", &shop, &issued.refresh).await.problem(403, "invalid_token");
    // Nor does it help to encrypt its own tokens to the other's key.
    let own = world.issue("shop", &shop, json!({})).await;
    let moved = encrypt(&world, "bank", &own.auth).await;
    world.renew("bank", &bank, &moved).await.problem(403, "invalid_token");
}

#[tokio::test]
async fn point_05_a_token_of_retired_keys_is_refused() {
    let world = World::new().await;
    let token = world.register("shop", json!({"auth_ttl": "1h", "refresh_ttl": "1h"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    world.post("/renew_keys", json!({"kid": "shop"})).bearer(&token).send().await;
    world.pass(3600 + 60);
    world.renew("shop", &token, &issued.refresh).await.problem(403, "invalid_token");
}

#[tokio::test]
async fn point_05_an_edited_token_is_refused() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    let mut header = head(&issued.refresh);
    header["typ"] = json!("jwt");
    let rest = issued.refresh.split_once('.').unwrap().1;
    let header = base64_simd::URL_SAFE_NO_PAD.encode_to_string(header.to_string());
    world.renew("shop", &token, &format!("{header}.{rest}")).await.problem(403, "invalid_token");

    for (part, position) in [(1, 3), (2, 3), (3, 40), (4, 3)] {
        let mut parts: Vec<String> = issued.refresh.split('.').map(str::to_owned).collect();
        let changed = if &parts[part][position..=position] == "A" { "B" } else { "A" };
        parts[part].replace_range(position..=position, changed);
        world.renew("shop", &token, &parts.join(".")).await.problem(403, "invalid_token");
    }
    for garbage in ["x", "a.b.c", "a.b.c.d.e", "....", "ü", "\u{0}"] {
        world.renew("shop", &token, garbage).await.problem(403, "invalid_token");
    }
    assert_eq!(world.renew("shop", &token, &issued.refresh).await.status, 201);
}

#[tokio::test]
async fn point_05_a_revoked_token_is_refused() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    world.post("/revoke_token", json!({"kid": "shop", "id": issued.id})).bearer(&token).send().await;
    world.renew("shop", &token, &issued.refresh).await.problem(403, "token_revoked");
}

#[tokio::test]
async fn point_05_an_expired_token_is_refused() {
    let world = World::new().await;
    let token = world.register("shop", json!({"refresh_ttl": "80h"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    world.pass(80 * 3600 - 1);
    assert_eq!(world.renew("shop", &token, &issued.refresh).await.status, 201);
    world.pass(1);
    world.renew("shop", &token, &issued.refresh).await.problem(409, "token_expired");
}

#[tokio::test]
async fn renew_refuses_a_token_from_the_future() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    let behind = world.elsewhere(START - 600).await;
    behind.renew("shop", &token, &issued.refresh).await.problem(403, "token_not_yet_valid");
    // The server that made it knows that its own clock has stepped back.
    world.clock.set(jwtis_base::Timestamp::from_seconds(START - 3600));
    assert_eq!(world.renew("shop", &token, &issued.refresh).await.status, 201);
}

#[tokio::test]
async fn renew_refuses_while_the_keys_have_expired() {
    let world = World::new().await;
    let token = world.register("shop", json!({"expiry": "100h"})).await;
    let issued = world.issue("shop", &token, json!({})).await;
    world.pass(100 * 3600);
    let answer = world.renew("shop", &token, &issued.refresh).await;
    assert!(
        matches!(answer.json()["code"].as_str(), Some("keys_expired" | "token_expired")),
        "{}",
        answer.text()
    );
    assert_eq!(answer.status, 409);
}

#[tokio::test]
async fn renew_refuses_what_is_mistyped_or_missing() {
    let world = World::new().await;
    let token = world.register("shop", json!({})).await;
    for (body, code) in [
        (json!({"refresh_token": "x"}), "missing_member"),
        (json!({"kid": "shop"}), "missing_member"),
        (json!({"kid": "shop", "refresh_token": ""}), "missing_member"),
        (json!({"kid": "shop", "refresh_token": 1}), "invalid_member"),
        (json!({"kid": "shop", "refreshToken": "x"}), "unknown_member"),
        (json!({"kid": "shop", "refresh_token": "x", "refresh_strategy": "sometimes"}), "invalid_member"),
    ] {
        world.post("/renew_token", body).bearer(&token).send().await.problem(400, code);
    }
}

/// Encrypts `inner` to a client's public key as if it were the inside of a refresh token.
async fn encrypt(world: &World, kid: &str, inner: &str) -> String {
    let keys = world.get(&format!("/keys/{kid}")).send().await.json();
    let jwk = Jwk::parse(keys["enc"].to_string().as_bytes()).unwrap();
    let header = ProtectedHeader { typ: Some("JWT"), cty: Some("JWT") };
    EncryptionKey::from_jwk(&jwk)
        .unwrap()
        .encrypt(ContentEncryption::A256Gcm, &header, inner.as_bytes())
        .unwrap()
}
