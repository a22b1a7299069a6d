//! RFC 8037: Ed25519 signatures and X25519 agreement, and that neither key is taken for the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{
    ANY_ENC, concat_kdf, parse_jwk, public, refused, signing_key, test_key, text, unb64u, vectors,
    verifying_key, with,
};
use jwtis_jose::{
    DecryptError, DecryptionKey, EncryptionKey, Jwk, KeyError, KeyManagementAlgorithm, SignatureAlgorithm,
    SigningKey, Undecrypted, Unverified, VerifyError, VerifyingKey,
};
use serde_json::json;

#[test]
fn rfc8037_a1_private_key_has_the_public_key_of_a2() {
    let vectors = vectors("rfc8037");
    let private = with(&vectors["A.1"], json!({"alg": "EdDSA"}));
    let key = SigningKey::from_jwk(private.to_string().as_bytes()).unwrap();
    let public = serde_json::to_value(key.public_jwk()).unwrap();
    assert_eq!(public["x"], vectors["A.2"]["x"]);
    assert_eq!(public["d"], json!(null));
}

#[test]
fn rfc8037_a4_a5_ed25519_signature() {
    let vectors = vectors("rfc8037");
    let token = Unverified::parse(text(&vectors["A.4"]["token"])).unwrap();
    let verified = verifying_key(&vectors["A.2"], "EdDSA").verify(&token).unwrap();
    assert_eq!(verified.payload(), text(&vectors["A.4"]["payload"]).as_bytes());
}

#[test]
fn rfc8037_a6_x25519_key_agreement() {
    let vectors = vectors("rfc8037");
    let example = &vectors["A.6"];
    let bob = with(&example["bob"], json!({"alg": text(&example["alg"])}));
    let bob = DecryptionKey::from_jwk(bob.to_string().as_bytes()).unwrap();

    let z = unb64u(text(&example["z"]));
    let kek = concat_kdf(&z, "ECDH-ES+A128KW", b"", b"", 16);
    let cek = [9; 16];
    let wrapped = common::wrap(&kek, &cek);

    let header =
        json!({"alg": "ECDH-ES+A128KW", "epk": example["epk"], "enc": "A128GCM", "kid": "Bob"}).to_string();
    let token = common::forge_jwe(&header, &wrapped, &cek, b"To Bob");
    assert_eq!(bob.decrypt(&Undecrypted::parse(&token).unwrap(), ANY_ENC).unwrap().plaintext(), b"To Bob");
}

#[test]
fn rfc8037_3_1_signature_of_ed25519_is_deterministic() {
    let key = signing_key(SignatureAlgorithm::EdDsa);
    let sign = || key.sign(&jwtis_jose::ProtectedHeader::default(), b"payload").unwrap();
    assert_eq!(sign(), sign());
}

#[test]
fn rfc8037_3_1_other_payload_does_not_verify() {
    let vectors = vectors("rfc8037");
    let token =
        common::edit_part(text(&vectors["A.4"]["token"]), 1, |_| common::b64u(b"Example of Ed25519 signin"));
    let token = Unverified::parse(&token).unwrap();
    refused!(verifying_key(&vectors["A.2"], "EdDSA").verify(&token), VerifyError::Signature);
}

#[test]
fn rfc8037_2_ed25519_key_is_not_for_agreement_and_x25519_not_for_signatures() {
    for (name, alg) in [("Ed25519", "ECDH-ES"), ("X25519", "EdDSA")] {
        let private = with(&test_key(name)["jwk"], json!({"alg": alg}));
        refused!(Jwk::parse(public(&private).to_string().as_bytes()), KeyError::AlgorithmMismatch(..));
        refused!(SigningKey::from_jwk(private.to_string().as_bytes()), KeyError::AlgorithmMismatch(..));
        refused!(DecryptionKey::from_jwk(private.to_string().as_bytes()), KeyError::AlgorithmMismatch(..));
    }
    let ed25519 = with(&public(&test_key("Ed25519")["jwk"]), json!({"alg": "EdDSA"}));
    refused!(EncryptionKey::from_jwk(&parse_jwk(&ed25519)), KeyError::WrongPurpose(..));
    let x25519 = with(&public(&test_key("X25519")["jwk"]), json!({"alg": "ECDH-ES"}));
    refused!(VerifyingKey::from_jwk(&parse_jwk(&x25519)), KeyError::WrongPurpose(..));
}

#[test]
fn rfc8037_2_y_and_ec_curves_do_not_belong_in_okp() {
    let key = with(&public(&test_key("Ed25519")["jwk"]), json!({"alg": "EdDSA"}));
    assert_eq!(parse_jwk(&key).algorithm().map(jwtis_jose::KeyAlgorithm::name), Some("EdDSA"));
    for (member, value) in
        [("crv", "P-256"), ("crv", "ed25519"), ("crv", "Ed448"), ("crv", "X448"), ("kty", "EC")]
    {
        let wrong = Jwk::parse(with(&key, json!({member: value})).to_string().as_bytes());
        refused!(wrong, KeyError::UnknownCurve { .. });
    }
}

#[test]
fn rfc8037_2_public_keys_have_32_bytes() {
    for name in ["Ed25519", "X25519"] {
        let alg = if name == "Ed25519" { "EdDSA" } else { "ECDH-ES" };
        let key = with(&public(&test_key(name)["jwk"]), json!({"alg": alg}));
        for bytes in [0, 31, 33, 64] {
            let wrong = with(&key, json!({"x": common::b64u(vec![1; bytes])}));
            refused!(Jwk::parse(wrong.to_string().as_bytes()), KeyError::WrongLength { expected: 32, .. });
        }
    }
}

#[test]
fn rfc8037_2_private_key_that_is_not_of_its_public_key_is_refused() {
    let wrong =
        |name, alg| with(&test_key(name)["jwk"], json!({"alg": alg, "d": common::b64u([5; 32])})).to_string();
    refused!(SigningKey::from_jwk(wrong("Ed25519", "EdDSA").as_bytes()), KeyError::HalvesDiffer);
    refused!(DecryptionKey::from_jwk(wrong("X25519", "ECDH-ES").as_bytes()), KeyError::HalvesDiffer);
}

#[test]
fn rfc8037_5_all_zero_shared_secret_is_refused() {
    // The eight points of small order: whatever the private key, the shared secret is zero and known to everyone.
    let bob = with(&vectors("rfc8037")["A.6"]["bob"], json!({"alg": "ECDH-ES"}));
    let bob = DecryptionKey::from_jwk(bob.to_string().as_bytes()).unwrap();
    let zero = concat_kdf(&[0; 32], "A128GCM", b"", b"", 16);
    for point in SMALL_ORDER_POINTS {
        let epk = json!({"kty": "OKP", "crv": "X25519", "x": common::b64u(common::hex(point))});
        let header = json!({"alg": "ECDH-ES", "epk": epk, "enc": "A128GCM"}).to_string();
        let token = common::forge_jwe(&header, b"", &zero, b"from anyone");
        let token = Undecrypted::parse(&token).unwrap();
        refused!(bob.decrypt(&token, ANY_ENC), DecryptError::EphemeralKey(KeyError::SmallOrderPoint(_)));
    }
}

#[test]
fn rfc8410_7_x25519_documents_are_read_strictly() {
    let alg = KeyManagementAlgorithm::EcdhEs;
    let key = common::decryption_key(alg, "X25519");
    let der = key.to_pkcs8_der().unwrap();
    for end in 0..der.len() {
        assert!(DecryptionKey::from_pkcs8_der(alg, &der[..end]).is_err());
    }
    assert!(DecryptionKey::from_pkcs8_der(alg, &[&der[..], &[0]].concat()).is_err());
    refused!(
        DecryptionKey::from_pkcs8_der(KeyManagementAlgorithm::RsaOaep, &der),
        KeyError::AlgorithmMismatch(..)
    );
    // Version 2 of RFC 5958 states the public key: the right one is taken, another refused.
    let version_2 = |public: &[u8]| {
        let mut der = [&der[..], &[0x81, 0x21, 0], public].concat();
        der[1] += 35;
        der[4] = 1;
        DecryptionKey::from_pkcs8_der(alg, &der)
    };
    let x = unb64u(text(&test_key("X25519")["jwk"]["x"]));
    assert_eq!(version_2(&x).unwrap().kid(), key.kid());
    refused!(version_2(&[9; 32]), KeyError::HalvesDiffer);
}

/// RFC 7748 §6.1 and https://cr.yp.to/ecdh.html#validate: u = 0, 1, the two of order 8, and those of p-1, p, p+1.
const SMALL_ORDER_POINTS: [&str; 9] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    // The top bit is no part of the coordinate.
    "0000000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];
