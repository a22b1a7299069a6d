//! What one half of the crate makes, the other half takes, and nothing that was changed on the way: every algorithm with
//! every curve, every byte, every form in which a key leaves and comes back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{
    ANY_ENC, KEY_MANAGEMENT, decryption_key, refused, signing_key, test_key, test_key_der, text, with,
};
use jwtis_jose::{
    ContentEncryption, DecryptError, DecryptionKey, EncryptError, EncryptionKey, HmacKey, Jwk,
    KeyManagementAlgorithm, MAX_TOKEN_BYTES, ProtectedHeader, SignError, SignatureAlgorithm, SigningKey,
    Undecrypted, Unverified, VerifyError, VerifyingKey, jwt,
};
use proptest::prelude::*;
use serde_json::json;

const HEADER: ProtectedHeader<'static> = ProtectedHeader { typ: Some("at+jwt"), cty: Some("text/plain") };

#[test]
fn every_signature_algorithm_signs_and_verifies() {
    for alg in SignatureAlgorithm::ALL {
        let key = signing_key(*alg);
        let token = key.sign(&HEADER, b"payload").unwrap();
        assert_eq!(token.len(), token.capacity(), "{alg}: one allocation of the right size");
        let token = Unverified::parse(&token).unwrap();
        let published =
            VerifyingKey::from_jwk(&Jwk::parse(key.public_jwk().to_json().as_bytes()).unwrap()).unwrap();
        for verifier in [key.verifying_key(), &published] {
            let verified = verifier.verify(&token).unwrap();
            let header = verified.header();
            assert_eq!((header.alg(), header.kid()), (alg.name(), Some(key.kid())));
            assert_eq!((header.typ(), header.cty()), (HEADER.typ, HEADER.cty));
            assert_eq!(verified.payload(), b"payload");
        }
    }
}

#[test]
fn every_key_verifies_only_its_own_algorithm() {
    for ours in SignatureAlgorithm::ALL {
        let key = signing_key(*ours);
        for theirs in SignatureAlgorithm::ALL.iter().filter(|alg| *alg != ours) {
            let token = signing_key(*theirs).sign(&HEADER, b"payload").unwrap();
            let token = Unverified::parse(&token).unwrap();
            refused!(key.verifying_key().verify(&token), VerifyError::Algorithm(..));
        }
    }
}

#[test]
fn hmac_key_signs_and_verifies() {
    let key = HmacKey::from_bytes(&[3; 32]).unwrap();
    let token = key.sign(&ProtectedHeader::JWT, b"{}").unwrap();
    let token = Unverified::parse(&token).unwrap();
    assert_eq!(key.verify(&token).unwrap().payload(), b"{}");
    refused!(HmacKey::from_bytes(&[4; 32]).unwrap().verify(&token), VerifyError::Signature);
    assert_eq!(format!("{key:?}"), r#"HmacKey { alg: "HS256", .. }"#);
}

#[test]
fn nothing_is_made_that_nobody_would_read() {
    let signing = signing_key(SignatureAlgorithm::EdDsa);
    let decryption = decryption_key(KeyManagementAlgorithm::EcdhEs, "P-256");
    let (sign, encrypt) = (
        |bytes| signing.sign(&HEADER, &vec![0; bytes]),
        |bytes| decryption.encryption_key().encrypt(ContentEncryption::A128Gcm, &HEADER, &vec![0; bytes]),
    );
    for bytes in [MAX_TOKEN_BYTES / 4 * 3, MAX_TOKEN_BYTES, MAX_TOKEN_BYTES + 1] {
        assert_eq!(sign(bytes), Err(SignError::TooLong(MAX_TOKEN_BYTES)));
        assert_eq!(encrypt(bytes), Err(EncryptError::TooLong(MAX_TOKEN_BYTES)));
    }
    let (signed, encrypted) =
        (sign(MAX_TOKEN_BYTES / 4 * 3 - 600).unwrap(), encrypt(MAX_TOKEN_BYTES / 4 * 3 - 600).unwrap());
    assert!(signing.verifying_key().verify(&Unverified::parse(&signed).unwrap()).is_ok());
    assert!(decryption.decrypt(&Undecrypted::parse(&encrypted).unwrap(), ANY_ENC).is_ok());
}

#[test]
fn every_key_management_opens_every_content_encryption_on_every_curve() {
    for (alg, name) in KEY_MANAGEMENT {
        let key = decryption_key(*alg, name);
        let public =
            EncryptionKey::from_jwk(&Jwk::parse(key.public_jwk().to_json().as_bytes()).unwrap()).unwrap();
        for enc in ContentEncryption::ALL {
            for plaintext in [&b""[..], b"x", &[0xa5; 1000]] {
                let token = public.encrypt(*enc, &HEADER, plaintext).unwrap();
                assert_eq!(token.len(), token.capacity(), "{alg} {enc}: one allocation of the right size");
                let token = Undecrypted::parse(&token).unwrap();
                let header = token.header();
                assert_eq!(
                    (header.alg(), header.enc(), header.kid()),
                    (alg.name(), Some(enc.name()), Some(key.kid()))
                );
                assert_eq!((header.typ(), header.cty()), (HEADER.typ, HEADER.cty));
                assert_eq!(
                    key.decrypt(&token, &[*enc]).unwrap().plaintext(),
                    plaintext,
                    "{alg} {name} {enc}"
                );
            }
        }
    }
}

#[test]
fn two_encryptions_of_one_text_share_nothing() {
    let key = decryption_key(KeyManagementAlgorithm::EcdhEsA128Kw, "P-256");
    let token =
        || key.encryption_key().encrypt(ContentEncryption::A128Gcm, &HEADER, b"the same text").unwrap();
    let (one, two) = (token(), token());
    for (part, (one, two)) in one.split('.').zip(two.split('.')).enumerate() {
        assert_ne!(one, two, "part {part}");
    }
}

#[test]
fn no_signed_token_survives_a_change_of_any_byte() {
    for alg in SignatureAlgorithm::ALL {
        let key = signing_key(*alg);
        let token = key.sign(&ProtectedHeader::default(), b"payload").unwrap();
        for (at, changed) in changes(&token) {
            let accepted =
                Unverified::parse(&changed).is_ok_and(|token| key.verifying_key().verify(&token).is_ok());
            assert!(!accepted, "{alg}: byte {at} of {token}");
        }
    }
}

#[test]
fn no_encrypted_token_survives_a_change_of_any_byte() {
    let keys = [
        (KeyManagementAlgorithm::RsaOaep256, "RSA-2048"),
        (KeyManagementAlgorithm::EcdhEs, "P-256"),
        (KeyManagementAlgorithm::EcdhEs, "X25519"),
        (KeyManagementAlgorithm::EcdhEsA192Kw, "P-256"),
    ];
    for (alg, name) in keys {
        let key = decryption_key(alg, name);
        let token = key
            .encryption_key()
            .encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::default(), b"text")
            .unwrap();
        for (at, changed) in changes(&token) {
            let accepted =
                Undecrypted::parse(&changed).is_ok_and(|token| key.decrypt(&token, ANY_ENC).is_ok());
            assert!(!accepted, "{alg} {name}: byte {at} of {token}");
        }
    }
}

/// Every token that differs from `token` in one character.
fn changes(token: &str) -> impl Iterator<Item = (usize, String)> {
    token.bytes().enumerate().map(move |(at, byte)| {
        let other = if byte == b'A' { b'B' } else { b'A' };
        let mut changed = token.as_bytes().to_vec();
        changed[at] = other;
        (at, String::from_utf8(changed).unwrap())
    })
}

#[test]
fn no_token_survives_being_cut_anywhere() {
    let signing = signing_key(SignatureAlgorithm::EdDsa);
    let token = signing.sign(&HEADER, b"payload").unwrap();
    for end in 0..token.len() {
        assert!(
            !Unverified::parse(&token[..end])
                .is_ok_and(|token| signing.verifying_key().verify(&token).is_ok()),
            "{end}"
        );
    }
    let decryption = decryption_key(KeyManagementAlgorithm::EcdhEs, "P-256");
    let token = decryption.encryption_key().encrypt(ContentEncryption::A256Gcm, &HEADER, b"text").unwrap();
    for end in 0..token.len() {
        assert!(
            !Undecrypted::parse(&token[..end]).is_ok_and(|token| decryption.decrypt(&token, ANY_ENC).is_ok()),
            "{end}"
        );
    }
}

#[test]
fn nested_tokens_open() {
    let signing = signing_key(SignatureAlgorithm::Ps256);
    for (alg, name) in KEY_MANAGEMENT {
        let decryption = decryption_key(*alg, name);
        for enc in ContentEncryption::ALL {
            let token = jwt::nest(&signing, &HEADER, decryption.encryption_key(), *enc, b"{}").unwrap();
            let opened = jwt::open_nested(&decryption, &[*enc], &token).unwrap();
            let opened = Unverified::parse(&opened).unwrap();
            assert_eq!(signing.verifying_key().verify(&opened).unwrap().payload(), b"{}");
            let others: Vec<_> =
                ContentEncryption::ALL.iter().copied().filter(|other| other != enc).collect();
            refused!(jwt::open_nested(&decryption, &others, &token), DecryptError::ContentEncryption(..));
        }
    }
}

#[test]
fn signing_keys_leave_and_come_back_in_every_form() {
    for alg in SignatureAlgorithm::ALL {
        let key = signing_key(*alg);
        let token = key.sign(&HEADER, b"payload").unwrap();
        let token = Unverified::parse(&token).unwrap();

        let der = key.to_pkcs8_der().unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        let jwk = key.to_jwk().unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{alg}");
        let again = [
            SigningKey::from_pkcs8_der(*alg, &der).unwrap(),
            SigningKey::from_pkcs8_pem(*alg, &pem).unwrap(),
            SigningKey::from_jwk(jwk.as_bytes()).unwrap(),
        ];
        for again in again {
            assert_eq!((again.algorithm(), again.kid()), (*alg, key.kid()));
            assert_eq!(again.public_jwk(), key.public_jwk());
            assert!(again.verifying_key().verify(&token).is_ok());
            assert_eq!(again.to_pkcs8_der().unwrap(), der, "{alg}");
        }
    }
}

#[test]
fn decryption_keys_leave_and_come_back_in_every_form() {
    for (alg, name) in KEY_MANAGEMENT {
        let key = decryption_key(*alg, name);
        let token = key.encryption_key().encrypt(ContentEncryption::A256Gcm, &HEADER, b"text").unwrap();
        let token = Undecrypted::parse(&token).unwrap();

        let again = [
            DecryptionKey::from_pkcs8_der(*alg, &key.to_pkcs8_der().unwrap()).unwrap(),
            DecryptionKey::from_pkcs8_pem(*alg, &key.to_pkcs8_pem().unwrap()).unwrap(),
            DecryptionKey::from_jwk(key.to_jwk().unwrap().as_bytes()).unwrap(),
        ];
        for again in again {
            assert_eq!((again.algorithm(), again.kid()), (*alg, key.kid()));
            assert_eq!(again.public_jwk(), key.public_jwk());
            assert_eq!(again.decrypt(&token, ANY_ENC).unwrap().plaintext(), b"text", "{alg} {name}");
        }
    }
}

#[test]
fn keys_made_elsewhere_are_the_same_key_as_pem_der_and_jwk() {
    for alg in SignatureAlgorithm::ALL {
        let name = common::key_name(*alg);
        let foreign = test_key(name);
        let jwk = with(&foreign["jwk"], json!({"alg": alg.name()})).to_string();
        let keys = [
            SigningKey::from_pkcs8_pem(*alg, text(&foreign["pkcs8_pem"])).unwrap(),
            SigningKey::from_pkcs8_der(*alg, &test_key_der(name)).unwrap(),
            SigningKey::from_jwk(jwk.as_bytes()).unwrap(),
        ];
        for key in keys {
            let ours: serde_json::Value = serde_json::from_str(&key.to_jwk().unwrap()).unwrap();
            for (member, value) in foreign["jwk"].as_object().unwrap() {
                assert_eq!(&ours[member], value, "{alg} {member}");
            }
        }
    }
}

#[test]
fn generated_keys_work() {
    for alg in SignatureAlgorithm::ALL.iter().filter(|alg| alg.default_bits() < 2048) {
        let key = SigningKey::generate(*alg, alg.default_bits()).unwrap();
        let token = key.sign(&HEADER, b"payload").unwrap();
        assert!(key.verifying_key().verify(&Unverified::parse(&token).unwrap()).is_ok(), "{alg}");
        assert_ne!(key.kid(), SigningKey::generate(*alg, alg.default_bits()).unwrap().kid());
        assert!(SigningKey::generate(*alg, 2048).is_err(), "{alg}");
    }
    for bits in [256, 384, 521] {
        let key = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEsA128Kw, bits).unwrap();
        let token = key.encryption_key().encrypt(ContentEncryption::A128Gcm, &HEADER, b"text").unwrap();
        assert!(key.decrypt(&Undecrypted::parse(&token).unwrap(), ANY_ENC).is_ok());
    }
    let rsa = SigningKey::generate(SignatureAlgorithm::Rs256, 2048).unwrap();
    let token = rsa.sign(&HEADER, b"payload").unwrap();
    assert_eq!(Unverified::parse(&token).unwrap().header().alg(), "RS256");
    assert!(rsa.verifying_key().verify(&Unverified::parse(&token).unwrap()).is_ok());
    assert!(SigningKey::generate(SignatureAlgorithm::Rs256, 1024).is_err());
    assert!(DecryptionKey::generate(KeyManagementAlgorithm::RsaOaep, 1024).is_err());
}

#[test]
fn debug_output_of_private_keys_has_no_secret() {
    let key = signing_key(SignatureAlgorithm::Es256);
    let secret = text(&test_key("P-256")["jwk"]["d"]).to_owned();
    let debug = format!("{key:?}");
    assert!(debug.contains(key.kid()) && debug.contains("ES256") && !debug.contains(&secret), "{debug}");
    let key = decryption_key(KeyManagementAlgorithm::EcdhEs, "P-256");
    let debug = format!("{key:?}");
    assert!(debug.contains(key.kid()) && !debug.contains(&secret), "{debug}");
}

#[test]
fn debug_output_of_tokens_has_the_header_alone() {
    let key = signing_key(SignatureAlgorithm::EdDsa);
    let token = key.sign(&ProtectedHeader::JWT, b"payload").unwrap();
    let unverified = Unverified::parse(&token).unwrap();
    let verified = key.verifying_key().verify(&unverified).unwrap();
    let key = decryption_key(KeyManagementAlgorithm::EcdhEs, "P-256");
    let token =
        key.encryption_key().encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::JWT, b"text").unwrap();
    let undecrypted = Undecrypted::parse(&token).unwrap();
    let decrypted = key.decrypt(&undecrypted, ANY_ENC).unwrap();
    for shown in [
        format!("{unverified:?}"),
        format!("{verified:?}"),
        format!("{undecrypted:?}"),
        format!("{decrypted:?}"),
    ] {
        assert!(shown.contains("JWT") && shown.ends_with(", .. }") && !shown.contains("payload"), "{shown}");
        assert!(!shown.contains("signature") && !shown.contains("plaintext"), "{shown}");
    }
}

#[test]
fn keys_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<SigningKey>();
    shared::<DecryptionKey>();
    shared::<VerifyingKey>();
    shared::<EncryptionKey>();
    shared::<HmacKey>();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_payload_and_type_come_back(payload: Vec<u8>, typ in proptest::option::of(".{0,40}"), cty in proptest::option::of(".{0,40}")) {
        let header = ProtectedHeader { typ: typ.as_deref(), cty: cty.as_deref() };
        let signing = signing_key(SignatureAlgorithm::EdDsa);
        let token = signing.sign(&header, &payload).unwrap();
        let verified = signing.verifying_key().verify(&Unverified::parse(&token).unwrap()).unwrap();
        prop_assert_eq!(verified.payload(), &payload[..]);
        prop_assert_eq!((verified.header().typ(), verified.header().cty()), (typ.as_deref(), cty.as_deref()));

        let decryption = decryption_key(KeyManagementAlgorithm::EcdhEs, "X25519");
        let token = decryption.encryption_key().encrypt(ContentEncryption::A128Gcm, &header, &payload).unwrap();
        let decrypted = decryption.decrypt(&Undecrypted::parse(&token).unwrap(), ANY_ENC).unwrap();
        prop_assert_eq!(decrypted.plaintext(), &payload[..]);
    }
}
