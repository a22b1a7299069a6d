//! Encrypted tokens: invalid curves, bombs, header tricks, and parts of the wrong size.

use aws_lc_rs::agreement;
use jwtis_jose::{
    ContentEncryption, DecryptError, DecryptionKey, HeaderError, KeyManagementAlgorithm, ParseError,
    ProtectedHeader, Undecrypted,
};
use serde_json::{Value, json};

use crate::common::{
    ANY_ENC, KEY_MANAGEMENT, b64u, concat_kdf, decryption_key, ecdh, edit_bytes, forge_jwe, public, refused,
    test_key, text, unb64u, with,
};

pub(crate) fn decrypt(key: &DecryptionKey, token: &str) -> Result<Vec<u8>, DecryptError> {
    key.decrypt(&Undecrypted::parse(token).unwrap(), ANY_ENC).map(|decrypted| decrypted.plaintext().to_vec())
}

pub(crate) fn ecdh_key() -> DecryptionKey {
    decryption_key(KeyManagementAlgorithm::EcdhEs, "P-256")
}

/// A header of ECDH-ES with the test key's own public point as `epk`: a legal point, whose agreed key the test can compute.
pub(crate) fn header(more: Value) -> Value {
    with(&json!({"alg": "ECDH-ES", "enc": "A128GCM", "epk": public(&test_key("P-256")["jwk"])}), more)
}

/// The key that [`header`] leads to, for the content or for the wrapping.
pub(crate) fn agreed(algorithm: &str, bytes: usize) -> Vec<u8> {
    let key = test_key("P-256")["jwk"].clone();
    let point = [vec![4], unb64u(text(&key["x"])), unb64u(text(&key["y"]))].concat();
    let z = ecdh(&agreement::ECDH_P256, &unb64u(text(&key["d"])), &point).unwrap();
    concat_kdf(&z, algorithm, b"", b"", bytes)
}

fn forged(more: Value) -> String {
    forge_jwe(&header(more).to_string(), b"", &agreed("A128GCM", 16), b"text")
}

#[test]
fn control_the_forged_token_without_a_trick_opens() {
    assert_eq!(decrypt(&ecdh_key(), &forged(json!({}))).unwrap(), b"text");
}

#[test]
fn cve_2023_52428_huge_pbes2_count_costs_nothing() {
    for alg in ["PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"] {
        let token = forged(json!({"alg": alg, "p2c": 2_147_483_647_u32, "p2s": "AAAAAAAAAAA"}));
        for (own, name) in KEY_MANAGEMENT {
            refused!(decrypt(&decryption_key(*own, name), &token), DecryptError::Algorithm(..));
        }
    }
    // On an algorithm of ours the member means nothing.
    assert!(decrypt(&ecdh_key(), &forged(json!({"p2c": 2_147_483_647_u32}))).is_ok());
}

#[test]
fn alg_of_the_token_never_chooses() {
    for alg in [
        "dir",
        "none",
        "A128KW",
        "A256GCMKW",
        "RSA1_5",
        "RSA-OAEP",
        "ECDH-ES+A128KW",
        "ecdh-es",
        "ECDH-1PU",
        "",
    ] {
        refused!(decrypt(&ecdh_key(), &forged(json!({"alg": alg}))), DecryptError::Algorithm(..));
    }
}

#[test]
fn enc_must_be_pinned() {
    for enc in ["A128CBC-HS256", "A256CBC-HS512", "none", "a128gcm", "A256GCM ", ""] {
        refused!(decrypt(&ecdh_key(), &forged(json!({"enc": enc}))), DecryptError::ContentEncryption(..));
    }
    let token = forged(json!({}));
    let token = Undecrypted::parse(&token).unwrap();
    let pinned = [ContentEncryption::A192Gcm, ContentEncryption::A256Gcm];
    refused!(ecdh_key().decrypt(&token, &pinned), DecryptError::ContentEncryption(..));
}

#[test]
fn dir_with_a_known_key_is_refused() {
    let token = forge_jwe(r#"{"alg":"dir","enc":"A128GCM"}"#, b"", &[0; 16], b"from anyone");
    for (alg, name) in KEY_MANAGEMENT {
        refused!(decrypt(&decryption_key(*alg, name), &token), DecryptError::Algorithm(..));
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
    for (x, y) in [
        (unb64u(text(&epk["x"])), off),
        (zero.clone(), zero.clone()),
        (p.clone(), y.clone()),
        (zero, p),
        (y, vec![0; 32]),
    ] {
        let epk = json!({"kty": "EC", "crv": "P-256", "x": b64u(x), "y": b64u(y)});
        for alg in ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"] {
            let key = decryption_key(alg.parse().unwrap(), "P-256");
            let encrypted_key = if alg == "ECDH-ES" { Vec::new() } else { vec![1; 24] };
            let token = forge_jwe(
                &header(json!({"alg": alg, "epk": epk})).to_string(),
                &encrypted_key,
                &[2; 16],
                b"text",
            );
            refused!(decrypt(&key, &token), DecryptError::EphemeralKey(_));
        }
    }
}

#[test]
fn epk_of_the_wrong_shape() {
    let epk = public(&test_key("P-256")["jwk"]);
    for change in [
        json!({"crv": "P-384"}),
        json!({"crv": "secp256k1"}),
        json!({"crv": null}),
        json!({"kty": "OKP"}),
        json!({"kty": "oct"}),
        json!({"kty": null}),
        json!({"x": null}),
        json!({"y": null}),
        json!({"x": ""}),
        json!({"y": ""}),
        json!({"x": "AA"}),
        json!({"x": format!("{}=", text(&epk["x"]))}),
        json!({"x": format!("AA{}", text(&epk["x"]))}),
        json!({"x": 1}),
    ] {
        refused!(
            decrypt(&ecdh_key(), &forged(json!({"epk": with(&epk, change)}))),
            DecryptError::EphemeralKey(_)
        );
    }
    for epk in [json!({}), json!({"kty": "EC"})] {
        refused!(decrypt(&ecdh_key(), &forged(json!({"epk": epk}))), DecryptError::EphemeralKey(_));
    }
    for epk in [json!("P-256"), json!([]), json!(1)] {
        refused!(
            Undecrypted::parse(&forged(json!({"epk": epk}))),
            ParseError::Header(HeaderError::WrongType("epk", _))
        );
    }
    refused!(decrypt(&ecdh_key(), &forged(json!({"epk": null}))), DecryptError::MissingEphemeralKey);
}

#[test]
fn epk_on_another_curve() {
    for (name, alg) in [
        ("P-384", "P-256"),
        ("P-521", "P-256"),
        ("X25519", "P-256"),
        ("Ed25519", "X25519"),
        ("P-256", "X25519"),
        ("P-256", "P-521"),
    ] {
        let key = decryption_key(KeyManagementAlgorithm::EcdhEs, alg);
        let token = forged(json!({"epk": public(&test_key(name)["jwk"])}));
        refused!(decrypt(&key, &token), DecryptError::EphemeralKeyCurve { .. });
    }
}

#[test]
fn epk_with_a_private_member() {
    let private = test_key("P-256")["jwk"].clone();
    refused!(decrypt(&ecdh_key(), &forged(json!({"epk": private}))), DecryptError::EphemeralKey(_));
    let okp = test_key("X25519")["jwk"].clone();
    let key = decryption_key(KeyManagementAlgorithm::EcdhEs, "X25519");
    refused!(decrypt(&key, &forged(json!({"epk": okp}))), DecryptError::EphemeralKey(_));
}

#[test]
fn x25519_shared_secret_of_zeros() {
    let zero = concat_kdf(&[0; 32], "A128GCM", b"", b"", 16);
    let key = decryption_key(KeyManagementAlgorithm::EcdhEs, "X25519");
    for point in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let epk = json!({"kty": "OKP", "crv": "X25519", "x": b64u(point)});
        let token = forge_jwe(&header(json!({"epk": epk})).to_string(), b"", &zero, b"from anyone");
        refused!(decrypt(&key, &token), DecryptError::EphemeralKey(_));
    }
}

#[test]
fn party_information_must_be_base64url() {
    for member in ["apu", "apv"] {
        for wrong in ["QWxpY2U=", "!", "Q"] {
            refused!(decrypt(&ecdh_key(), &forged(json!({member: wrong}))), DecryptError::PartyInfo(..));
        }
    }
}

#[test]
fn iv_and_tag_of_the_wrong_length() {
    let token = forged(json!({}));
    for bytes in [0, 1, 8, 11, 13, 16] {
        refused!(
            decrypt(&ecdh_key(), &edit_bytes(&token, 2, |iv| iv.resize(bytes, 7))),
            DecryptError::IvLength { .. }
        );
    }
    for bytes in [0, 1, 4, 8, 12, 15, 17, 32] {
        refused!(
            decrypt(&ecdh_key(), &edit_bytes(&token, 4, |tag| tag.resize(bytes, 0))),
            DecryptError::TagLength { .. }
        );
    }
}

#[test]
fn encrypted_key_of_the_wrong_length() {
    for (alg, name) in KEY_MANAGEMENT {
        let key = decryption_key(*alg, name);
        let token = key
            .encryption_key()
            .encrypt(ContentEncryption::A128Gcm, &ProtectedHeader::default(), b"text")
            .unwrap();
        let length = unb64u(token.split('.').nth(1).unwrap()).len();
        for bytes in [0, 1, 8, 16, 23, 24, 25, 32, 40, 48, 255, 256, 257, 512]
            .into_iter()
            .filter(|bytes| *bytes != length)
        {
            let token = edit_bytes(&token, 1, |encrypted| encrypted.resize(bytes, 0));
            refused!(decrypt(&key, &token), DecryptError::EncryptedKeyLength { .. });
        }
    }
}
