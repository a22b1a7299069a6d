//! Every pair of algorithms, and every content encryption with every key management, through the whole life of a token.

use jwtis_issuer::{IssuerSettings, KeyDefaults, KeyOptions};
use jwtis_jose::{ContentEncryption, KeyManagementAlgorithm, SignatureAlgorithm, jwe};
use jwtis_store::open_memory;
use jwtis_testkit::issuer::{World, jwks, rotating, text, verified_by_jwks};

#[tokio::test(flavor = "multi_thread")]
async fn all_algorithms_live_a_whole_token_life() {
    let defaults = KeyDefaults { allow_rsa1_5: true, ..KeyDefaults::default() };
    let settings = IssuerSettings { defaults, ..IssuerSettings::default() };
    let world = World::with(open_memory(), settings).await;
    for (row, sig_alg) in SignatureAlgorithm::ALL.iter().enumerate() {
        for (column, enc_alg) in KeyManagementAlgorithm::ALL.iter().enumerate() {
            // Over the rows, every key management meets every content encryption.
            live(&world, *sig_alg, *enc_alg, ContentEncryption::ALL[(row + column) % 3]).await;
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
    let options =
        KeyOptions { sig_alg: Some(sig_alg), enc_alg: Some(enc_alg), cont_enc: Some(content), ..rotating() };
    let access = world.client(&name, options).await;
    let first = world.issue(&access, r#"{"sub":"u1","n":7}"#);
    let refresh = jwe::Undecrypted::parse(&first.refresh_token).unwrap();
    assert_eq!(refresh.header().alg(), enc_alg.name(), "{name}");
    assert_eq!(refresh.header().enc(), Some(content.name()), "{name}");

    let jwks = jwks(&access, world.issuer.env().now());
    let claims = verified_by_jwks(&jwks, &first.access_token).expect(&name);
    assert_eq!((text(&claims, "sub"), text(&claims, "iss")), ("u1", name.as_str()));
    assert_eq!(text(&claims, "sid"), first.session.uuid().to_string());

    let second = world.renew(&access, &first.refresh_token).await.expect(&name);
    assert_eq!(second.session, first.session);
    assert_ne!(second.refresh_token, first.refresh_token);
    let third = world.renew(&access, &second.refresh_token).await.expect(&name);
    for tokens in [second, third] {
        assert!(verified_by_jwks(&jwks, &tokens.access_token).is_some(), "{name}");
        assert_eq!(world.status(&access, &tokens.access_token).await, "active", "{name}");
    }
}
