//! Point 2: every pair of algorithms, with every content encryption, through the whole life of a token.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod support;

use jwtis_issuer::{IssuerSettings, KeyDefaults, KeyOptions, RefreshStrategy};
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm, jwe};
use jwtis_store::open_memory;
use support::{World, jwks, text, verified_by_jwks};

/// 10 × 7 pairs, each with one of the three content encryptions in turn.
#[tokio::test(flavor = "multi_thread")]
async fn point_02_all_algorithm_pairs_live_a_whole_token_life() {
    let defaults = KeyDefaults { allow_rsa1_5: true, ..KeyDefaults::default() };
    let settings = IssuerSettings { defaults, ..IssuerSettings::default() };
    let world = World::with(open_memory(), settings).await;
    for (row, sig_alg) in SignatureAlgorithm::ALL.iter().enumerate() {
        for (column, enc_alg) in KeyManagementAlgorithm::ALL.iter().enumerate() {
            let content = ContentEncryption::ALL[(row + column) % 3];
            live(&world, *sig_alg, *enc_alg, content).await;
        }
    }
}

/// The content encryptions do not depend on the signature: all three with each key management.
#[tokio::test(flavor = "multi_thread")]
async fn point_02_all_content_encryptions_with_every_key_management() {
    let defaults = KeyDefaults { allow_rsa1_5: true, ..KeyDefaults::default() };
    let settings = IssuerSettings { defaults, ..IssuerSettings::default() };
    let world = World::with(open_memory(), settings).await;
    for enc_alg in KeyManagementAlgorithm::ALL {
        for content in ContentEncryption::ALL {
            live(&world, SignatureAlgorithm::EdDsa, *enc_alg, *content).await;
        }
    }
}

async fn live(
    world: &World,
    sig_alg: SignatureAlgorithm,
    enc_alg: KeyManagementAlgorithm,
    content: ContentEncryption,
) {
    let name = format!("{sig_alg}.{enc_alg}.{content}").replace('+', "-");
    let options = KeyOptions {
        sig_alg: Some(sig_alg),
        enc_alg: Some(enc_alg),
        cont_enc: Some(content),
        refresh_strategy: Some(RefreshStrategy::RefreshBoth),
        ..KeyOptions::default()
    };
    let access = world.client(&name, options).await;
    let first = world.issue(&access, r#"{"sub":"u1","n":7}"#);

    let header = jwe::Undecrypted::parse(&first.refresh_token).unwrap();
    assert_eq!(header.header().alg(), enc_alg.name(), "{name}");
    assert_eq!(header.header().enc(), Some(content.name()), "{name}");

    let jwks = jwks(&access, world.issuer.env().now());
    let claims = verified_by_jwks(&jwks, &first.access_token).expect(&name);
    assert_eq!(text(&claims, "sub"), "u1");
    assert_eq!(text(&claims, "iss"), name);
    assert_eq!(text(&claims, "sid"), first.session.uuid().to_string());

    let second = world.renew(&access, &first.refresh_token).await.expect(&name);
    assert_eq!(second.session, first.session);
    assert!(verified_by_jwks(&jwks, &second.access_token).is_some(), "{name}");
    assert_eq!(world.status(&access, &second.access_token).await, "active", "{name}");
    assert_ne!(second.refresh_token, first.refresh_token);
    let third = world.renew(&access, &second.refresh_token).await.expect(&name);
    assert_eq!(world.status(&access, &third.access_token).await, "active", "{name}");
}
