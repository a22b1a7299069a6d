use super::*;
use crate::{
    ContentEncryption, KeyManagementAlgorithm, ProtectedHeader,
    jwa::{JwkCurve, KeyManagementScheme},
};

const ANY: &[ContentEncryption] = ContentEncryption::ALL;

fn all_keys() -> Vec<DecryptionKey> {
    let mut keys = Vec::new();
    for alg in KeyManagementAlgorithm::ALL {
        match alg.scheme() {
            KeyManagementScheme::Rsa(_) => keys.push(DecryptionKey::generate(*alg, 2048).unwrap()),
            KeyManagementScheme::Ecdh(_) => {
                keys.extend([256, 384, 521].map(|bits| DecryptionKey::generate(*alg, bits).unwrap()));
                keys.push(DecryptionKey::generate_x25519(*alg).unwrap());
            }
        }
    }
    keys
}

/// The token with its header replaced by `edit`, everything else as it was.
fn with_header(token: &str, edit: impl Fn(&mut serde_json::Value)) -> String {
    let (header, rest) = token.split_once('.').unwrap();
    let mut json = serde_json::from_slice(&crate::base64url::decode(header).unwrap()).unwrap();
    edit(&mut json);
    format!("{}.{rest}", crate::base64url::encode(json.to_string().as_bytes()))
}

fn with_part(token: &str, index: usize, bytes: &[u8]) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[index] = crate::base64url::encode(bytes);
    parts.join(".")
}

fn refusal(key: &DecryptionKey, token: &str) -> DecryptError {
    key.decrypt(&Undecrypted::parse(token).unwrap(), ANY).unwrap_err()
}

#[test]
fn every_key_encrypts_decrypts_exports_and_imports() {
    for key in all_keys() {
        let alg = key.algorithm();
        let der = key.to_pkcs8_der().unwrap();
        let copies = [
            DecryptionKey::from_pkcs8_der(alg, &der).unwrap(),
            DecryptionKey::from_pkcs8_pem(alg, &key.to_pkcs8_pem().unwrap()).unwrap(),
            DecryptionKey::from_jwk(key.to_jwk().unwrap().as_bytes()).unwrap(),
        ];
        for enc in ANY {
            let token = key.encryption_key().encrypt(*enc, &ProtectedHeader::NESTED_JWT, b"text").unwrap();
            assert_eq!(token.len(), token.capacity(), "{alg} {enc}: one allocation of the right size");
            for copy in &copies {
                assert_eq!(copy.public_jwk(), key.public_jwk(), "{alg}");
                assert_eq!(*copy.to_pkcs8_der().unwrap(), *der, "{alg}");
                let decrypted = copy.decrypt(&Undecrypted::parse(&token).unwrap(), &[*enc]).unwrap();
                assert_eq!(decrypted.plaintext(), b"text");
                assert_eq!(decrypted.header().kid(), Some(key.kid()));
                assert_eq!(decrypted.header().cty(), Some("JWT"));
                assert_eq!(decrypted.header().enc(), Some(enc.name()));
            }
        }
    }
}

#[test]
fn every_change_is_noticed_and_all_look_the_same() {
    for key in all_keys() {
        let token =
            key.encryption_key().encrypt(ContentEncryption::A192Gcm, &ProtectedHeader::JWT, b"text").unwrap();
        for index in 1..5 {
            let mut bytes = crate::base64url::decode(token.split('.').nth(index).unwrap()).unwrap();
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
                assert_eq!(
                    refusal(&key, &with_part(&token, index, &bytes)),
                    DecryptError::Failed,
                    "part {index}"
                );
            }
        }
        let relabelled = with_header(&token, |header| header["typ"] = "at+jwt".into());
        assert_eq!(refusal(&key, &relabelled), DecryptError::Failed);
    }
}

#[test]
fn lengths_are_refused_by_name() {
    let key = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEsA128Kw, 256).unwrap();
    let token =
        key.encryption_key().encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::JWT, b"text").unwrap();
    let refused = |index, length: usize| refusal(&key, &with_part(&token, index, &vec![1; length]));
    for found in [0, 16, 23, 25, 32] {
        assert_eq!(refused(1, found), DecryptError::EncryptedKeyLength { expected: 24, found });
    }
    for found in [0, 11, 13, 16] {
        assert_eq!(refused(2, found), DecryptError::IvLength { expected: 12, found });
    }
    for found in [0, 12, 15, 17] {
        assert_eq!(refused(4, found), DecryptError::TagLength { expected: 16, found });
    }
    let direct = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, 256).unwrap();
    let token =
        direct.encryption_key().encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::JWT, b"text").unwrap();
    let error = refusal(&direct, &with_part(&token, 1, &[0]));
    assert_eq!(error, DecryptError::EncryptedKeyLength { expected: 0, found: 1 });
}

#[test]
fn headers_are_refused_by_name() {
    let key = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, 256).unwrap();
    let token =
        key.encryption_key().encrypt(ContentEncryption::A256Gcm, &ProtectedHeader::JWT, b"text").unwrap();
    let refused = |edit: &dyn Fn(&mut serde_json::Value)| refusal(&key, &with_header(&token, edit));

    let error = refused(&|header| header["alg"] = "ECDH-ES+A128KW".into());
    assert_eq!(error, DecryptError::Algorithm { token: "ECDH-ES+A128KW".into(), key: "ECDH-ES" });
    let error = refused(&|header| header["enc"] = "A128CBC-HS256".into());
    assert_eq!(
        error.to_string(),
        r#"enc "A128CBC-HS256" is unsupported here: accepted are A128GCM, A192GCM, A256GCM"#
    );
    for member in ["apu", "apv"] {
        let error = refused(&|header| header[member] = "=".into());
        assert!(matches!(error, DecryptError::PartyInfo { member: found, .. } if found == member));
        assert_eq!(refused(&|header| header[member] = "QQ".into()), DecryptError::Failed);
    }
    let pinned =
        key.decrypt(&Undecrypted::parse(&token).unwrap(), &[ContentEncryption::A128Gcm]).unwrap_err();
    assert!(matches!(pinned, DecryptError::ContentEncryption { .. }));
}

#[test]
fn ephemeral_keys_are_refused_by_name() {
    let key = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, 256).unwrap();
    let token =
        key.encryption_key().encrypt(ContentEncryption::A256Gcm, &ProtectedHeader::JWT, b"text").unwrap();
    let with_epk =
        |epk: serde_json::Value| refusal(&key, &with_header(&token, |header| header["epk"] = epk.clone()));
    let public = |curve: JwkCurve| -> serde_json::Value {
        let key = match curve {
            JwkCurve::X25519 => DecryptionKey::generate_x25519(KeyManagementAlgorithm::EcdhEs),
            _ => DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, curve.bits()),
        };
        serde_json::from_str(&key.unwrap().public_jwk().to_json()).unwrap()
    };

    for other in [JwkCurve::P384, JwkCurve::P521, JwkCurve::X25519] {
        let found = format!("a key on {other}");
        assert_eq!(with_epk(public(other)), DecryptError::EphemeralKeyCurve { expected: "P-256", found });
    }
    let mut off_curve = public(JwkCurve::P256);
    off_curve["y"] = off_curve["x"].clone();
    let source = KeyError::PointNotOnCurve { curve: "P-256" };
    assert_eq!(with_epk(off_curve), DecryptError::EphemeralKey { source });
    let mut private = public(JwkCurve::P256);
    private["d"] = "AA".into();
    let source = KeyError::PrivateMember { member: "d" };
    assert_eq!(with_epk(private), DecryptError::EphemeralKey { source });

    let without = with_header(&token, |header| drop(header.as_object_mut().unwrap().shift_remove("epk")));
    assert_eq!(refusal(&key, &without), DecryptError::MissingEphemeralKey);
}

#[test]
fn an_x25519_sender_cannot_decide_the_secret() {
    let key = DecryptionKey::generate_x25519(KeyManagementAlgorithm::EcdhEs).unwrap();
    let token =
        key.encryption_key().encrypt(ContentEncryption::A256Gcm, &ProtectedHeader::JWT, b"text").unwrap();
    let zero = crate::base64url::encode(&[0; 32]);
    let error = refusal(&key, &with_header(&token, |header| header["epk"]["x"] = zero.clone().into()));
    assert_eq!(error, DecryptError::EphemeralKey { source: KeyError::SmallOrderPoint { curve: "X25519" } });
}

#[test]
fn rsa1_5_gives_nothing_away() {
    let key = DecryptionKey::generate(KeyManagementAlgorithm::DangerRsa15, 2048).unwrap();
    let encrypt = |enc| key.encryption_key().encrypt(enc, &ProtectedHeader::JWT, b"text").unwrap();
    let token = encrypt(ContentEncryption::A256Gcm);
    // Padding that is wrong, numbers that are too large, and a key of another length: the tag's error for all of them.
    for encrypted_key in [[0; 256], [1; 256], [0xff; 256]] {
        assert_eq!(refusal(&key, &with_part(&token, 1, &encrypted_key)), DecryptError::Failed);
    }
    let short = encrypt(ContentEncryption::A128Gcm);
    let short_key = crate::base64url::decode(short.split('.').nth(1).unwrap()).unwrap();
    assert_eq!(refusal(&key, &with_part(&token, 1, &short_key)), DecryptError::Failed);
    let error = refusal(&key, &with_part(&token, 1, &[1; 255]));
    assert_eq!(error, DecryptError::EncryptedKeyLength { expected: 256, found: 255 });
}

#[test]
fn x25519_documents_are_read_strictly() {
    let alg = KeyManagementAlgorithm::EcdhEs;
    let key = DecryptionKey::generate_x25519(alg).unwrap();
    let der = key.to_pkcs8_der().unwrap();
    for end in 0..der.len() {
        assert!(DecryptionKey::from_pkcs8_der(alg, &der[..end]).is_err());
    }
    assert!(DecryptionKey::from_pkcs8_der(alg, &[&der[..], &[0]].concat()).is_err());

    // Version 2 of RFC 5958 states the public key: the right one is taken, another refused.
    let x = match key.public_jwk().parameters() {
        crate::jwk::Parameters::Curve { point, .. } => point.clone(),
        crate::jwk::Parameters::Rsa { .. } => panic!("not RSA"),
    };
    let version_2 = |public: &[u8]| {
        let mut der = [&der[..], &[0x81, 0x21, 0], public].concat();
        der[1] += 35;
        der[4] = 1;
        DecryptionKey::from_pkcs8_der(alg, &der)
    };
    assert_eq!(version_2(&x).unwrap().kid(), key.kid());
    assert_eq!(version_2(&[9; 32]).unwrap_err(), KeyError::HalvesDiffer);
    assert!(matches!(
        DecryptionKey::from_pkcs8_der(KeyManagementAlgorithm::RsaOaep, &der),
        Err(KeyError::AlgorithmMismatch { .. })
    ));
}

#[test]
fn what_nobody_would_read_is_not_encrypted() {
    let key = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, 256).unwrap();
    for bytes in [MAX_TOKEN_BYTES / 4 * 3, MAX_TOKEN_BYTES, MAX_TOKEN_BYTES + 1] {
        let result =
            key.encryption_key().encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::JWT, &vec![0; bytes]);
        assert_eq!(result, Err(EncryptError::TooLong { limit: MAX_TOKEN_BYTES }));
    }
}

#[test]
fn debug_shows_no_plaintext() {
    let key = DecryptionKey::generate(KeyManagementAlgorithm::EcdhEs, 256).unwrap();
    let token = key
        .encryption_key()
        .encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::JWT, b"[1, 2, 3]")
        .unwrap();
    let decrypted = key.decrypt(&Undecrypted::parse(&token).unwrap(), ANY).unwrap();
    assert!(!format!("{decrypted:?}").contains("plaintext"));
}
