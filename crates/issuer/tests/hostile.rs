//! Attacks by name: texts that look like a refresh token and are none. Each starts from real keys of a real client, so that only the named
//! defect can be the reason of the refusal.

use jwtis_issuer::{ClientAccess, KeyOptions, RevokeTarget, TokenSet};
use jwtis_jose::{
    ContentEncryption, EncryptionKey, ProtectedHeader, SignatureAlgorithm, SigningKey, base64url,
};
use jwtis_testkit::issuer::{TARGETS, World, kind, lives};
use serde_json::{Value, json};

const REFRESH: ProtectedHeader<'static> = ProtectedHeader { typ: Some("refresh+jwt"), cty: None };

/// Encrypts `inner` like a refresh token, as anybody can who has the client's public key.
fn encrypted(access: &ClientAccess, inner: &str) -> String {
    let key = EncryptionKey::from_jwk(access.client().keys().active().public_encryption_key()).unwrap();
    key.encrypt(ContentEncryption::A256Gcm, &ProtectedHeader::NESTED_JWT, inner.as_bytes()).unwrap()
}

async fn outcome(world: &World, access: &ClientAccess, token: &str) -> &'static str {
    kind(&world.renew(access, token).await)
}

async fn shop() -> (World, ClientAccess, TokenSet) {
    let world = World::new().await;
    let access = world.client("shop", KeyOptions::default()).await;
    let tokens = world.issue(&access, r#"{"sub":"u1"}"#);
    (world, access, tokens)
}

#[tokio::test]
async fn refuses_forged_refresh_tokens() {
    let (world, access, tokens) = shop().await;
    let bank = world.client("bank", KeyOptions::default()).await;
    let foreign = world.issue(&bank, r#"{"sub":"u1"}"#);

    let ours = access.client().keys().active().public_signing_key().clone();
    let attackers = SigningKey::generate(SignatureAlgorithm::Es256, 256).unwrap();
    let mut jwk: Value = serde_json::from_str(&attackers.to_jwk().unwrap()).unwrap();
    jwk["kid"] = json!(ours.kid());
    let attackers = SigningKey::from_jwk(jwk.to_string().as_bytes()).unwrap();
    let now = world.issuer.env().now().seconds();
    let sid = tokens.session.uuid().to_string();
    let claims =
        json!({"iss":"shop","exp":now + 99,"nbf":now,"iat":now,"jti":"x","sid":sid,"gen":0}).to_string();
    let signed = attackers.sign(&REFRESH, claims.as_bytes()).unwrap();

    for (name, token, wanted) in [
        ("an_access_token_encrypted", encrypted(&access, &tokens.access_token), "not_a_refresh_token"),
        ("an_access_token", tokens.access_token.clone(), "invalid"),
        ("another_client_s", foreign.refresh_token, "invalid"),
        ("signed_by_another_client", encrypted(&access, &foreign.access_token), "invalid"),
        ("signed_by_an_attacker_under_our_kid", encrypted(&access, &signed), "invalid"),
    ] {
        assert_eq!(outcome(&world, &access, &token).await, wanted, "{name}");
    }
    assert_eq!(world.status(&access, &tokens.refresh_token).await, "malformed", "as an access token");
}

#[tokio::test]
async fn refuses_a_token_of_a_retired_key() {
    let world = World::new().await;
    let access = world.client("shop", lives(1, 100)).await;
    let old = world.issue(&access, "{}");
    world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
    let access = world.access("shop").await;
    // One second before the set retires its tokens are known, though expired; then they are not.
    for (passed, renewed, status) in [(100 * 3600 + 59, "expired", "expired"), (1, "invalid", "unknown_key")]
    {
        world.seconds_pass(passed);
        assert_eq!(outcome(&world, &access, &old.refresh_token).await, renewed);
        assert_eq!(world.status(&access, &old.access_token).await, status);
    }
}

#[tokio::test]
async fn refuses_a_refresh_token_whose_layers_belong_to_two_key_sets() {
    let (world, access, tokens) = shop().await;
    world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
    let access = world.access("shop").await;
    assert_eq!(world.status(&access, &tokens.access_token).await, "active", "the retiring set verifies");
    let mixed = encrypted(&access, &tokens.access_token);
    assert_eq!(outcome(&world, &access, &mixed).await, "invalid");
    assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, "renewed");
}

#[tokio::test]
async fn refuses_an_edited_header() {
    let (world, access, tokens) = shop().await;
    let (header, rest) = tokens.refresh_token.split_once('.').unwrap();
    let header = String::from_utf8(base64url::decode(header).unwrap()).unwrap();
    let parsed: Value = serde_json::from_str(&header).unwrap();
    let mut edits = vec![header.replace('{', "{ ")];
    for (name, value) in [
        ("cty", json!("jwt")),
        ("typ", json!("jwt")),
        ("x", json!(1)),
        ("enc", json!("A128GCM")),
        ("alg", json!("ECDH-ES")),
        ("zip", json!("DEF")),
        ("crit", json!(["exp"])),
        ("apu", json!("QQ")),
        ("kid", json!("other")),
    ] {
        let mut edited = parsed.clone();
        edited[name] = value;
        edits.push(edited.to_string());
    }
    for edited in edits {
        assert_ne!(edited, header);
        let token = format!("{}.{rest}", base64url::encode(edited.as_bytes()));
        assert_eq!(outcome(&world, &access, &token).await, "invalid", "{edited}");
    }
}

#[tokio::test]
async fn refuses_a_flipped_character_anywhere() {
    let (world, access, tokens) = shop().await;
    let flipped = |token: &str, position: usize| {
        let mut bytes = token.to_owned().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    for position in (0..tokens.refresh_token.len()).step_by(7) {
        let token = flipped(&tokens.refresh_token, position);
        assert_eq!(outcome(&world, &access, &token).await, "invalid", "position {position}");
    }
    for position in 0..tokens.access_token.len() {
        let token = flipped(&tokens.access_token, position);
        assert_ne!(world.status(&access, &token).await, "active", "position {position}");
    }
    assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, "renewed");
}

#[tokio::test]
async fn refuses_a_revoked_session_however_it_was_revoked() {
    for target in TARGETS {
        let (world, access, tokens) = shop().await;
        world.revoke(&access, target, &tokens).await.unwrap();
        // Within the same millisecond: a session opened right after the mark lives.
        let access = world.access("shop").await;
        let fresh = world.issue(&access, r#"{"sub":"u1"}"#);
        for (tokens, renewed, status) in [(&tokens, "revoked", "revoked"), (&fresh, "renewed", "active")] {
            assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, renewed, "{target}");
            assert_eq!(world.status(&access, &tokens.access_token).await, status, "{target}");
        }
        // And again: the mark moves on.
        world.revoke(&access, "all", &fresh).await.unwrap();
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &fresh.access_token).await, "revoked", "{target}");
    }
}

#[tokio::test]
async fn a_revocation_spares_other_subjects_and_other_clients() {
    let (world, access, tokens) = shop().await;
    let bank = world.client("bank", KeyOptions::default()).await;
    for target in TARGETS {
        world.revoke(&bank, target, &tokens).await.unwrap();
        assert_eq!(world.status(&access, &tokens.access_token).await, "active", "{target}");
    }
    let others = [r#"{"sub":"u2"}"#, "{}"].map(|claims| world.issue(&access, claims));
    world.revoke(&access, "sub", &tokens).await.unwrap();
    assert_eq!(world.status(&access, &tokens.access_token).await, "revoked");
    for other in others {
        assert_eq!(world.status(&access, &other.access_token).await, "active");
    }
}

#[tokio::test]
async fn a_text_that_is_no_token_revokes_nothing_and_says_so() {
    let (world, access, tokens) = shop().await;
    let cut = |token: &str| format!("{}AAAA", &token[..token.len() - 4]);
    let id = tokens.session.uuid().to_string();
    let (access_token, refresh_token) = (cut(&tokens.access_token), cut(&tokens.refresh_token));
    for (target, refusal) in [
        (RevokeTarget::Session("garbage"), "a session id is"),
        (RevokeTarget::Token("garbage"), "not a token"),
        (RevokeTarget::Token(""), "not a token"),
        (RevokeTarget::Token("a.b.c"), "not a token"),
        (RevokeTarget::Token("a.b.c.d.e"), "not a token"),
        (RevokeTarget::Token(&id), "not a token"),
        (RevokeTarget::Token(&access_token), "cut short or changed"),
        (RevokeTarget::Token(&refresh_token), "cut short or changed"),
    ] {
        let refused = world.issuer.revoke(&access, target).await.unwrap_err().to_string();
        assert!(refused.contains(refusal), "{refused}");
    }
    assert_eq!(world.status(&access, &tokens.access_token).await, "active");
}

#[tokio::test]
async fn a_token_is_valid_between_its_times_and_clocks_may_differ_by_a_minute() {
    let (made_by, access, tokens) = shop().await;
    // Another server, whose clock is behind: one that had seen the time of the token would take it.
    for (seconds, status, renewed) in [(-60, "active", "renewed"), (-61, "not_yet_valid", "not_yet_valid")] {
        let world = made_by.restarted(seconds).await;
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &tokens.access_token).await, status);
        assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, renewed);
    }
    for (seconds, renewed) in [(720 * 3600 - 1, "renewed"), (720 * 3600, "expired")] {
        made_by.set(seconds);
        assert_eq!(outcome(&made_by, &access, &tokens.refresh_token).await, renewed);
    }
}
