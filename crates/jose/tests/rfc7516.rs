//! RFC 7516: the worked examples of appendix A, and the steps of decryption (§5.2) that are ours to check.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{ANY_ENC, refused, text, vectors, with};
use jwtis_jose::{ContentEncryption, DecryptError, DecryptionKey, HeaderError, ParseError, Undecrypted};
use serde_json::{Value, json};

fn example(section: &str) -> Value {
    vectors("rfc7516")[section].clone()
}

fn key(section: &str, alg: &str) -> DecryptionKey {
    DecryptionKey::from_jwk(with(&example(section)["key"], json!({"alg": alg})).to_string().as_bytes())
        .unwrap()
}

#[test]
fn rfc7516_a1_rsa_oaep_a256gcm() {
    let example = example("A.1");
    let token = Undecrypted::parse(text(&example["token"])).unwrap();
    assert_eq!((token.header().alg(), token.header().enc()), ("RSA-OAEP", Some("A256GCM")));
    let decrypted = key("A.1", "RSA-OAEP").decrypt(&token, &[ContentEncryption::A256Gcm]).unwrap();
    assert_eq!(decrypted.plaintext(), text(&example["plaintext"]).as_bytes());
}

#[test]
fn rfc7516_a1_is_refused_when_its_enc_is_not_pinned() {
    let example = example("A.1");
    let token = Undecrypted::parse(text(&example["token"])).unwrap();
    let key = key("A.1", "RSA-OAEP");
    refused!(key.decrypt(&token, &[ContentEncryption::A128Gcm]), DecryptError::ContentEncryption(..));
    refused!(key.decrypt(&token, &[]), DecryptError::ContentEncryption(..));
}

#[test]
fn rfc7516_a1_is_refused_by_a_key_of_another_algorithm() {
    let token = example("A.1");
    let token = Undecrypted::parse(text(&token["token"])).unwrap();
    refused!(key("A.1", "RSA-OAEP-256").decrypt(&token, ANY_ENC), DecryptError::Algorithm(..));
}

#[test]
fn rfc7516_a2_rsa1_5_with_cbc_is_refused() {
    let token = example("A.2");
    let token = Undecrypted::parse(text(&token["token"])).unwrap();
    refused!(key("A.2", "RSA-OAEP").decrypt(&token, ANY_ENC), DecryptError::Algorithm(..));
    // Even with the algorithm opted in, A128CBC-HS256 is not a content encryption that we have.
    refused!(key("A.2", "RSA1_5").decrypt(&token, ANY_ENC), DecryptError::ContentEncryption(..));
}

#[test]
fn rfc7516_a3_a128kw_direct_is_refused() {
    let token = example("A.3");
    let token = Undecrypted::parse(text(&token["token"])).unwrap();
    assert_eq!(token.header().alg(), "A128KW");
    refused!(key("A.1", "RSA-OAEP").decrypt(&token, ANY_ENC), DecryptError::Algorithm(..));
    assert!("A128KW".parse::<jwtis_jose::KeyManagementAlgorithm>().is_err());
}

#[test]
fn rfc7516_a4_and_a5_json_serialisations_are_refused() {
    for section in ["A.4", "A.5"] {
        refused!(
            Undecrypted::parse(text(&example(section)["json"])),
            ParseError::PartCount { expected: 5, .. }
        );
    }
}

#[test]
fn rfc7516_4_1_2_enc_is_required_and_a_string() {
    let token = common::forge_jwe(r#"{"alg":"RSA-OAEP"}"#, &[1; 256], &[2; 16], b"text");
    refused!(Undecrypted::parse(&token), ParseError::Header(HeaderError::MissingEnc));
    for enc in ["1", "null", "[\"A128GCM\"]"] {
        let header = format!(r#"{{"alg":"RSA-OAEP","enc":{enc}}}"#);
        let token = common::forge_jwe(&header, &[1; 256], &[2; 16], b"text");
        refused!(Undecrypted::parse(&token), ParseError::Header(HeaderError::WrongType("enc", _)));
    }
}

#[test]
fn rfc7516_5_2_step_15_protected_header_is_authenticated() {
    let example = example("A.1");
    // The same JSON with one more blank: nothing but the additional authenticated data differs.
    let token = common::edit_part(text(&example["token"]), 0, |_| {
        common::b64u(br#"{"alg":"RSA-OAEP", "enc":"A256GCM"}"#)
    });
    let token = Undecrypted::parse(&token).unwrap();
    refused!(key("A.1", "RSA-OAEP").decrypt(&token, ANY_ENC), DecryptError::Failed);
}

#[test]
fn rfc7516_5_2_every_part_is_authenticated() {
    let example = example("A.1");
    let key = key("A.1", "RSA-OAEP");
    for part in 1..5 {
        let token = common::edit_bytes(text(&example["token"]), part, |bytes| bytes[0] ^= 1);
        refused!(key.decrypt(&Undecrypted::parse(&token).unwrap(), ANY_ENC), DecryptError::Failed);
    }
}

#[test]
fn rfc7516_a1_with_the_key_of_a2_fails() {
    let example = example("A.1");
    let token = Undecrypted::parse(text(&example["token"])).unwrap();
    refused!(key("A.2", "RSA-OAEP").decrypt(&token, ANY_ENC), DecryptError::Failed);
}
