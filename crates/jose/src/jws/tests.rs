use super::*;
use crate::{KeyError, SignatureAlgorithm};

fn key(alg: SignatureAlgorithm) -> SigningKey {
    SigningKey::generate(alg, alg.default_bits()).unwrap()
}

#[test]
fn every_algorithm_signs_verifies_exports_and_imports() {
    for alg in SignatureAlgorithm::ALL {
        let key = key(*alg);
        let token = key.sign(&ProtectedHeader::JWT, b"payload").unwrap();
        assert_eq!(token.len(), token.capacity(), "{alg}: one allocation of the right size");

        let der = key.to_pkcs8_der().unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        let copies = [
            SigningKey::from_pkcs8_der(*alg, &der).unwrap(),
            SigningKey::from_pkcs8_pem(*alg, &pem).unwrap(),
            SigningKey::from_jwk(key.to_jwk().unwrap().as_bytes()).unwrap(),
        ];
        for copy in &copies {
            assert_eq!(copy.public_jwk(), key.public_jwk(), "{alg}");
            assert_eq!(*copy.to_pkcs8_der().unwrap(), *der, "{alg}");
            let verified = copy.verifying_key().verify(&Unverified::parse(&token).unwrap()).unwrap();
            assert_eq!(verified.payload(), b"payload");
            assert_eq!(verified.header().kid(), Some(key.kid()));
            assert_eq!(verified.header().typ(), Some("JWT"));
        }
    }
}

#[test]
fn a_signature_of_the_wrong_length_is_refused_before_it_is_looked_at() {
    for alg in [
        SignatureAlgorithm::Es256,
        SignatureAlgorithm::Es512,
        SignatureAlgorithm::EdDsa,
        SignatureAlgorithm::Rs256,
    ] {
        let key = key(alg);
        let token = key.sign(&ProtectedHeader::default(), b"").unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = base64url::decode(signature).unwrap();
        for wrong in [&signature[1..], &[&[0], &signature[..]].concat(), &[]] {
            let token = format!("{input}.{}", base64url::encode(wrong));
            let error = key.verifying_key().verify(&Unverified::parse(&token).unwrap()).unwrap_err();
            let expected = VerifyError::SignatureLength { expected: signature.len(), found: wrong.len() };
            assert_eq!(error, expected, "{alg}");
        }
    }
}

#[test]
fn the_key_decides_the_algorithm() {
    let (rs, ps) = (key(SignatureAlgorithm::Rs256), SignatureAlgorithm::Ps256);
    let token = rs.sign(&ProtectedHeader::default(), b"").unwrap();
    let same_key_other_algorithm = SigningKey::from_pkcs8_der(ps, &rs.to_pkcs8_der().unwrap()).unwrap();
    let error =
        same_key_other_algorithm.verifying_key().verify(&Unverified::parse(&token).unwrap()).unwrap_err();
    assert_eq!(error, VerifyError::Algorithm { token: "RS256".into(), key: "PS256" });
    assert_eq!(error.to_string(), r#"the token says alg "RS256", the key is for PS256 only"#);
}

#[test]
fn a_public_key_is_no_hmac_key() {
    // The classic confusion: HS256 with the verifier's public key as the secret.
    let es = key(SignatureAlgorithm::Es256);
    let forged = HmacKey::from_bytes(es.public_jwk().to_json().as_bytes()).unwrap();
    let token = forged.sign(&ProtectedHeader::default(), b"").unwrap();
    let error = es.verifying_key().verify(&Unverified::parse(&token).unwrap()).unwrap_err();
    assert!(matches!(error, VerifyError::Algorithm { .. }));
}

#[test]
fn hs256_signs_and_verifies() {
    let key = HmacKey::from_bytes(&[7; 32]).unwrap();
    let token = key.sign(&ProtectedHeader::JWT, b"payload").unwrap();
    assert_eq!(token.len(), token.capacity());
    assert_eq!(key.verify(&Unverified::parse(&token).unwrap()).unwrap().payload(), b"payload");
    let other = HmacKey::from_bytes(&[8; 32]).unwrap();
    assert_eq!(other.verify(&Unverified::parse(&token).unwrap()), Err(VerifyError::Signature));
    assert_eq!(HmacKey::from_bytes(&[7; 31]).unwrap_err(), KeyError::HmacKeyTooShort { needed: 32 });
    assert_eq!(format!("{key:?}"), r#"HmacKey { alg: "HS256", .. }"#);
    assert!(SigningKey::generate(SignatureAlgorithm::Hs256, 256).is_err());
}

#[test]
fn unsecured_and_encrypted_tokens_are_no_signed_ones() {
    let token = |header: &str| format!("{}.e30.", base64url::encode(header.as_bytes()));
    assert_eq!(Unverified::parse(&token(r#"{"alg":"none"}"#)).unwrap_err(), ParseError::Unsecured);
    let error = Unverified::parse(&token(r#"{"alg":"ES256","enc":"A128GCM"}"#)).unwrap_err();
    assert_eq!(error, ParseError::EncInSignedToken);
    // Other spellings of "none" are algorithms that no key has.
    let key = key(SignatureAlgorithm::Es256);
    for alg in ["None", "NONE", "nOnE", ""] {
        let token = token(&format!(r#"{{"alg":"{alg}"}}"#));
        let error = key.verifying_key().verify(&Unverified::parse(&token).unwrap()).unwrap_err();
        assert!(matches!(error, VerifyError::Algorithm { .. }), "{alg}");
    }
}

#[test]
fn what_nobody_would_read_is_not_signed() {
    let key = key(SignatureAlgorithm::EdDsa);
    let error = key.sign(&ProtectedHeader::default(), &vec![0; MAX_TOKEN_BYTES]).unwrap_err();
    assert_eq!(error, SignError::TooLong { limit: MAX_TOKEN_BYTES });
    let token = key.sign(&ProtectedHeader::default(), &vec![0; MAX_TOKEN_BYTES / 4 * 3 - 300]).unwrap();
    assert!(key.verifying_key().verify(&Unverified::parse(&token).unwrap()).is_ok());
}

#[test]
fn pkcs8_of_another_kind_or_with_more_in_it_is_refused() {
    let es = key(SignatureAlgorithm::Es256);
    let der = es.to_pkcs8_der().unwrap();
    let other = SigningKey::from_pkcs8_der(SignatureAlgorithm::Es384, &der).unwrap_err();
    assert_eq!(other.to_string(), "ES384 cannot be used with a key on P-256");
    assert!(matches!(
        SigningKey::from_pkcs8_der(SignatureAlgorithm::Rs256, &der),
        Err(KeyError::AlgorithmMismatch { .. })
    ));
    let trailing = [&der[..], &[0]].concat();
    assert!(matches!(
        SigningKey::from_pkcs8_der(SignatureAlgorithm::Es256, &trailing),
        Err(KeyError::Pkcs8 { .. })
    ));
    for end in 0..der.len() {
        assert!(SigningKey::from_pkcs8_der(SignatureAlgorithm::Es256, &der[..end]).is_err());
    }
}

#[test]
fn pem_is_read_strictly_and_refusals_say_what_to_do() {
    let key = key(SignatureAlgorithm::Es256);
    let alg = key.algorithm();
    let pem = key.to_pkcs8_pem().unwrap();
    assert!(
        pem.starts_with("-----BEGIN PRIVATE KEY-----\n") && pem.ends_with("\n-----END PRIVATE KEY-----\n")
    );
    assert!(pem.lines().all(|line| line.len() <= 64));
    assert!(SigningKey::from_pkcs8_pem(alg, &pem.replace('\n', "\r\n")).is_ok());

    let refusals = [
        (pem.replace("PRIVATE", "EC PRIVATE"), "openssl pkcs8 -topk8"),
        (pem.replace("PRIVATE", "ENCRYPTED PRIVATE"), "decrypt it first"),
        (pem.replace("PRIVATE", "PUBLIC"), "public key"),
        (pem.replace("-----END PRIVATE KEY-----", ""), "last line"),
        (format!("{}more", *pem), "after the key"),
        (pem.replacen("M", "!", 1), "not base64"),
        (String::new(), "first line"),
    ];
    for (text, hint) in refusals {
        let error = SigningKey::from_pkcs8_pem(alg, &text).unwrap_err();
        assert!(matches!(&error, KeyError::Pem { problem } if problem.contains(hint)), "{hint}: {error}");
    }
}

#[test]
fn private_keys_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<SigningKey>();
    shared::<VerifyingKey>();
    shared::<HmacKey>();
    shared::<crate::DecryptionKey>();
    shared::<crate::EncryptionKey>();
}

#[test]
fn debug_shows_no_payload_and_no_signature() {
    let key = key(SignatureAlgorithm::EdDsa);
    let token = key.sign(&ProtectedHeader::JWT, b"payload").unwrap();
    let unverified = Unverified::parse(&token).unwrap();
    let verified = key.verifying_key().verify(&unverified).unwrap();
    for text in [format!("{unverified:?}"), format!("{verified:?}")] {
        assert!(text.contains("EdDSA") && !text.contains("payload") && !text.contains("signature"), "{text}");
    }
}
