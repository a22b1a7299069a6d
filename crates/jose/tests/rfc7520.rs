//! RFC 7520, the cookbook: every example in compact form opens, or is refused for the reason that `decisions.md` gives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{ANY_ENC, parse_jwk, public, refused, text, unb64u, vectors, verifying_key, with};
use jwtis_jose::{
    DecryptError, DecryptionKey, EncryptionKey, HeaderError, HmacKey, Jwk, KeyManagementAlgorithm,
    ParseError, SigningKey, Undecrypted, Unverified, VerifyError, VerifyingKey,
};
use serde_json::{Value, json};

fn cookbook() -> Value {
    vectors("rfc7520")
}

fn decryption_key(section: &str, alg: &str) -> DecryptionKey {
    let key = with(&cookbook()[section]["key"], json!({"alg": alg}));
    DecryptionKey::from_jwk(key.to_string().as_bytes()).unwrap()
}

fn decrypt(section: &str, alg: &str, key: &DecryptionKey) -> Result<Vec<u8>, DecryptError> {
    let book = cookbook();
    let token = Undecrypted::parse(text(&book[section]["token"])).unwrap();
    assert_eq!(token.header().alg(), alg, "{section}");
    key.decrypt(&token, ANY_ENC).map(|decrypted| decrypted.plaintext().to_vec())
}

#[test]
fn rfc7520_3_1_and_3_3_public_keys() {
    let keys = &cookbook()["keys"];
    let ec = parse_jwk(&with(&keys["3.1"], json!({"alg": "ES512"})));
    assert_eq!(ec.kid(), Some("bilbo.baggins@hobbiton.example"));
    assert!(VerifyingKey::from_jwk(&ec).is_ok());
    let rsa = parse_jwk(&with(&keys["3.3"], json!({"alg": "RS256"})));
    assert!(VerifyingKey::from_jwk(&rsa).is_ok());
}

#[test]
fn rfc7520_3_2_and_3_4_private_keys() {
    let keys = &cookbook()["keys"];
    for (private, public, alg) in [("3.2", "3.1", "ES512"), ("3.4", "3.3", "PS384")] {
        let key =
            SigningKey::from_jwk(with(&keys[private], json!({"alg": alg})).to_string().as_bytes()).unwrap();
        assert_eq!(
            key.public_jwk().thumbprint(),
            parse_jwk(&with(&keys[public], json!({"alg": alg}))).thumbprint()
        );
    }
}

#[test]
fn rfc7520_3_5_and_3_6_symmetric_keys_are_not_public_keys() {
    for section in ["3.5", "3.6"] {
        assert!(Jwk::parse(cookbook()["keys"][section].to_string().as_bytes()).is_err(), "{section}");
    }
}

#[test]
fn rfc7520_4_1_to_4_3_signatures() {
    let book = cookbook();
    for (section, key, alg) in [("4.1", "3.3", "RS256"), ("4.2", "3.3", "PS384"), ("4.3", "3.1", "ES512")] {
        let token = Unverified::parse(text(&book[section]["token"])).unwrap();
        assert_eq!((token.header().alg(), token.header().kid()), (alg, book["keys"][key]["kid"].as_str()));
        let verified = verifying_key(&book["keys"][key], alg).verify(&token).unwrap();
        assert_eq!(verified.payload(), text(&book["payload_4"]).as_bytes());
    }
}

#[test]
fn rfc7520_4_4_hs256() {
    let book = cookbook();
    let key = HmacKey::from_bytes(&unb64u(text(&book["keys"]["3.5"]["k"]))).unwrap();
    let token = Unverified::parse(text(&book["4.4"]["token"])).unwrap();
    assert_eq!(key.verify(&token).unwrap().payload(), text(&book["payload_4"]).as_bytes());
}

#[test]
fn rfc7520_4_5_detached_content_is_refused() {
    let book = cookbook();
    let key = HmacKey::from_bytes(&unb64u(text(&book["keys"]["3.5"]["k"]))).unwrap();
    let token = Unverified::parse(text(&book["4.5"]["token"])).unwrap();
    assert_eq!(token.danger_unverified_payload(), b"", "in compact form, detached is the same as empty");
    refused!(key.verify(&token), VerifyError::Signature);
}

#[test]
fn rfc7520_4_6_to_4_8_json_serialisations_are_refused() {
    let book = cookbook();
    for section in ["4.6", "4.7", "4.8"] {
        let json = book[section]["json"].to_string();
        refused!(Unverified::parse(&json), ParseError::PartCount { .. });
    }
}

#[test]
fn rfc7520_5_1_rsa1_5_with_cbc_is_refused() {
    refused!(decrypt("5.1", "RSA1_5", &decryption_key("5.1", "RSA-OAEP")), DecryptError::Algorithm(..));
    refused!(decrypt("5.1", "RSA1_5", &decryption_key("5.1", "RSA1_5")), DecryptError::ContentEncryption(..));
}

#[test]
fn rfc7520_5_2_rsa_oaep_a256gcm_4096() {
    let plaintext = decrypt("5.2", "RSA-OAEP", &decryption_key("5.2", "RSA-OAEP")).unwrap();
    assert_eq!(plaintext, text(&cookbook()["payload_5"]).as_bytes());
}

/// A symmetric `alg` that no key of ours has: all of them refuse the token.
#[test]
fn rfc7520_5_3_and_5_6_to_5_8_symmetric_algorithms_are_refused() {
    for (section, alg) in
        [("5.3", "PBES2-HS512+A256KW"), ("5.6", "dir"), ("5.7", "A256GCMKW"), ("5.8", "A128KW")]
    {
        for (own, name) in common::KEY_MANAGEMENT {
            refused!(decrypt(section, alg, &common::decryption_key(*own, name)), DecryptError::Algorithm(..));
        }
        let own = cookbook()[section]["key"].clone();
        assert!(
            !own.is_object() || DecryptionKey::from_jwk(own.to_string().as_bytes()).is_err(),
            "{section}: an oct key is no key of ours"
        );
    }
}

#[test]
fn rfc7520_5_4_ecdh_es_a128kw_p384() {
    let plaintext = decrypt("5.4", "ECDH-ES+A128KW", &decryption_key("5.4", "ECDH-ES+A128KW")).unwrap();
    assert_eq!(plaintext, text(&cookbook()["payload_5"]).as_bytes());
}

#[test]
fn rfc7520_5_4_with_a_key_of_another_wrap_is_refused() {
    for alg in ["ECDH-ES", "ECDH-ES+A192KW", "ECDH-ES+A256KW"] {
        refused!(decrypt("5.4", "ECDH-ES+A128KW", &decryption_key("5.4", alg)), DecryptError::Algorithm(..));
    }
}

#[test]
fn rfc7520_5_5_ecdh_es_with_cbc_is_refused() {
    refused!(
        decrypt("5.5", "ECDH-ES", &decryption_key("5.5", "ECDH-ES")),
        DecryptError::ContentEncryption(..)
    );
}

#[test]
fn rfc7520_5_9_compressed_content_is_refused() {
    let book = cookbook();
    refused!(Undecrypted::parse(text(&book["5.9"]["token"])), ParseError::Header(HeaderError::Compressed));
}

#[test]
fn rfc7520_5_10_to_5_12_json_serialisations_are_refused() {
    let book = cookbook();
    for section in ["5.10", "5.11", "5.12"] {
        let json = book[section]["json"].to_string();
        refused!(Undecrypted::parse(&json), ParseError::PartCount { .. });
    }
}

#[test]
fn rfc7520_6_nested_signature_in_encryption() {
    let book = cookbook();
    let section = &book["6"];
    let key = DecryptionKey::from_jwk(section["decryption_key"].to_string().as_bytes()).unwrap();
    assert_eq!(key.algorithm(), KeyManagementAlgorithm::RsaOaep, "the JWK of the example names it");

    let opened = jwtis_jose::jwt::open_nested(&key, ANY_ENC, text(&section["token"])).unwrap();
    let token = Unverified::parse(&opened).unwrap();
    assert_eq!(token.header().typ(), Some("JWT"));
    let verified = verifying_key(&section["signing_key"], "PS256").verify(&token).unwrap();
    assert_eq!(
        verified.payload(),
        br#"{"iss":"hobbiton.example","exp":1300819380,"http://example.com/is_root":true}"#
    );
    refused!(verifying_key(&section["signing_key"], "RS256").verify(&token), VerifyError::Algorithm(..));
}

#[test]
fn rfc7520_encryption_keys_take_our_messages() {
    for (section, alg) in [("5.2", "RSA-OAEP"), ("5.4", "ECDH-ES+A192KW"), ("5.5", "ECDH-ES")] {
        let public = with(&public(&cookbook()[section]["key"]), json!({"alg": alg}));
        let key = EncryptionKey::from_jwk(&parse_jwk(&public)).unwrap();
        let token =
            key.encrypt(jwtis_jose::ContentEncryption::A192Gcm, &Default::default(), b"text").unwrap();
        let token = Undecrypted::parse(&token).unwrap();
        assert_eq!(decryption_key(section, alg).decrypt(&token, ANY_ENC).unwrap().plaintext(), b"text");
    }
}
