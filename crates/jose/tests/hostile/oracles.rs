//! What an attacker learns from a refusal, and what a token that opens does not prove.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use jwtis_jose::{
    ContentEncryption, DecryptError, KeyManagementAlgorithm, ProtectedHeader, SignatureAlgorithm, jwt,
};
use serde_json::json;

use crate::{
    common::{
        ANY_ENC, b64u, decryption_key, edit_bytes, edit_part, forge_jwe, refused, signing_key, test_key_der,
        wrap,
    },
    encryption::{agreed, decrypt, ecdh_key, header},
};

fn rsa_public() -> PublicEncryptingKey {
    PrivateDecryptingKey::from_pkcs8(&test_key_der("RSA-2048")).unwrap().public_key()
}

/// A token under the test key RSA-2048 whose content key is any bytes.
fn rsa(alg: &str, cek: &[u8]) -> String {
    let mut encrypted = vec![0; 256];
    if alg == "RSA1_5" {
        Pkcs1PublicEncryptingKey::new(rsa_public()).unwrap().encrypt(cek, &mut encrypted).unwrap();
    } else {
        OaepPublicEncryptingKey::new(rsa_public())
            .unwrap()
            .encrypt(&OAEP_SHA1_MGF1SHA1, cek, &mut encrypted, None)
            .unwrap();
    }
    let sealed_with = if [16, 24, 32].contains(&cek.len()) { cek.to_vec() } else { vec![0; 16] };
    forge_jwe(&format!(r#"{{"alg":"{alg}","enc":"A128GCM"}}"#), &encrypted, &sealed_with, b"text")
}

#[test]
fn bleichenbacher_and_manger_find_one_error_for_every_failure() {
    for alg in ["RSA1_5", "RSA-OAEP"] {
        let key = decryption_key(alg.parse().unwrap(), "RSA-2048");
        let good = rsa(alg, &[3; 16]);
        assert_eq!(decrypt(&key, &good).unwrap(), b"text", "control");

        let bad_tag = decrypt(&key, &edit_bytes(&good, 4, |tag| tag[0] ^= 1)).unwrap_err();
        let failures = [
            edit_bytes(&good, 1, |encrypted| encrypted.fill(0)),
            edit_bytes(&good, 1, |encrypted| encrypted.fill(0xff)),
            edit_bytes(&good, 1, |encrypted| {
                encrypted.fill(0);
                encrypted[255] = 1;
            }),
            edit_bytes(&good, 1, |encrypted| encrypted[255] ^= 1),
            edit_bytes(&good, 1, |encrypted| encrypted[0] ^= 0x80),
            edit_bytes(&good, 3, |ciphertext| ciphertext[0] ^= 1),
            rsa(alg, &[3; 15]),
            rsa(alg, &[3; 32]),
            rsa(alg, &[]),
        ];
        for (at, token) in failures.iter().enumerate() {
            let error = decrypt(&key, token).unwrap_err();
            assert_eq!(format!("{error:?}"), format!("{bad_tag:?}"), "{alg} case {at}");
            assert_eq!(error.to_string(), bad_tag.to_string(), "{alg} case {at}");
            assert!(std::error::Error::source(&error).is_none(), "no chain that tells more");
        }
    }
}

#[test]
fn rfc7516_11_5_random_key_stands_in_for_bad_padding() {
    // The substitute must not be a key that the attacker can guess: all zeros opened the token in several libraries.
    let key = decryption_key(KeyManagementAlgorithm::DangerRsa15, "RSA-2048");
    for guess in [[0; 16], [0xff; 16]] {
        let token = forge_jwe(r#"{"alg":"RSA1_5","enc":"A128GCM"}"#, &[1; 256], &guess, b"from anyone");
        refused!(decrypt(&key, &token), DecryptError::Failed);
    }
}

#[test]
fn rsa1_5_token_is_refused_by_a_key_that_did_not_opt_in() {
    let token = rsa("RSA1_5", &[3; 16]);
    for alg in [KeyManagementAlgorithm::RsaOaep, KeyManagementAlgorithm::RsaOaep256] {
        refused!(decrypt(&decryption_key(alg, "RSA-2048"), &token), DecryptError::Algorithm(..));
    }
}

#[test]
fn rsa_oaep_and_rsa_oaep_256_are_two_algorithms() {
    let token =
        edit_part(&rsa("RSA-OAEP", &[3; 16]), 0, |_| b64u(r#"{"alg":"RSA-OAEP-256","enc":"A128GCM"}"#));
    refused!(
        decrypt(&decryption_key(KeyManagementAlgorithm::RsaOaep256, "RSA-2048"), &token),
        DecryptError::Failed
    );
}

#[test]
fn nested_token_without_cty_is_refused() {
    let signing = signing_key(SignatureAlgorithm::Es256);
    let key = ecdh_key();
    let inner = signing.sign(&ProtectedHeader::JWT, b"{}").unwrap();
    for header in [
        ProtectedHeader::default(),
        ProtectedHeader::JWT,
        ProtectedHeader { typ: Some("JWT"), cty: Some("text/plain") },
        ProtectedHeader { typ: Some("JWT"), cty: Some("") },
    ] {
        let token =
            key.encryption_key().encrypt(ContentEncryption::A128Gcm, &header, inner.as_bytes()).unwrap();
        refused!(jwt::open_nested(&key, ANY_ENC, &token), DecryptError::NotNested);
    }
    let binary = key
        .encryption_key()
        .encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::NESTED_JWT, b"\xff")
        .unwrap();
    refused!(jwt::open_nested(&key, ANY_ENC, &binary), DecryptError::NotNested);
    refused!(jwt::open_nested(&key, ANY_ENC, &inner), DecryptError::Parse(_));
    for cty in ["JWT", "jwt", "application/jwt"] {
        let header = ProtectedHeader { typ: None, cty: Some(cty) };
        let token =
            key.encryption_key().encrypt(ContentEncryption::A128Gcm, &header, inner.as_bytes()).unwrap();
        assert!(jwt::open_nested(&key, ANY_ENC, &token).is_ok(), "{cty}");
    }
}

#[test]
fn what_anyone_can_encrypt_proves_nothing_about_its_origin() {
    // The hole of the Go program: an access token that somebody encrypts to the public key. It opens, and its own type is
    // what tells it from a refresh token.
    let signing = signing_key(SignatureAlgorithm::Es256);
    let key = ecdh_key();
    let access = signing.sign(&ProtectedHeader::JWT, b"{}").unwrap();
    let token = key
        .encryption_key()
        .encrypt(ContentEncryption::A256Gcm, &ProtectedHeader::NESTED_JWT, access.as_bytes())
        .unwrap();
    let opened = jwt::open_nested(&key, ANY_ENC, &token).unwrap();
    let verified = signing.verifying_key().verify(&jwtis_jose::Unverified::parse(&opened).unwrap()).unwrap();
    assert!(!jwtis_jose::is_type(verified.header().typ(), "refresh+jwt"));
}

#[test]
fn wrapped_key_of_the_wrong_size_fails_like_a_bad_tag() {
    // Sealed under a 256-bit key that is truly wrapped, and declared as A128GCM.
    for (alg, size) in [("RSA-OAEP", 32), ("RSA-OAEP", 15), ("RSA-OAEP", 1)] {
        let token = rsa(alg, &vec![3; size]);
        refused!(decrypt(&decryption_key(alg.parse().unwrap(), "RSA-2048"), &token), DecryptError::Failed);
    }
    let kek = agreed("ECDH-ES+A256KW", 32);
    let header = header(json!({"alg": "ECDH-ES+A256KW"})).to_string();
    let key = decryption_key(KeyManagementAlgorithm::EcdhEsA256Kw, "P-256");
    assert_eq!(
        decrypt(&key, &forge_jwe(&header, &wrap(&kek, &[3; 16]), &[3; 16], b"text")).unwrap(),
        b"text"
    );
    let wrong = decrypt(&key, &forge_jwe(&header, &wrap(&kek, &[3; 32]), &[3; 32], b"text"));
    assert!(
        matches!(wrong, Err(DecryptError::Failed | DecryptError::EncryptedKeyLength { .. })),
        "{wrong:?}"
    );
    let mut damaged = wrap(&kek, &[3; 16]);
    damaged[0] ^= 1;
    refused!(decrypt(&key, &forge_jwe(&header, &damaged, &[3; 16], b"text")), DecryptError::Failed);
}
