//! Encrypted tokens: invalid curves, oracles, bombs, and parts of the wrong size.

use aws_lc_rs::{
    agreement,
    rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey},
};
use jwtis_jose::{
    ContentEncryption, DecryptError, DecryptionKey, HeaderError, KeyManagementAlgorithm, ParseError, ProtectedHeader,
    SignatureAlgorithm, Undecrypted, jwt,
};
use serde_json::{Value, json};

use crate::common::{
        ANY_ENC, KEY_MANAGEMENT, b64u, concat_kdf, decryption_key, ecdh, edit_bytes, edit_part, forge_jwe, public, signing_key,
        test_key, test_key_der, text, unb64u, with, wrap, refused,
};

fn decrypt(key: &DecryptionKey, token: &str) -> Result<Vec<u8>, DecryptError> {
    key.decrypt(&Undecrypted::parse(token).unwrap(), ANY_ENC).map(|decrypted| decrypted.plaintext().to_vec())
}

fn ecdh_key() -> DecryptionKey {
    decryption_key(KeyManagementAlgorithm::EcdhEs, "P-256")
}

/// A header of ECDH-ES with the test key's own public point as `epk`: a legal point, whose agreed key the test can compute.
fn header(more: Value) -> Value {
    with(&json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": public(&test_key("P-256")["jwk"])}), more)
}

/// The content key that [`header`] leads to.
fn agreed(enc: &str) -> Vec<u8> {
    let key = test_key("P-256")["jwk"].clone();
    let point = [vec![4], unb64u(text(&key["x"])), unb64u(text(&key["y"]))].concat();
    let z = ecdh(&agreement::ECDH_P256, &unb64u(text(&key["d"])), &point).unwrap();
    concat_kdf(&z, enc, b"", b"", crate::common::cek_bytes(enc))
}

fn forged(more: Value) -> String {
    forge_jwe(&header(more).to_string(), b"", &agreed("A128GCM"), b"text")
}

#[test]
fn control_the_forged_token_without_a_trick_opens() {
    assert_eq!(decrypt(&ecdh_key(), &forged(json!({}))).unwrap(), b"text");
}

#[test]
fn zip_bombs_are_refused_before_anything_is_inflated() {
    for zip in [json!("DEF"), json!("def"), json!(""), json!("GZ"), json!(1), json!(["DEF"])] {
        refused!(decrypt(&ecdh_key(), &forged(json!({"zip": zip}))), DecryptError::Compressed);
    }
}

#[test]
fn cve_2023_52428_huge_pbes2_count_costs_nothing() {
    for alg in ["PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"] {
        let token = forged(json!({"alg": alg, "p2c": 2_147_483_647_u32, "p2s": "AAAAAAAAAAA"}));
        for (own, name) in KEY_MANAGEMENT {
            refused!(decrypt(&decryption_key(*own, name), &token), DecryptError::Algorithm { .. });
        }
    }
    // On an algorithm of ours the member means nothing.
    assert!(decrypt(&ecdh_key(), &forged(json!({"p2c": 2_147_483_647_u32}))).is_ok());
}

#[test]
fn critical_and_duplicate_members_are_refused_here_too() {
    refused!(Undecrypted::parse(&forged(json!({"crit": ["x"], "x": 1}))), ParseError::Header(HeaderError::UnknownCrit { .. }));
    refused!(Undecrypted::parse(&forged(json!({"crit": []}))), ParseError::Header(HeaderError::EmptyCrit));
    let twice = header(json!({})).to_string().replacen('{', r#"{"enc":"A128GCM","#, 1);
    let token = forge_jwe(&twice, b"", &agreed("A128GCM"), b"text");
    refused!(Undecrypted::parse(&token), ParseError::Header(HeaderError::Json(..)));
}

#[test]
fn alg_of_the_token_never_chooses() {
    for alg in ["dir", "none", "A128KW", "A256GCMKW", "RSA1_5", "RSA-OAEP", "ECDH-ES+A128KW", "ecdh-es", "ECDH-1PU", ""] {
        refused!(decrypt(&ecdh_key(), &forged(json!({"alg": alg}))), DecryptError::Algorithm { .. });
    }
}

#[test]
fn enc_must_be_pinned() {
    for enc in ["A128CBC-HS256", "A256CBC-HS512", "none", "a128gcm", "A256GCM ", ""] {
        refused!(decrypt(&ecdh_key(), &forged(json!({"enc": enc}))), DecryptError::ContentEncryption { .. });
    }
    let token = forged(json!({}));
    let token = Undecrypted::parse(&token).unwrap();
    let pinned = [ContentEncryption::A192Gcm, ContentEncryption::A256Gcm];
    refused!(ecdh_key().decrypt(&token, &pinned), DecryptError::ContentEncryption { .. });
}

#[test]
fn dir_with_a_known_key_is_refused() {
    let token = forge_jwe(r#"{"alg":"dir","enc":"A128GCM"}"#, b"", &[0; 16], b"from anyone");
    for (alg, name) in KEY_MANAGEMENT {
        refused!(decrypt(&decryption_key(*alg, name), &token), DecryptError::Algorithm { .. });
    }
}

#[test]
fn cve_2017_16007_invalid_curve_attack() {
    let epk = public(&test_key("P-256")["jwk"]);
    let y = unb64u(text(&epk["y"]));
    let mut off = y.clone();
    off[31] ^= 1;
    let p = crate::common::hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let zero = vec![0; 32];
    // Off the curve, the origin, coordinates at and above the field's size, and RFC 7516's published attack shape (x, 0).
    for (x, y) in [(unb64u(text(&epk["x"])), off), (zero.clone(), zero.clone()), (p.clone(), y.clone()), (zero, p), (y, vec![0; 32])] {
        let epk = json!({"kty": "EC", "crv": "P-256", "x": b64u(x), "y": b64u(y)});
        for alg in ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"] {
            let key = decryption_key(alg.parse().unwrap(), "P-256");
            let encrypted_key = if alg == "ECDH-ES" { Vec::new() } else { vec![1; 24] };
            let token = forge_jwe(&header(json!({"alg": alg, "epk": epk})).to_string(), &encrypted_key, &[2; 16], b"text");
            refused!(decrypt(&key, &token), DecryptError::EphemeralKey { .. });
        }
    }
}

#[test]
fn epk_of_the_wrong_shape() {
    let epk = public(&test_key("P-256")["jwk"]);
    for change in [
        json!({"crv": "P-384"}), json!({"crv": "secp256k1"}), json!({"crv": null}), json!({"kty": "OKP"}), json!({"kty": "oct"}),
        json!({"kty": null}), json!({"x": null}), json!({"y": null}), json!({"x": ""}), json!({"y": ""}), json!({"x": "AA"}),
        json!({"x": format!("{}=", text(&epk["x"]))}), json!({"x": format!("AA{}", text(&epk["x"]))}), json!({"x": 1}),
    ] {
        refused!(decrypt(&ecdh_key(), &forged(json!({"epk": with(&epk, change)}))), DecryptError::EphemeralKey { .. });
    }
    for epk in [json!({}), json!({"kty": "EC"})] {
        refused!(decrypt(&ecdh_key(), &forged(json!({"epk": epk}))), DecryptError::EphemeralKey { .. });
    }
    for epk in [json!("P-256"), json!([]), json!(1)] {
        refused!(Undecrypted::parse(&forged(json!({"epk": epk}))), ParseError::Header(HeaderError::WrongType { member: "epk", .. }));
    }
    refused!(decrypt(&ecdh_key(), &forged(json!({"epk": null}))), DecryptError::MissingEphemeralKey);
}

#[test]
fn epk_on_another_curve() {
    for (name, alg) in [("P-384", "P-256"), ("P-521", "P-256"), ("X25519", "P-256"), ("Ed25519", "X25519"), ("P-256", "X25519"), ("P-256", "P-521")] {
        let key = decryption_key(KeyManagementAlgorithm::EcdhEs, alg);
        let token = forged(json!({"epk": public(&test_key(name)["jwk"])}));
        refused!(decrypt(&key, &token), DecryptError::EphemeralKeyCurve { .. });
    }
}

#[test]
fn epk_with_a_private_member() {
    let private = test_key("P-256")["jwk"].clone();
    refused!(decrypt(&ecdh_key(), &forged(json!({"epk": private}))), DecryptError::EphemeralKey { .. });
    let okp = test_key("X25519")["jwk"].clone();
    let key = decryption_key(KeyManagementAlgorithm::EcdhEs, "X25519");
    refused!(decrypt(&key, &forged(json!({"epk": okp}))), DecryptError::EphemeralKey { .. });
}

#[test]
fn x25519_shared_secret_of_zeros() {
    let zero = concat_kdf(&[0; 32], "A128GCM", b"", b"", 16);
    let key = decryption_key(KeyManagementAlgorithm::EcdhEs, "X25519");
    for point in [[0; 32], { let mut one = [0; 32]; one[0] = 1; one }] {
        let epk = json!({"kty": "OKP", "crv": "X25519", "x": b64u(point)});
        let token = forge_jwe(&header(json!({"epk": epk})).to_string(), b"", &zero, b"from anyone");
        refused!(decrypt(&key, &token), DecryptError::EphemeralKey { .. });
    }
}

#[test]
fn party_information_must_be_base64url() {
    for member in ["apu", "apv"] {
        for wrong in ["QWxpY2U=", "!", "Q"] {
            refused!(decrypt(&ecdh_key(), &forged(json!({member: wrong}))), DecryptError::PartyInfo { .. });
        }
    }
}

#[test]
fn iv_and_tag_of_the_wrong_length() {
    let token = forged(json!({}));
    for bytes in [0, 1, 8, 11, 13, 16] {
        refused!(decrypt(&ecdh_key(), &edit_bytes(&token, 2, |iv| iv.resize(bytes, 7))), DecryptError::IvLength { .. });
    }
    for bytes in [0, 1, 4, 8, 12, 15, 17, 32] {
        refused!(decrypt(&ecdh_key(), &edit_bytes(&token, 4, |tag| tag.resize(bytes, 0))), DecryptError::TagLength { .. });
    }
}

#[test]
fn encrypted_key_of_the_wrong_length() {
    for (alg, name) in KEY_MANAGEMENT {
        let key = decryption_key(*alg, name);
        let token = key.encryption_key().encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::default(), b"text").unwrap();
        let length = unb64u(token.split('.').nth(1).unwrap()).len();
        for bytes in [0, 1, 8, 16, 23, 24, 25, 32, 40, 48, 255, 256, 257, 512].into_iter().filter(|bytes| *bytes != length) {
            let token = edit_bytes(&token, 1, |encrypted| encrypted.resize(bytes, 0));
            refused!(decrypt(&key, &token), DecryptError::EncryptedKeyLength { .. });
        }
    }
}

#[test]
fn wrapped_key_of_the_wrong_size_fails_like_a_bad_tag() {
    // Sealed under a 256-bit key that is truly wrapped, and declared as A128GCM.
    for (alg, size) in [("RSA-OAEP", 32), ("RSA-OAEP", 15), ("RSA-OAEP", 1)] {
        let token = rsa(alg, &vec![3; size]);
        refused!(decrypt(&decryption_key(alg.parse().unwrap(), "RSA-2048"), &token), DecryptError::Failed);
    }
    let kek = {
        let key = test_key("P-256")["jwk"].clone();
        let point = [vec![4], unb64u(text(&key["x"])), unb64u(text(&key["y"]))].concat();
        let z = ecdh(&agreement::ECDH_P256, &unb64u(text(&key["d"])), &point).unwrap();
        concat_kdf(&z, "ECDH-ES+A256KW", b"", b"", 32)
    };
    let header = header(json!({"alg": "ECDH-ES+A256KW"})).to_string();
    let key = decryption_key(KeyManagementAlgorithm::EcdhEsA256Kw, "P-256");
    assert_eq!(decrypt(&key, &forge_jwe(&header, &wrap(&kek, &[3; 16]), &[3; 16], b"text")).unwrap(), b"text");
    let wrong = decrypt(&key, &forge_jwe(&header, &wrap(&kek, &[3; 32]), &[3; 32], b"text"));
    assert!(matches!(wrong, Err(DecryptError::Failed | DecryptError::EncryptedKeyLength { .. })), "{wrong:?}");
    let mut damaged = wrap(&kek, &[3; 16]);
    damaged[0] ^= 1;
    refused!(decrypt(&key, &forge_jwe(&header, &damaged, &[3; 16], b"text")), DecryptError::Failed);
}

fn rsa_public() -> PublicEncryptingKey {
    PrivateDecryptingKey::from_pkcs8(&test_key_der("RSA-2048")).unwrap().public_key()
}

/// A token under the test key RSA-2048 whose content key is any bytes.
fn rsa(alg: &str, cek: &[u8]) -> String {
    let mut encrypted = vec![0; 256];
    if alg == "RSA1_5" {
        Pkcs1PublicEncryptingKey::new(rsa_public()).unwrap().encrypt(cek, &mut encrypted).unwrap();
    } else {
        OaepPublicEncryptingKey::new(rsa_public()).unwrap().encrypt(&OAEP_SHA1_MGF1SHA1, cek, &mut encrypted, None).unwrap();
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
            edit_bytes(&good, 1, |encrypted| { encrypted.fill(0); encrypted[255] = 1; }),
            edit_bytes(&good, 1, |encrypted| encrypted[255] ^= 1),
            edit_bytes(&good, 1, |encrypted| encrypted[0] = 0),
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
        refused!(decrypt(&decryption_key(alg, "RSA-2048"), &token), DecryptError::Algorithm { .. });
    }
}

#[test]
fn rsa_oaep_and_rsa_oaep_256_are_two_algorithms() {
    let token = edit_part(&rsa("RSA-OAEP", &[3; 16]), 0, |_| b64u(r#"{"alg":"RSA-OAEP-256","enc":"A128GCM"}"#));
    refused!(decrypt(&decryption_key(KeyManagementAlgorithm::RsaOaep256, "RSA-2048"), &token), DecryptError::Failed);
}

#[test]
fn jws_where_a_jwe_is_expected() {
    let jws = signing_key(SignatureAlgorithm::Es256).sign(&ProtectedHeader::JWT, b"{}").unwrap();
    refused!(Undecrypted::parse(&jws), ParseError::PartCount { expected: 5, found: 3 });
}

#[test]
fn nested_token_without_cty_is_refused() {
    let signing = signing_key(SignatureAlgorithm::Es256);
    let key = ecdh_key();
    let inner = signing.sign(&ProtectedHeader::JWT, b"{}").unwrap();
    for header in [
        ProtectedHeader::default(), ProtectedHeader::JWT, ProtectedHeader { typ: Some("JWT"), cty: Some("text/plain") },
        ProtectedHeader { typ: Some("JWT"), cty: Some("") },
    ] {
        let token = key.encryption_key().encrypt(ContentEncryption::A128Gcm, &header, inner.as_bytes()).unwrap();
        refused!(jwt::open_nested(&key, ANY_ENC, &token), DecryptError::NotNested);
    }
    for cty in ["JWT", "jwt", "application/jwt"] {
        let header = ProtectedHeader { typ: None, cty: Some(cty) };
        let token = key.encryption_key().encrypt(ContentEncryption::A128Gcm, &header, inner.as_bytes()).unwrap();
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
    let token = key.encryption_key().encrypt(ContentEncryption::A256Gcm, &ProtectedHeader::NESTED_JWT, access.as_bytes()).unwrap();
    let opened = jwt::open_nested(&key, ANY_ENC, &token).unwrap();
    let verified = signing.verifying_key().verify(&jwtis_jose::Unverified::parse(&opened).unwrap()).unwrap();
    assert!(!jwtis_jose::is_type(verified.header().typ(), "refresh+jwt"));
}
