//! RFC 7638: the thumbprint of a key, and RFC 9278: its URI. Every `kid` that we make is one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use aws_lc_rs::digest::{SHA256, digest};
use common::{b64u, parse_jwk, public, test_key, text, vectors, with};
use jwtis_jose::{KeyManagementAlgorithm, SignatureAlgorithm};
use serde_json::json;

const EXAMPLE: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

#[test]
fn rfc7638_3_1_rsa() {
    let example = &vectors("rfc7638")["3.1"];
    assert_eq!(text(&example["thumbprint"]), EXAMPLE);
    assert_eq!(parse_jwk(&example["key"]).thumbprint(), EXAMPLE);
}

#[test]
fn rfc9278_5_thumbprint_uri() {
    let key = parse_jwk(&vectors("rfc7638")["3.1"]["key"]);
    assert_eq!(key.thumbprint_uri(), format!("urn:ietf:params:oauth:jwk-thumbprint:sha-256:{EXAMPLE}"));
}

#[test]
fn rfc8037_a3_ed25519() {
    let vectors = vectors("rfc8037");
    let key = with(&vectors["A.2"], json!({"alg": "EdDSA"}));
    assert_eq!(parse_jwk(&key).thumbprint(), text(&vectors["A.3"]));
}

#[test]
fn rfc7638_3_2_ec_members_in_order() {
    let key = with(&public(&test_key("P-384")["jwk"]), json!({"alg": "ES384"}));
    let input =
        format!(r#"{{"crv":"P-384","kty":"EC","x":"{}","y":"{}"}}"#, text(&key["x"]), text(&key["y"]));
    assert_eq!(parse_jwk(&key).thumbprint(), b64u(digest(&SHA256, input.as_bytes())));
}

#[test]
fn rfc7638_3_2_1_optional_members_do_not_matter() {
    let bare = vectors("rfc7638")["3.1"]["key"].clone();
    for other in [
        json!({"kid": null}),
        json!({"kid": "another"}),
        json!({"use": "sig"}),
        json!({"alg": "PS512"}),
        json!({"x5t": "AA"}),
    ] {
        assert_eq!(parse_jwk(&with(&bare, other)).thumbprint(), EXAMPLE);
    }
}

#[test]
fn rfc7638_3_3_members_of_the_input_are_sorted_whatever_the_document_says() {
    let key = vectors("rfc7638")["3.1"]["key"].clone();
    let reversed: serde_json::Map<_, _> = key.as_object().unwrap().clone().into_iter().rev().collect();
    assert_eq!(parse_jwk(&reversed.into()).thumbprint(), EXAMPLE);
}

#[test]
fn kid_of_a_key_without_one_is_its_thumbprint() {
    for alg in SignatureAlgorithm::ALL {
        let key = common::signing_key(*alg);
        assert_eq!(key.kid(), key.public_jwk().thumbprint(), "{alg}");
        assert_eq!(key.verifying_key().kid(), key.kid(), "{alg}");
    }
    for (alg, name) in common::KEY_MANAGEMENT {
        let key = common::decryption_key(*alg, name);
        assert_eq!(key.kid(), key.public_jwk().thumbprint(), "{alg} {name}");
        assert_eq!(key.encryption_key().kid(), key.kid(), "{alg} {name}");
    }
}

#[test]
fn kid_does_not_depend_on_the_algorithm_of_the_key() {
    let rsa = |alg| common::signing_key(alg).kid().to_owned();
    assert_eq!(rsa(SignatureAlgorithm::Rs256), rsa(SignatureAlgorithm::Ps512));
    let ec = |alg| common::decryption_key(alg, "P-256").kid().to_owned();
    assert_eq!(ec(KeyManagementAlgorithm::EcdhEs), ec(KeyManagementAlgorithm::EcdhEsA256Kw));
}
