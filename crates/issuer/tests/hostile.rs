//! Point 5: what looks like a refresh token and is none, by name of the attack. Each starts from real keys of a real client, so that
//! only the defect named can be the reason of the refusal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod support;

use jwtis_base::{Timestamp, Ttl};
use jwtis_issuer::{ClientAccess, IssuerSettings, KeyOptions, RevokeTarget, TokenSet};
use jwtis_jose::{ContentEncryption, EncryptionKey, ProtectedHeader, SigningKey, base64url};
use serde_json::json;
use support::{World, kind};

const NESTED: ProtectedHeader<'static> = ProtectedHeader { typ: Some("JWT"), cty: Some("JWT") };
const REFRESH: ProtectedHeader<'static> = ProtectedHeader { typ: Some("refresh+jwt"), cty: None };

/// Encrypts as anybody can who has fetched the client's public key.
fn encrypt_to(access: &ClientAccess, header: &ProtectedHeader<'_>, inner: &str) -> String {
    let jwk = access.client().keys().active().public_encryption_key();
    let key = EncryptionKey::from_jwk(jwk).unwrap();
    key.encrypt(ContentEncryption::A256Gcm, header, inner.as_bytes()).unwrap()
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
async fn point_05_an_access_token_encrypted_to_the_public_key_is_no_refresh_token() {
    let (world, access, tokens) = shop().await;
    let forged = encrypt_to(&access, &NESTED, &tokens.access_token);
    assert_eq!(outcome(&world, &access, &forged).await, "not_a_refresh_token");
}

#[tokio::test]
async fn point_05_another_client_s_refresh_token() {
    let (world, _, tokens) = shop().await;
    let bank = world.client("bank", KeyOptions::default()).await;
    assert_eq!(outcome(&world, &bank, &tokens.refresh_token).await, "invalid");
}

#[tokio::test]
async fn point_05_an_inner_jws_signed_by_another_client_s_key() {
    let (world, access, _) = shop().await;
    let bank = world.client("bank", KeyOptions::default()).await;
    let inner = world.issue(&bank, r#"{"sub":"u1"}"#).access_token;
    assert_eq!(outcome(&world, &access, &encrypt_to(&access, &NESTED, &inner)).await, "invalid");
}

#[tokio::test]
async fn point_05_an_inner_jws_signed_by_an_attacker_s_key_under_our_kid() {
    let (world, access, tokens) = shop().await;
    let ours = access.client().keys().active().public_signing_key().clone();
    let theirs = SigningKey::generate(jwtis_jose::SignatureAlgorithm::Es256, 256).unwrap();
    let mut jwk: serde_json::Value = serde_json::from_str(&theirs.to_jwk().unwrap()).unwrap();
    jwk["kid"] = json!(ours.kid());
    let theirs = SigningKey::from_jwk(jwk.to_string().as_bytes()).unwrap();
    let now = world.issuer.env().now().seconds();
    let claims = json!({"iss":"shop","exp":now + 99,"nbf":now,"iat":now,"jti":"x","sid":tokens.session.uuid().to_string(),"gen":0});
    let inner = theirs.sign(&REFRESH, claims.to_string().as_bytes()).unwrap();
    assert_eq!(outcome(&world, &access, &encrypt_to(&access, &NESTED, &inner)).await, "invalid");
}

#[tokio::test]
async fn point_05_an_inner_jws_signed_by_a_retired_key() {
    let world = World::new().await;
    let options = KeyOptions {
        refresh_ttl: Some(Ttl::from_hours(100)),
        auth_ttl: Some(Ttl::from_hours(1)),
        ..KeyOptions::default()
    };
    let access = world.client("shop", options).await;
    let old = world.issue(&access, "{}");
    world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
    let access = world.access("shop").await;
    // One second before the set retires its tokens are known, though long expired; then they are not.
    world.seconds_pass(100 * 3600 + 59);
    assert_eq!(outcome(&world, &access, &old.refresh_token).await, "expired");
    assert_eq!(world.status(&access, &old.access_token).await, "expired");
    world.seconds_pass(1);
    assert_eq!(outcome(&world, &access, &old.refresh_token).await, "invalid");
    assert_eq!(world.status(&access, &old.access_token).await, "unknown_key");
}

#[tokio::test]
async fn a_refresh_token_whose_layers_belong_to_two_key_sets() {
    let (world, access, tokens) = shop().await;
    let old_inner_kid = access.client().keys().active().public_signing_key().kid().unwrap().to_owned();
    world.issuer.renew_keys(&access, KeyOptions::default()).await.unwrap();
    let access = world.access("shop").await;
    // Signed by the retiring set, which still verifies, encrypted to the active one.
    assert!(access.client().keys().by_signing_kid(&old_inner_kid, world.issuer.env().now()).is_some());
    let mixed = encrypt_to(&access, &NESTED, &tokens.access_token);
    assert_eq!(outcome(&world, &access, &mixed).await, "invalid");
    assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, "renewed");
}

#[tokio::test]
async fn point_05_an_edited_header() {
    let (world, access, tokens) = shop().await;
    let (header, rest) = tokens.refresh_token.split_once('.').unwrap();
    let header = String::from_utf8(base64url::decode(header).unwrap()).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&header).unwrap();
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
    assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, "renewed");
}

#[tokio::test]
async fn point_05_after_revocation() {
    let claims = r#"{"sub":"u1"}"#;
    for target in ["id", "refresh_token", "auth_token", "sub", "all"] {
        let (world, access, tokens) = shop().await;
        let id = tokens.session.uuid().to_string();
        let revoke = match target {
            "id" => RevokeTarget::Session(&id),
            "refresh_token" => RevokeTarget::Token(&tokens.refresh_token),
            "auth_token" => RevokeTarget::Token(&tokens.access_token),
            "sub" => RevokeTarget::Subject("u1"),
            _ => RevokeTarget::All,
        };
        world.issuer.revoke(&access, revoke).await.unwrap();
        // Within the same millisecond: a session opened right after the mark lives.
        let access = world.access("shop").await;
        let fresh = world.issue(&access, claims);
        assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, "revoked", "{target}");
        assert_eq!(world.status(&access, &tokens.access_token).await, "revoked", "{target}");
        assert_eq!(outcome(&world, &access, &fresh.refresh_token).await, "renewed", "{target}");
        assert_eq!(world.status(&access, &fresh.access_token).await, "active", "{target}");
        // And again: the mark moves on.
        world.issuer.revoke(&access, RevokeTarget::All).await.unwrap();
        let access = world.access("shop").await;
        assert_eq!(world.status(&access, &fresh.access_token).await, "revoked", "{target}");
    }
}

#[tokio::test]
async fn revoking_a_subject_spares_the_others() {
    let (world, access, tokens) = shop().await;
    let other = world.issue(&access, r#"{"sub":"u2"}"#);
    let nobody = world.issue(&access, "{}");
    world.issuer.revoke(&access, RevokeTarget::Subject("u1")).await.unwrap();
    assert_eq!(world.status(&access, &tokens.access_token).await, "revoked");
    assert_eq!(world.status(&access, &other.access_token).await, "active");
    assert_eq!(world.status(&access, &nobody.access_token).await, "active");
}

#[tokio::test]
async fn revoking_what_is_not_ours_changes_nothing_and_is_no_error() {
    let (world, access, tokens) = shop().await;
    let bank = world.client("bank", KeyOptions::default()).await;
    let id = tokens.session.uuid().to_string();
    for target in [
        RevokeTarget::Token(&tokens.refresh_token),
        RevokeTarget::Token(&tokens.access_token),
        RevokeTarget::Session(&id),
        RevokeTarget::Subject("u1"),
        RevokeTarget::All,
    ] {
        world.issuer.revoke(&bank, target).await.unwrap();
        assert_eq!(world.status(&access, &tokens.access_token).await, "active");
    }
    let forged = format!("{}AAAA", &tokens.access_token[..tokens.access_token.len() - 4]);
    let changed = format!("{}AAAA", &tokens.refresh_token[..tokens.refresh_token.len() - 4]);
    for (target, refusal) in [
        (RevokeTarget::Session("garbage"), "a session id is"),
        (RevokeTarget::Token("garbage"), "not a token"),
        (RevokeTarget::Token(""), "not a token"),
        (RevokeTarget::Token("a.b.c"), "not a token"),
        (RevokeTarget::Token("a.b.c.d.e"), "not a token"),
        (RevokeTarget::Token(&id), "not a token"),
        (RevokeTarget::Token(&forged), "cut short or changed"),
        (RevokeTarget::Token(&changed), "cut short or changed"),
    ] {
        let refused = world.issuer.revoke(&access, target).await.unwrap_err().to_string();
        assert!(refused.contains(refusal), "{refused}");
    }
    assert_eq!(world.status(&access, &tokens.access_token).await, "active");
}

#[tokio::test]
async fn point_05_past_its_exp() {
    let (world, access, tokens) = shop().await;
    world.seconds_pass(720 * 3600 - 1);
    assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, "renewed");
    world.seconds_pass(1);
    assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, "expired");
}

#[tokio::test]
async fn a_token_from_the_future_waits_for_its_time() {
    let (made_by, _, tokens) = shop().await;
    // Another server, whose clock is behind: one that had seen the time of the token would take it.
    let behind = async |seconds| {
        let now = Timestamp::from_seconds(support::START.seconds() - seconds);
        let world = World::at(now, made_by.issuer.store().clone(), IssuerSettings::default()).await;
        let access = world.access("shop").await;
        (world, access)
    };
    let (world, access) = behind(60).await;
    assert_eq!(world.status(&access, &tokens.access_token).await, "active", "clocks may differ by a minute");
    let (world, access) = behind(61).await;
    assert_eq!(world.status(&access, &tokens.access_token).await, "not_yet_valid");
    assert_eq!(outcome(&world, &access, &tokens.refresh_token).await, "not_yet_valid");
}

#[tokio::test]
async fn an_access_token_is_no_refresh_token_and_the_reverse() {
    let (world, access, tokens) = shop().await;
    assert_eq!(outcome(&world, &access, &tokens.access_token).await, "invalid");
    assert_eq!(world.status(&access, &tokens.refresh_token).await, "malformed");
}

#[tokio::test]
async fn a_flipped_character_anywhere_is_refused() {
    let (world, access, tokens) = shop().await;
    for position in (0..tokens.refresh_token.len()).step_by(7) {
        let mut bytes = tokens.refresh_token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(bytes).unwrap();
        assert_eq!(outcome(&world, &access, &token).await, "invalid", "position {position}");
    }
    for position in 0..tokens.access_token.len() {
        let mut bytes = tokens.access_token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(bytes).unwrap();
        assert_ne!(world.status(&access, &token).await, "active", "position {position}");
    }
}
